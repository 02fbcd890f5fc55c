"""The shapes of artefacts.yaml, one entry per table or figure, and of claims.yaml, one entry per claim.

The comments in the two files explain the keys. The registry of kinds (kinds.py) says which keys an
entry must have.
"""

from typing import Any, Literal, TypedDict


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
        parts: printed column -> "train", or a split in the scores.
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
        claims: key of a paper in claims.yaml.
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
    parts: dict[str, str]
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
    claims: str


class SideEntry(TypedDict, total=False):
    """A side of a comparison that is not written as the mere name of an experiment.

    Attributes:
        experiments: names of the experiments.
        metric, region, split, folds: if they are not those of the comparison.
    """

    experiments: list[str]
    metric: str
    region: str
    split: str
    folds: list[int]


class ComparisonEntry(TypedDict, total=False):
    """A comparison of claims.yaml, or several: one per combination of a, b, metric, region, split and fold.

    Attributes:
        a, b: names of experiments, or one side.
        metrics: names of the metrics.
        regions: names of the regions.
        splits: names of the splits in the scores.
        folds: numbers of the folds; without them, all folds together.
        above, below: what the measured number is claimed to lie above and below.
        printed: the number in the text of the paper.
    """

    a: str | list[str] | SideEntry
    b: str | list[str] | SideEntry
    metrics: list[str]
    regions: list[str]
    splits: list[str]
    folds: list[int]
    above: float
    below: float
    printed: float


class ClaimEntry(TypedDict, total=False):
    """An entry of claims.yaml.

    Attributes:
        section: section of the paper.
        source: table or figure of the paper that shows it.
        claim: the claim in our words.
        comparisons: what judges the claim.
        most: whether the claim is about most of the comparisons and not about all.
        remark: what the reader must know.
        untold: why none of our numbers can judge the claim, in place of comparisons.
    """

    section: str
    source: str
    claim: str
    comparisons: list[ComparisonEntry]
    most: bool
    remark: str
    untold: str


Claims = dict[str, dict[str, ClaimEntry]]  # paper -> name -> claim


class CellParameters(TypedDict):
    """A cell as a parameter of the job that judges it.

    Attributes:
        series: the fields of the `Series` whose scores the cell averages.
        title: name of the experiment in the paper.
        metric: name of the metric.
        fold: number of the fold as text, or "avg".
        published: (tables, row, source) of each place in published.csv that may print the cell.
    """

    series: tuple[Any, ...]
    title: str
    metric: str
    fold: str
    published: list[tuple[str | list[str], str, str]]


class ComparisonParameters(TypedDict):
    """A `Comparison` (claims.py) as a parameter of the job that judges it."""

    a: list[CellParameters]
    b: list[CellParameters]
    above: float | None
    below: float | None
    printed: float | None


class ClaimParameters(TypedDict):
    """A claim as a parameter of the job that judges it: a `ClaimEntry` with its name and without gaps."""

    name: str
    section: str
    source: str
    claim: str
    comparisons: list[ComparisonParameters]
    most: bool
    remark: str
    untold: str


# Where a figure of cases finds the segmentation of a region; `class` is the label id in the predictions.
Place = TypedDict("Place", {"experiment": str, "dataset": str, "class": int})
Shown = dict[str, dict[str, Place]]  # printed column -> region -> where its segmentation is
