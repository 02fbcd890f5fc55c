"""The layout of a table of scores as in the papers, with the best two means per column marked."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor, log10
from typing import Any

import numpy as np
import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.paper.cells import Cell
from covidseg.paper.measures import SIGNS, measure_of
from covidseg.paper.tables import NOT_RUN, NOT_TIMED, SERIES, TIME
from covidseg.paper.titles import TITLES

ELSEWHERE = "†"  # after a number that the paper prints in another table
DIGITS = {"fraction": 3, "percent": 1, "mL": 1}  # number of decimals if the paper prints no number
FEWEST = {"fraction": 2, "percent": 1, "mL": 1}  # smallest number of decimals
HEADINGS = {
    TIME: "Seconds per training epoch",
    "DSC_lower_bound": "Lowest mean DSC over the range of thresholds",
}
SHORT = {"DSC_lower_bound": "lowest DSC"}  # metric -> its name in the heading of a column
SPLITS = {
    "test": "test",
    "mosmed": "MosMed",
    "in_domain": "in-domain",
    "validation": "validation",
    "test_covid_cell": "COVID-cell",
    "test_covid19_image_data_collection": "COVID-19 volumes",
}


@dataclass(frozen=True)
class Printer:
    """The cells of a table as texts.

    Attributes:
        cells: table as returned by `table_cells`, with three more columns: the texts `ours` and `published`,
            and the `mark` of ours as in `Cell`.
        intervals: table as returned by `interval_rows`.
        decimals: metric -> number of decimals, or None for three significant digits.
        differences: whether the difference between ours and published is printed.
    """

    cells: pd.DataFrame
    intervals: pd.DataFrame
    decimals: dict[str, int | None]
    differences: bool = True

    @classmethod
    def of(
        cls, cells: pd.DataFrame, intervals: pd.DataFrame, *, best: str = "all", differences: bool = True
    ) -> "Printer":
        """Write every number with the decimals that the paper prints for the metric, and mark the best.

        Args:
            cells: table as returned by `table_cells`.
            intervals: table as returned by `interval_rows`.
            best: "all" marks the best two means among all rows, "method" the best mean of each method.
            differences: whether the difference between ours and published is printed.
        """
        decimals = {str(metric): _decimals(part) for metric, part in cells.groupby("metric")}
        marks = _marks(cells, decimals, best)
        lines = list(_rows(cells))
        ours = [
            line.status
            if line.status in (NOT_RUN, NOT_TIMED)
            else _number(line.ours_mean, line.ours_std, decimals[line.metric])
            for line in lines
        ]
        published = [
            _number(line.published_mean, line.published_std, decimals[line.metric])
            + (ELSEWHERE if line.published_in else "")
            for line in lines
        ]
        texts = cells.assign(ours=ours, published=published, mark=marks)
        return cls(texts, intervals, decimals, differences)

    def by_fold(self, metric: str) -> pd.DataFrame:
        """Return the table of one metric, with one row per method and source and one column per fold."""
        part = self.cells[self.cells.metric == metric]
        averages = part[part.fold == "avg"]
        lines = []
        for (row, source), own in part.groupby(["row", "source"], sort=False):
            line = {"Method": row, "Source": source}
            for cell in _rows(own):
                line[_fold_title(cell.fold)] = Cell(cell.ours, cell.published, cell.mark)
            average = own[own.fold == "avg"].iloc[0]
            if metric == TIME:
                line["Ratio"] = Cell(*_ratios(average, averages.iloc[0]))
            else:
                line |= self._beyond_the_paper(average)
            lines.append(line)
        return pd.DataFrame(lines).fillna("–")

    def by_panel(self, metrics: list[str]) -> pd.DataFrame:
        """Return a table of metrics, with one row per method and fold and one column per panel and metric.

        The column "Fold" is left out if the cells have only one fold.
        """
        part = self.cells[self.cells.metric.isin(metrics)]
        folds = part.fold.nunique() > 1
        lines: dict[tuple[str, str], dict[tuple[str, str], str | Cell]] = {}
        for cell in _rows(part):
            line = lines.setdefault((cell.row, cell.fold), {("", "Method"): cell.row})
            if folds:
                line["", "Fold"] = _fold_title(cell.fold)
            key = panel_title(cell.region, cell.split), SHORT.get(cell.metric, cell.metric)
            line[key] = Cell(cell.ours, cell.published, cell.mark)
        panels = dict.fromkeys(zip(part.region, part.split, strict=True))
        columns = [("", "Method"), ("", "Fold")][: 1 + folds]
        columns += [
            (panel_title(*panel), SHORT.get(metric, metric)) for panel in panels for metric in metrics
        ]
        return pd.DataFrame(lines.values(), columns=pd.MultiIndex.from_tuples(columns)).fillna("–")

    def averages(self) -> pd.DataFrame:
        """Return one row per average over all folds, with the columns that no paper prints."""
        averages = self.cells[(self.cells.fold == "avg") & (self.cells.metric != TIME)]
        return pd.DataFrame(
            {
                "Method": average.row,
                "Panel": panel_title(average.region, average.split),
                "Metric": SHORT.get(average.metric, average.metric),
                "Avg": Cell(average.ours, average.published, average.mark),
                **self._beyond_the_paper(average),
            }
            for _, average in averages.iterrows()
        )

    def _beyond_the_paper(self, average: pd.Series) -> dict[str, str | int]:
        """Return the columns that no paper prints: difference, confidence interval and number of patients.

        Args:
            average: row of `cells` for the average over all folds.
        """
        if average.status == NOT_RUN:
            return dict.fromkeys((*(["Difference"] if self.differences else []), "CI", "n"), NOT_RUN)
        keys, decimals = [*SERIES, "metric"], self.decimals[average.metric]
        found = self.intervals[(self.intervals[keys] == average[keys]).all(axis=1)]
        limits = found[["low", "high"]].dropna().to_numpy().ravel()
        difference = average.difference
        text = "–" if np.isnan(difference) else _signed(difference, decimals or 0)
        return {
            **({"Difference": text} if self.differences else {}),
            "CI": " to ".join(f"{limit:.{decimals}f}" for limit in limits) or "–",
            "n": int(average.n),
        }


def _rows(cells: pd.DataFrame) -> Iterator[Any]:
    """Yield one tuple per cell; the columns are the attributes of the tuple."""
    return cells.itertuples()


def _fold_title(fold: str) -> str:
    return "Avg" if fold == "avg" else f"Fold {fold}"


def panel_title(region: str, split: str) -> str:
    """Return the title of a panel, which shows one region at one split of the data."""
    return f"{TITLES[region]} ({split_title(split)})"


def split_title(split: str) -> str:
    """Return the printed name of a split; a user's own name is printed with spaces for underscores."""
    return SPLITS.get(split, split.replace("_", " "))


