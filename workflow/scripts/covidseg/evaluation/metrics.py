"""How well a segmentation agrees with the ground truth: DSC, NSD and the measures of the confusion matrix.

All metrics take two boolean arrays (z, y, x) and return a float. If both masks are empty, the value is NaN
(undefined): means leave the case out. If only one mask is empty, the value is 0. Specificity and accuracy
also count the background and follow their formulas with empty masks too.
"""

import runpy
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np

Spacing = tuple[float, float, float]


def dice(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Return the Dice similarity coefficient, DSC (ma2021 II-D, wang2021 eq. 7)."""
    true_positive, false_positive, false_negative, _ = confusion(truth, prediction)
    return _ratio(2 * true_positive, 2 * true_positive + false_positive + false_negative)


def sensitivity(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Return the share of the truth that was found (recall); 0 if the truth is empty, the prediction not."""
    true_positive, false_positive, false_negative, _ = confusion(truth, prediction)
    if true_positive + false_negative == 0 < false_positive:
        return 0.0
    return _ratio(true_positive, true_positive + false_negative)


def precision(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Return the share of the prediction that is true; 0 if the prediction is empty, the truth not."""
    return sensitivity(prediction, truth)


def f1(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Return the harmonic mean of precision and sensitivity, which equals the DSC of the same case."""
    return dice(truth, prediction)


def specificity(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Return the share of the background that is predicted as background; NaN if there is no background."""
    _, false_positive, _, true_negative = confusion(truth, prediction)
    return _ratio(true_negative, true_negative + false_positive)


def accuracy(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Return the share of all voxels whose prediction is right."""
    true_positive, _, _, true_negative = confusion(truth, prediction)
    return _ratio(true_positive + true_negative, truth.size)


def surface_dice(truth: np.ndarray, prediction: np.ndarray, spacing: Spacing, tolerance: float) -> float:
    """Return the normalised surface Dice, NSD (ma2021 II-D, wang2021 eq. 8).

    A surface element belongs to a 2x2x2 neighbourhood of voxels with both foreground and background. An
    element's weight is its area. An element agrees if an element of the other surface is at most the
    tolerance away. The values equal those of google-deepmind/surface-distance.

    No distance is computed, since only the comparison with the tolerance matters: the other surface is
    searched at every grid offset within the tolerance, the shortest offset first.

    Args:
        truth: bool (z, y, x).
        prediction: bool (z, y, x), the shape of `truth`.
        spacing: distance between voxel centres (z, y, x) in mm.
        tolerance: largest distance in mm between surface elements that agree.

    Returns:
        0 to 1; NaN if both masks are empty.

    Raises:
        ValueError: the masks differ in shape or are not boolean, a spacing is not positive and finite, or
            the tolerance is negative.
    """
    _check(truth, prediction)
    if len(spacing) != 3 or not all(0 < step < np.inf for step in spacing) or not tolerance >= 0:
        raise ValueError(f"spacing {spacing} mm and tolerance {tolerance} mm: expected three lengths and one")
    z, y, x = spacing
    spacing = float(z), float(y), float(x)
    box = _bounding_box(truth | prediction)
    if box is None:
        return float("nan")
    areas = _surface_areas(spacing)
    surfaces, elements = [], []
    for mask in (truth, prediction):
        codes = _neighbour_codes(mask[box])
        surface = (codes != 0) & (codes != 255)
        surfaces.append(surface)
        elements.append((np.flatnonzero(surface), areas[codes[surface]]))
    if not all(len(found) for found, _ in elements):
        return 0.0
    shifts = _offsets(spacing, float(tolerance), surfaces[0].shape)
    apart = sum(
        _area_apart(indices, area, other, shifts)
        for (indices, area), other in zip(elements, reversed(surfaces), strict=True)
    )
    return max(0.0, float(1 - apart / sum(area.sum() for _, area in elements)))


def confusion(truth: np.ndarray, prediction: np.ndarray) -> tuple[int, int, int, int]:
    """Return the numbers of true positive, false positive, false negative and true negative voxels."""
    _check(truth, prediction)
    both = int(np.count_nonzero(truth & prediction))
    predicted, true = int(np.count_nonzero(prediction)), int(np.count_nonzero(truth))
    return both, predicted - both, true - both, truth.size - predicted - true + both


METRICS: dict[str, Callable[..., float]] = {
    "DSC": dice,
    "NSD": surface_dice,
    "Sensitivity": sensitivity,
    "Specificity": specificity,
    "Precision": precision,
    "F1": f1,
    "Accuracy": accuracy,
}


def _check(truth: np.ndarray, prediction: np.ndarray) -> None:
    if truth.shape != prediction.shape:
        raise ValueError(f"masks of different shape: truth {truth.shape} and prediction {prediction.shape}")
    if truth.dtype != bool or prediction.dtype != bool:
        raise ValueError(f"masks must be boolean: truth is {truth.dtype}, prediction {prediction.dtype}")


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _bounding_box(mask: np.ndarray) -> tuple[slice, ...] | None:
    box = []
    for axis in range(3):
        inside = np.flatnonzero(mask.any(tuple({0, 1, 2} - {axis})))
        if not len(inside):
            return None
        box.append(slice(inside[0], inside[-1] + 1))
    return tuple(box)


@lru_cache(maxsize=256)
def _surface_areas(spacing: Spacing) -> np.ndarray:
    # Runs only the file with the table: the whole package imports SciPy, a third of a scoring job's time.
    package = find_spec("surface_distance")
    assert package is not None
    assert package.origin is not None
    tables = runpy.run_path(str(Path(package.origin).with_name("lookup_tables.py")))
    return tables["create_table_neighbour_code_to_surface_area"](spacing)


def _neighbour_codes(mask: np.ndarray) -> np.ndarray:
    """Return a code (z, y, x) per voxel corner: one bit for each voxel of the 2x2x2 around the corner."""
    padded = np.pad(mask, 1).view(np.uint8)
    codes = np.zeros([n + 1 for n in mask.shape], np.uint8)
    for bit, corner in enumerate(product((1, 0), repeat=3)):
        shifted = padded[tuple(slice(start, start + n) for start, n in zip(corner, codes.shape, strict=True))]
        codes |= shifted << bit
    return codes


def _offsets(spacing: Spacing, tolerance: float, shape: tuple[int, ...]) -> np.ndarray:
    """Return the grid offsets (n, 3), in voxels, whose length is at most the tolerance, shortest first."""
    reach = [min(int(tolerance / step), n) for step, n in zip(spacing, shape, strict=True)]
    offsets = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), -1).reshape(-1, 3)
    lengths = np.sqrt(((offsets * spacing) ** 2).sum(1))
    order = np.argsort(lengths, kind="stable")
    return offsets[order[lengths[order] <= tolerance]]


def _area_apart(indices: np.ndarray, areas: np.ndarray, other: np.ndarray, offsets: np.ndarray) -> float:
    """Return the area of the elements, at flat `indices`, without an element of `other` at any offset."""
    # The padding keeps every lookup within the array: to apply an offset is one addition to a flat index.
    reach = np.abs(offsets).max(0)
    padded = np.pad(other, [(r, r) for r in reach])
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    places = (np.stack(np.unravel_index(indices, other.shape), 1) + reach) @ strides
    lookup = padded.ravel()
    for shift in offsets @ strides:
        missed = ~lookup[places + shift]
        places, areas = places[missed], areas[missed]
        if not len(places):
            break
    return areas.sum()
