"""Tables that are no tables of scores: settings, data sets, layers, parameters and volumes."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from covidseg.paper.layout import panel_title
from covidseg.paper.measures import measure_of
from covidseg.paper.parameters_table import PARTS
from covidseg.paper.tables import NOT_RUN
from covidseg.reading import read_table

HEADINGS = {"row": "Method", "n": "Patients", "title": "Name", "dataset": "Data set", "column": "Part"}
Cell = tuple[str, float | None]  # text, and the number to sort by if there is one


@dataclass(frozen=True)
class PlainTable:
    """A table of words and numbers.

    Attributes:
        columns: (heading, whether all of the column's cells are numbers).
        rows: the cells of each row.
    """

    columns: list[tuple[str, bool]]
    rows: list[list[Cell]]


def read_plain_table(path: Path, kind: str) -> PlainTable:
    """Read the table of an artefact; a row that is not run says so.

    Args:
        path: <artefact>.csv.
        kind: of the artefact.
    """
    table = read_table(path, [], keep_default_na=False, dtype=str)
    table = _by_metric(table) if kind == "volumes" else _without_status(table)
    if kind == "parameters":
        table = table.drop(columns="experiment").assign(
            part=table["part"].map(lambda part: PARTS.get(part, part))
        )
    table = table.loc[:, (table != "").any()]
    return PlainTable(
        [(heading(str(name)), _numeric(table[name])) for name in table],
        [[cell_of(text) for text in line] for line in table.itertuples(index=False, name=None)],
    )


def _without_status(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a reason in place of the columns on rows that are not run."""
    if "status" not in table:
        return table
    missing = table["status"] == NOT_RUN
    needed = table["left_out"] if "left_out" in table else pd.Series("", table.index)
    reasons = ("needs " + needed).where(missing & (needed != ""), NOT_RUN).where(missing, "")
    return table.drop(columns=["status", "left_out"], errors="ignore").assign(not_run=reasons)


def _by_metric(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per method, source and panel, and one column per metric, as mean ± deviation."""
    texts = [
        NOT_RUN if row["status"] == NOT_RUN else _mean(row["ours_mean"], row["ours_std"])
        for _, row in table.iterrows()
    ]
    panels = [panel_title(*pair) for pair in zip(table["region"], table["split"], strict=True)]
    table = table.assign(text=texts, panel=panels)
    keys = ["row", "source", "panel"] if len(set(panels)) > 1 else ["row", "source"]
    found = table.groupby([*keys, "metric"], sort=False)["text"].first().unstack(fill_value="")
    return found[list(dict.fromkeys(table["metric"]))].reset_index()


def _mean(mean: str, deviation: str) -> str:
    return " ± ".join(f"{float(text):.4g}" for text in (mean, deviation) if text) or "–"


def heading(column: str) -> str:
    """Return the heading of a column of a sheet."""
    known = HEADINGS.get(column) or measure_of(column).heading
    return known or column.replace("_mm", ", mm").replace("_ml", ", mL").replace("_", " ").capitalize()


def cell_of(text: str) -> Cell:
    """Return a cell's text, with four significant digits, and the number that it starts with."""
    number = number_of(text)
    if number is None or " " in text:
        return text.replace("-", "−") if number is not None else text, number
    digits = f"{number:,.0f}".replace(",", " ") if number == int(number) else f"{number:.4g}"
    return digits.replace("-", "−"), number


def number_of(text: str) -> float | None:
    """Return the number that a text starts with, or None."""
    try:
        return float(text.split(" ")[0])
    except ValueError:
        return None


def _numeric(column: pd.Series) -> bool:
    return all(number_of(text) is not None for text in column if text not in ("", "–", NOT_RUN))
