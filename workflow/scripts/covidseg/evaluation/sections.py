"""The sections `inference` and `evaluation` of the configuration, and the shape of what their rules pass."""

from typing import TypedDict


class Inference(TypedDict):
    """Section `inference`, of the sliding window.

    Attributes:
        step: distance from one tile to the next, as a share of the patch.
        mirror_axes: axes that predictions are averaged over: 0 is z, 1 is y, 2 is x.
        tiles: per forward pass.
    """

    step: float
    mirror_axes: list[int]
    tiles: int


class Evaluation(TypedDict):
    """Section `evaluation`.

    Attributes:
        tolerance_mm: region -> distance in mm within which two surfaces agree.
        bootstrap: number of resamplings.
        confidence: level of the intervals, 0 to 1.
    """

    tolerance_mm: dict[str, float]
    bootstrap: int
    confidence: float


class ScoredExperiment(TypedDict):
    """What the scores depend on, of an experiment.

    Attributes:
        name, paper, strategy, source: the columns by which the scores tell of the model.
        evaluate: data set -> name of the split in the scores.
        labels: data set -> its label id -> class in the predictions.
    """

    name: str
    paper: str
    strategy: str
    source: str
    evaluate: dict[str, str]
    labels: dict[str, dict[int, int]]
