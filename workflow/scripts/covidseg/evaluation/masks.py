"""The true and the predicted mask of a region, with whatever a metric needs to compare the two masks."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from covidseg.cases.boxes import bounding_box
from covidseg.evaluation.lesions import Detection, count_detected
from covidseg.evaluation.sections import Lesions
from covidseg.parallel import in_parallel

Spacing = tuple[float, float, float]


class Confusion(NamedTuple):
    """Numbers of voxels by truth and prediction."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def truth(self) -> int:
        """Number of voxels of the true mask."""
        return self.true_positive + self.false_negative

    @property
    def prediction(self) -> int:
        """Number of voxels of the predicted mask."""
        return self.true_positive + self.false_positive


@dataclass(frozen=True, eq=False)
class Masks:
    """Two masks of one region in one case, and the settings of the comparison. Every metric takes this.

    Attributes:
        truth: bool (z, y, x).
        prediction: bool (z, y, x), the shape of `truth`.
        spacing: distance between voxel centres (z, y, x) in mm.
        tolerance: largest distance in mm between surface elements that agree, for the NSD.
        lesions: what counts as a lesion, and when a lesion counts as found.
        lung_voxels: numbers of voxels of both lungs, infection included, in the truth and in the prediction;
            None if the lungs are not segmented in both.

    Raises:
        ValueError: the masks differ in shape or are not boolean, a spacing is not positive and finite, or
            the tolerance is negative.
    """

    truth: np.ndarray
    prediction: np.ndarray
    spacing: Spacing
    tolerance: float
    lesions: Lesions
    lung_voxels: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        truth, prediction = self.truth, self.prediction
        if truth.shape != prediction.shape:
            raise ValueError(
                f"masks of different shape: truth {truth.shape} and prediction {prediction.shape}"
            )
        if truth.dtype != bool or prediction.dtype != bool:
            raise ValueError(f"masks must be boolean: truth is {truth.dtype}, prediction {prediction.dtype}")
        spacing, tolerance = self.spacing, self.tolerance
        if len(spacing) != 3 or not all(0 < step < np.inf for step in spacing) or not tolerance >= 0:
            raise ValueError(
                f"spacing {spacing} mm and tolerance {tolerance} mm: expected three lengths and one"
            )

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in mL."""
        return float(np.prod(self.spacing)) / 1000

    @cached_property
    def box(self) -> tuple[slice, ...] | None:
        """Smallest box (z, y, x) with all voxels of both masks; None if both are empty."""
        # Both at the same time: to read whole masks takes most of the time if what they show is small.
        boxes = [box for box in in_parallel(bounding_box, (self.truth, self.prediction), 2) if box]
        if not boxes:
            return None
        sides = zip(*boxes, strict=True)
        return tuple(slice(min(s.start for s in side), max(s.stop for s in side)) for side in sides)

    @cached_property
    def boxed(self) -> tuple[np.ndarray, np.ndarray]:
        """Truth and prediction within their box: what is left to compare if the masks are small."""
        box = self.box or np.s_[:0, :0, :0]
        return self.truth[box], self.prediction[box]

    @cached_property
    def confusion(self) -> Confusion:
        """Numbers of true positive, false positive, false negative and true negative voxels."""
        truth, prediction = self.boxed
        both = int(np.count_nonzero(truth & prediction))
        predicted, true = int(np.count_nonzero(prediction)), int(np.count_nonzero(truth))
        return Confusion(both, predicted - both, true - both, self.truth.size - predicted - true + both)

    @cached_property
    def detection(self) -> Detection:
        """Numbers of lesions, found and missed, true and false."""
        return count_detected(*self.boxed, voxel_ml=self.voxel_ml, rule=self.lesions)
