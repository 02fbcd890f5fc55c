"""The shape of artefacts.yaml: one entry per table or figure.

The comments in config/artefacts.yaml explain the keys. The registry of kinds (kinds.py) says which keys an
entry must have.
"""

from typing import Literal, TypedDict


class Panel(TypedDict):
    """What one panel shows: the scores of one region at one split of the data."""

    region: str
    split: str


class ArtefactEntry(TypedDict, total=False):
    """An entry of artefacts.yaml. Which keys an entry has depends on its kind.

    Attributes:
        kind: key of KINDS.
        title: printed above the table or figure.
        published: name of the table in config/published.csv, or names of several tables.
        rows: name of the row in config/published.csv -> name of the experiment, or of several.
        columns: printed name -> name of the experiment, or of several.
        panels: the regions and splits whose scores are shown.
        across: what the columns of a printed table are.
        metrics: names of the metrics, as in config/published.csv.
        unit: unit of the printed scores.
        folds: whether every fold is printed ("each", the default) or only the average.
        best: whether the best means are marked among all rows ("all", the default) or within each method.
        elsewhere: name of another published table, whose numbers fill the cells that this one lacks.
        patch: voxels (z, y, x) of the patch that the paper states.
        datasets: printed name -> names of data sets, which label the same patients differently.
        truth: the data set whose scans and labels a figure shows.
        regions: regions of `truth` to show; the slice is the one that shows most of the last region.
        split: name of the split in the scores.
        fold: number of the fold.
        cases: number of cases or slices to show.
        experiment: name of the experiment whose network or relation matrices are shown.
        left, right: names of the two relation matrices that are compared.
        curve: column of log.csv that is plotted.
        localisers: printed name -> name of the localiser.
        segmented: printed names of the localisers whose segmentations are shown.
        printed: data set -> printed column -> number, as the paper prints it.
    """

    kind: str
    title: str
    published: str | list[str]
    rows: dict[str, str | list[str]]
    columns: dict[str, str | list[str]]
    panels: list[Panel]
    across: Literal["folds", "panels"]
    metrics: list[str]
    unit: Literal["fraction", "percent"]
    folds: Literal["each", "average"]
    best: Literal["all", "method"]
    elsewhere: str
    patch: list[int]
    datasets: dict[str, list[str]]
    truth: str
    regions: list[str]
    split: str
    fold: int
    cases: int
    experiment: str
    left: str
    right: str
    curve: str
    localisers: dict[str, str]
    segmented: list[str]
    printed: dict[str, dict[str, str | int]]


# Where a figure of cases finds the segmentation of a region; `class` is the label id in the predictions.
Place = TypedDict("Place", {"experiment": str, "dataset": str, "class": int})
Shown = dict[str, dict[str, Place]]  # printed column -> region -> where its segmentation is
