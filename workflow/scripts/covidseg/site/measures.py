"""The measures of a table of scores, as a page shows them: heading, axis, decimals, marks of the best."""

from dataclasses import dataclass

import pandas as pd

from covidseg.config.artefacts import panels
from covidseg.config.entries import ArtefactEntry
from covidseg.paper.layout import HEADINGS, SHORT, panel_title
from covidseg.paper.measures import SIGNS, measure_of
from covidseg.paper.tables import TIME
from covidseg.site.axes import Axis

DECIMALS = {"fraction": 3, "percent": 1, "mL": 1, "seconds": 1}
PANEL = ["region", "split", "metric"]


@dataclass(frozen=True, eq=False)
class Measure:
    """A measure of a table: a metric of a region at a split of the data.

    Attributes:
        region, split, metric: as in the table.
        title: of the column.
        panel: title of the panel, or "" if the table has a single one.
        unit: of the numbers.
        decimals: that are printed.
        axis: that shows intervals and published numbers of all rows.
        marks: (row, source) -> "best" or "second".
    """

    region: str
    split: str
    metric: str
    title: str
    panel: str
    unit: str
    decimals: int
    axis: Axis
    marks: dict[tuple[str, str], str]

    @property
    def key(self) -> tuple[str, str, str]:
        """Region, split and metric."""
        return self.region, self.split, self.metric

    @property
    def points(self) -> float:
        """Factor that turns the table's numbers into points, hundredths of a score."""
        return 100 if self.unit == "fraction" else 1

    @property
    def points_unit(self) -> str:
        """Unit of the numbers after they are multiplied by `points`."""
        return "points" if self.unit in ("fraction", "percent") else self.unit

    @property
    def patients_axis(self) -> Axis:
        """The axis of the patients' scores, which are shares."""
        return Axis.around([0.0, 1.0], margin=0)

    def text(self, value: float) -> str:
        """Return a number as it is printed; a dash for one that is undefined."""
        return "–" if pd.isna(value) else f"{value:.{self.decimals}f}".replace("-", "−")


def measures_of(
    entry: ArtefactEntry, cells: pd.DataFrame, intervals: pd.DataFrame, tolerances: dict[str, float]
) -> list[Measure]:
    """Return the measures of a table, in the order of its columns.

    Args:
        entry: the table's entry of artefacts.yaml.
        cells: rows of <table>.csv.
        intervals: rows of <table>_intervals.csv.
        tolerances: region -> tolerance of the NSD in mm.
    """
    parts = dict(list(cells[cells["fold"] == "avg"].groupby(PANEL)))
    keys = [(*place, metric) for place in panels(entry) for metric in entry["metrics"]]
    single = len(panels(entry)) == 1
    return [
        _measure(parts[key], intervals, single=single, note=note_on(key[2], tolerances[key[0]]))
        for key in keys
        if key in parts
    ]


def note_on(metric: str, tolerance: float) -> str:
    """Return in a few words what a metric measures."""
    notes = {"DSC": "overlap", "NSD": f"border within {tolerance:g} mm", TIME: ""}
    return notes.get(metric, "")


def _measure(part: pd.DataFrame, intervals: pd.DataFrame, *, single: bool, note: str) -> Measure:
    first = part.iloc[0]
    found = intervals[(intervals[PANEL] == first[PANEL]).all(axis=1)]
    shown = pd.concat([part["ours_mean"], part["published_mean"], found["low"], found["high"]])
    decimals = _decimals(part)
    name = SHORT.get(first["metric"], HEADINGS.get(first["metric"], first["metric"]))
    return Measure(
        region=first["region"],
        split=first["split"],
        metric=first["metric"],
        title=", ".join(filter(None, (name.replace("_", " "), note))),
        panel="" if single else panel_title(first["region"], first["split"]),
        unit=first["unit"],
        decimals=decimals,
        axis=Axis.around(shown, margin=6),
        marks=marks_of(part, decimals),
    )


def _decimals(part: pd.DataFrame) -> int:
    """Return the most decimals that the paper prints for the measure, and at least those of its unit."""
    printed = [len(repr(mean).partition(".")[2]) for mean in part["published_mean"].dropna().tolist()]
    return max(DECIMALS[part["unit"].iloc[0]], *printed, 0)


def marks_of(part: pd.DataFrame, decimals: int) -> dict[tuple[str, str], str]:
    """Return (row, source) -> "best" or "second" of our means; means that are printed alike share a mark."""
    values = part["ours_mean"].round(decimals) * SIGNS[measure_of(part["metric"].iloc[0]).better]
    if values.count() < 2:
        return {}
    marks = values.rank(method="dense").map({1: "best", 2: "second"})
    rows = zip(part["row"], part["source"], marks, strict=True)
    return {(row, source): mark for row, source, mark in rows if isinstance(mark, str)}
