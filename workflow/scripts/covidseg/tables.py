"""The papers' tables from scores.csv, each number beside the published one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from covidseg.files import write_text
from covidseg.statistics import bootstrap_interval, paired_tests, summarise

KEYS = ["row", "source", "fold", "region", "split", "metric", "unit"]
COLUMNS = [*KEYS, "ours_mean", "ours_std", "published_mean", "published_std", "difference", "n"]
DIGITS = {"fraction": 3, "percent": 1}
CASE = ["fold", "case"]


@dataclass(frozen=True)
class TableRow:
    """A row of a printed table: its name and source in the papers' words, and our experiment."""

    row: str
    source: str
    experiment: str


def read_scores(path: Path) -> pd.DataFrame:
    """Read scores.csv; "none" stays a word and empty values become NaN."""
    return pd.read_csv(path, keep_default_na=False, na_values={"value": [""]}, dtype={"fold": str})


def read_published(path: Path, paper: str, table: str) -> pd.DataFrame:
    """Read the published numbers of one table, indexed by the columns KEYS."""
    published = pd.read_csv(
        path, keep_default_na=False, na_values={"mean": [""], "std": [""]}, dtype={"fold": str}
    )
    return published[(published.paper == paper) & (published.table == table)].set_index(KEYS)


def table_cells(
    rows: list[TableRow], artefact: dict, scores: pd.DataFrame, published: pd.DataFrame
) -> pd.DataFrame:
    """Return one row a printed cell, with the columns of the contract.

    Means and standard deviations under "ours" come from `scores` alone; where there are none they are NaN.
    """
    cells = []
    for row in rows:
        for metric in artefact["metrics"]:
            for fold, values in _by_fold(_select(scores, row.experiment, artefact, metric), artefact["unit"]):
                key = (
                    row.row,
                    row.source,
                    fold,
                    artefact["region"],
                    artefact["split"],
                    metric,
                    artefact["unit"],
                )
                mean, std, count = summarise(values)
                known = (
                    published.loc[[key]].iloc[0]
                    if key in published.index
                    else {"mean": np.nan, "std": np.nan}
                )
                difference = mean - known["mean"]
                cells.append((*key, mean, std, known["mean"], known["std"], difference, count))
    return pd.DataFrame(cells, columns=COLUMNS)


def _select(scores: pd.DataFrame, experiment: str, artefact: dict, metric: str) -> pd.DataFrame:
    return scores[
        (scores.experiment == experiment)
        & (scores.region == artefact["region"])
        & (scores.split == artefact["split"])
        & (scores.metric == metric)
    ]


def _by_fold(scores: pd.DataFrame, unit: str) -> Iterator[tuple[str, pd.Series]]:
    values = scores["value"] * (100 if unit == "percent" else 1)
    for fold, part in values.groupby(scores["fold"]):
        yield str(fold), part
    yield "avg", values


def interval_rows(
    rows: list[TableRow], artefact: dict, scores: pd.DataFrame, evaluation: dict, seed: int
) -> pd.DataFrame:
    """Return the bootstrap interval of every pooled mean, and how many cases were left out as undefined."""
    found = []
    for row in rows:
        for metric in artefact["metrics"]:
            values = _select(scores, row.experiment, artefact, metric)["value"]
            low, high = bootstrap_interval(
                values.dropna().to_numpy(),
                resamples=evaluation["bootstrap"],
                confidence=evaluation["confidence"],
                seed=seed,
            )
            mean, _, count = summarise(values)
            found.append((row.row, row.source, metric, mean, low, high, count, int(values.isna().sum())))
    return pd.DataFrame(found, columns=["row", "source", "metric", "mean", "low", "high", "n", "undefined"])


def comparison_rows(rows: list[TableRow], artefact: dict, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the paired tests between all rows of the table, corrected within each metric."""
    found = []
    for metric in artefact["metrics"]:
        samples = {}
        for row in rows:
            selected = _select(scores, row.experiment, artefact, metric)
            samples[row.experiment] = selected.set_index(CASE)["value"]
        found += [{"metric": metric, **test} for test in paired_tests(samples)]
    return pd.DataFrame(found, columns=["metric", "a", "b", "n", "median_difference", "p", "p_holm"])


def printed(cells: pd.DataFrame, intervals: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Lay a metric's cells out as the papers do: one row a strategy and source, one column a fold."""
    lines = []
    for (row, source), part in cells[cells.metric == metric].groupby(["row", "source"], sort=False):
        digits = DIGITS[part.unit.iloc[0]]
        line = {"Strategy": row, "Source": source}
        for cell in part.itertuples():
            name = "Avg" if cell.fold == "avg" else f"Fold {cell.fold}"
            ours = _number(cell.ours_mean, cell.ours_std, digits)
            line[name] = f"{ours} [{_number(cell.published_mean, cell.published_std, digits)}]"
        average = part[part.fold == "avg"].iloc[0]
        interval = intervals[
            (intervals.row == row) & (intervals.source == source) & (intervals.metric == metric)
        ].iloc[0]
        line["Difference"] = "–" if np.isnan(average.difference) else f"{average.difference:+.{digits}f}"
        line["CI"] = f"{interval.low:.{digits}f} to {interval.high:.{digits}f}"
        line["n"] = int(average.n)
        lines.append(line)
    return pd.DataFrame(lines)


def _number(mean: float, std: float, digits: int) -> str:
    if np.isnan(mean):
        return "–"
    return f"{mean:.{digits}f}" + ("" if np.isnan(std) else f" ± {std:.{digits}f}")


def write_printed(
    base: Path,
    artefact: dict,
    cells: pd.DataFrame,
    intervals: pd.DataFrame,
    *,
    configuration: str,
    confidence: float,
) -> None:
    """Write <base>.md and <base>.tex, one table a metric, under a caption that names the configuration."""
    note = (
        f"Configuration: {configuration}. Each cell: ours, mean ± standard deviation over cases [published]. "
        f"Avg pools the cases of all folds; Difference is ours minus published; CI is the {confidence:.0%} "
        "bootstrap interval of our mean; n counts the cases whose value is defined."
    )
    if configuration != "paper":
        note += " The data are not the papers': ours and published cannot be compared."
    markdown, latex = [f"# {artefact['title']}", "", note], []
    for metric in artefact["metrics"]:
        table = printed(cells, intervals, metric)
        markdown += ["", f"## {metric}", "", table.to_markdown(index=False)]
        latex.append(_latex(table, f"{artefact['title']}: {metric}. {note}"))
    misprints = (
        "Published numbers stand as printed; known misprints are listed in config/published_errata.md."
    )
    markdown += ["", misprints, ""]
    write_text(base.with_suffix(".md"), "\n".join(markdown))
    write_text(base.with_suffix(".tex"), "\n".join(latex))


def _latex(table: pd.DataFrame, caption: str) -> str:
    columns = "ll" + "r" * (len(table.columns) - 2)
    text = table.style.hide(axis="index").format(escape="latex").format_index(escape="latex", axis=1)
    body = text.to_latex(column_format=columns, hrules=True, caption=caption.replace("%", r"\%"))
    return body.replace("±", r"$\pm$").replace("–", "--")


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, atomically, numbers with nine decimals."""
    write_text(path, table.to_csv(index=False, float_format="%.9g", lineterminator="\n"))