def _decimals(part: pd.DataFrame) -> int | None:
    """Return the number of decimals that the paper prints for a metric, or None for three significant digits.

    Args:
        part: the cells of the metric.
    """
    unit = part.unit.iloc[0]
    if unit == "seconds":
        return None
    known = part.published_mean.dropna()
    printed = [len(repr(mean).partition(".")[2]) for mean in known.tolist()]
    return max(FEWEST[unit], *printed) if printed else DIGITS[unit]


def _marks(cells: pd.DataFrame, decimals: dict[str, int | None], best: str) -> list[str]:
    """Return "best", "second" or "" per cell, in a comparison of our means within each column.

    Means that are equal as printed have the same mark. A single mean has no mark, nor has a metric of which
    no value is better. Within the methods only the best is marked, as in wang2020 and wang2021.

    Args:
        cells: table as returned by `table_cells`.
        decimals: metric -> number of decimals, or None for three significant digits.
        best: "all" or "method": which rows are compared.
    """
    texts = [
        _number(mean, np.nan, decimals[metric])
        for mean, metric in zip(cells.ours_mean, cells.metric, strict=True)
    ]
    values = pd.to_numeric(pd.Series(texts, cells.index), errors="coerce")
    # Rank 1: the fewest seconds, the smallest error or the highest score. Other metrics get no mark.
    values = values * [SIGNS[measure_of(metric).better] for metric in cells.metric]
    keys = ["fold", "region", "split", "metric", *(["row"] if best == "method" else [])]
    column = values.groupby([cells[key] for key in keys])
    marks = column.rank(method="dense").map({1: "best"} if best == "method" else {1: "best", 2: "second"})
    return marks.where(column.transform("count") > 1).fillna("").tolist()


def _number(mean: float, std: float, decimals: int | None) -> str:
    if np.isnan(mean):
        return "–"
    if decimals is None:
        decimals = max(0, 2 - floor(log10(mean)))
    return f"{mean:.{decimals}f}" + ("" if np.isnan(std) else f" ± {std:.{decimals}f}")


def _signed(difference: float, decimals: int) -> str:
    """Return a difference with its sign; with one more decimal where rounding would show it as 0."""
    shown = decimals if round(difference, decimals) else decimals + 1
    return f"{difference:+.{shown}f}" if round(difference, shown) else f"{0:.{decimals}f}"


def _ratios(average: pd.Series, first: pd.Series) -> tuple[str, str]:
    ours = _number(average.ours_mean / first.ours_mean, np.nan, 2)
    return (
        average.status if average.status in (NOT_RUN, NOT_TIMED) else ours,
        _number(average.published_mean / first.published_mean, np.nan, 2),
    )


def lay_out(printer: Printer, artefact: ArtefactEntry) -> dict[str, pd.DataFrame]:
    """Return heading -> table.

    If the entry has `across: folds`, there is one table per metric. Otherwise there is one table per pair of
    metrics, and a last table with the averages.
    """
    metrics = artefact["metrics"]
    if artefact["across"] == "folds":
        return {HEADINGS.get(metric, metric): printer.by_fold(metric) for metric in metrics}
    pairs = [metrics[start : start + 2] for start in range(0, len(metrics), 2)]
    tables = {
        " and ".join(HEADINGS.get(metric, metric) for metric in pair): printer.by_panel(pair)
        for pair in pairs
    }
    return tables | {"Averages": printer.averages()}
