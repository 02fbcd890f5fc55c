"""The shape of artefacts.yaml: one entry per table or figure.

config/artefacts.yaml says what the keys mean, and the registry of kinds which of them an entry must have.
"""

from typing import Literal, TypedDict


class Panel(TypedDict):
    """What is scored: a region, at a split of the data."""

    region: str
    split: str


class ArtefactEntry(TypedDict, total=False):
    """An entry of artefacts.yaml; its kind decides which of the keys it has.

    Attributes:
        kind: key of KINDS.
        title: above the table or figure.
        published: name of the table in config/published.csv, or of several.
        rows: name of the row in config/published.csv -> experiment, or several.
        columns: printed name -> experiment, or several.
        panels: what is scored.
        across: what the columns of a printed table are.
        metrics: as in config/published.csv.
        unit: of the scores.
        folds: whether every fold is printed (the default) or the average alone.
        datasets: printed name -> data sets, with different labels of the same patients.
        truth: the data set whose scans and labels a figure shows.
        regions: of the truth; the last one chooses the slice.
        split: of the data.
        fold: number of the fold.
        cases: number of the cases or slices that are shown.
        experiment: whose relations are shown.
        left, right: names of the two relation matrices.
        curve: column of log.csv.
        localisers: printed name -> localiser.
        segmented: printed name of the localiser whose segmentation is shown.
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
    segmented: str


# Where a figure of cases finds the segmentation of a region; class is that in the predictions.
Place = TypedDict("Place", {"experiment": str, "dataset": str, "class": int})
Shown = dict[str, dict[str, Place]]  # printed column -> region -> where it is found
