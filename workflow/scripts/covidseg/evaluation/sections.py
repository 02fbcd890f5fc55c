"""Types of the configuration's sections `inference` and `evaluation`, and of what their rules pass."""

from typing import TypedDict


class Inference(TypedDict):
    """Section `inference`: the sliding window.

    Attributes:
        step: distance from one tile to the next, as a share of the patch.
        mirror_axes: axes along which tiles are mirrored, to average the predictions: 0 is z, 1 is y, 2 is x.
        tiles: number of tiles per forward pass, halved while the memory of a GPU is too small.
    """

    step: float
    mirror_axes: list[int]
    tiles: int


class Lesions(TypedDict):
    """Section `evaluation.lesions`: what counts as a lesion, and when a lesion counts as found.

    Attributes:
        minimum_ml: volume in mL of the smallest connected component that is a lesion.
        overlap: share of a lesion's voxels that the other mask must cover; 0 stands for one voxel.
    """

    minimum_ml: float
    overlap: float


class Evaluation(TypedDict):
    """Section `evaluation`: metrics, intervals and tests.

    Attributes:
        tolerance_mm: region -> distance in mm within which two surfaces agree.
        lesions: what counts as a lesion, and when a lesion counts as found.
        bootstrap: number of bootstrap samples.
        confidence: confidence level of the intervals, 0 to 1.
    """

    tolerance_mm: dict[str, float]
    lesions: Lesions
    bootstrap: int
    confidence: float


class ScoredExperiment(TypedDict):
    """The part of an experiment that its scores depend on.

    Attributes:
        name, paper, strategy, source: the columns of scores.csv that describe the model.
        evaluate: data set -> name of the split in the scores.
        labels: data set -> label id of the data set -> class in the predictions.
    """

    name: str
    paper: str
    strategy: str
    source: str
    evaluate: dict[str, str]
    labels: dict[str, dict[int, int]]
