"""DSC and NSD of two masks: our functions and Google's surface-distance."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from metrics import SHAPE, SPACING, lungs
from scipy import ndimage

from covidseg.evaluation.masks import Masks
from covidseg.evaluation.metrics import dice, surface_dice
from covidseg.evaluation.sections import Lesions

LESIONS = Lesions(minimum_ml=0, overlap=0)  # not used: neither metric counts lesions


def ours(part: str, folder: Path, *, small: bool) -> Iterator[float]:
    """Yield the seconds of our DSC and NSD."""

    def score(truth: np.ndarray, prediction: np.ndarray, tolerance: float) -> None:
        masks = Masks(truth, prediction, SPACING, tolerance, LESIONS)
        dice(masks), surface_dice(masks)

    yield from _seconds(score, part, small=small)


def peer(part: str, folder: Path, *, small: bool) -> Iterator[float]:
    """Yield the seconds of the DSC and the NSD of surface-distance."""
    import surface_distance

    def score(truth: np.ndarray, prediction: np.ndarray, tolerance: float) -> None:
        distances = surface_distance.compute_surface_distances(truth, prediction, SPACING)
        surface_distance.compute_surface_dice_at_tolerance(distances, tolerance)
        surface_distance.compute_dice_coefficient(truth, prediction)

    yield from _seconds(score, part, small=small)


def _seconds(
    score: Callable[[np.ndarray, np.ndarray, float], None], part: str, *, small: bool
) -> Iterator[float]:
    """Yield the seconds per pair of masks: of lungs at 1 mm, or of a tumour of 6 cm at 3 mm."""
    truth, tolerance = (lungs(), 1.0) if part == "lungs" else (_tumour(), 3.0)
    if small:
        truth = truth[::4, ::8, ::8]
    rough = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(truth.shape, np.float32), 3)
    prediction = np.roll(ndimage.binary_dilation(truth), 1, 2) & (rough > -0.05)
    score(truth, prediction, tolerance)  # the first call also reads tables
    for _ in range(2 if small else 7):
        begun = time.perf_counter()
        score(truth, prediction, tolerance)
        yield time.perf_counter() - begun


def _tumour() -> np.ndarray:
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    offsets = ((z - 60) * SPACING[0], (y - 200) * SPACING[1], (x - 170) * SPACING[2])
    return np.asarray(sum(offset**2 for offset in offsets) < 30**2)
