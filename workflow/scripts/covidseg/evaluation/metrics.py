"""How well a segmentation agrees with the ground truth: DSC, NSD and the measures of the confusion matrix.

Every metric takes `Masks` and returns a float. If both masks are empty, the value is NaN (undefined): means
leave the case out. If only one mask is empty, the value is 0. Specificity and accuracy also count the
background and follow their formulas with empty masks too.
"""

import runpy
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib.util import find_spec
from itertools import repeat
from pathlib import Path

import numpy as np

from covidseg.evaluation.masks import Masks, Spacing

LOOKUPS = 2**15  # places in a mask that are looked up at a time


def dice(masks: Masks) -> float:
    """Return the Dice similarity coefficient, DSC (ma2021 II-D, wang2021 eq. 7)."""
    found = masks.confusion
    return ratio(2 * found.true_positive, found.truth + found.prediction)


def sensitivity(masks: Masks) -> float:
    """Return the share of the truth that was found (recall); 0 if the truth is empty, the prediction not."""
    found = masks.confusion
    return share(found.true_positive, found.truth, found.prediction)


def precision(masks: Masks) -> float:
    """Return the share of the prediction that is true; 0 if the prediction is empty, the truth not."""
    found = masks.confusion
    return share(found.true_positive, found.prediction, found.truth)


def f1(masks: Masks) -> float:
    """Return the harmonic mean of precision and sensitivity, which equals the DSC of the same case."""
    return dice(masks)


def specificity(masks: Masks) -> float:
    """Return the share of the background that is predicted as background; NaN if there is no background."""
    found = masks.confusion
    return ratio(found.true_negative, found.true_negative + found.false_positive)


def accuracy(masks: Masks) -> float:
    """Return the share of all voxels whose prediction is right."""
    found = masks.confusion
    return ratio(found.true_positive + found.true_negative, masks.truth.size)


def surface_dice(masks: Masks) -> float:
    """Return the normalised surface Dice, NSD (ma2021 II-D, wang2021 eq. 8): 0 to 1.

    A surface element belongs to a 2x2x2 neighbourhood of voxels with both foreground and background. An
    element's weight is its area. An element agrees if an element of the other surface is at most the
    tolerance away. The values equal those of google-deepmind/surface-distance.

    No distance is computed, since only the comparison with the tolerance matters: the other surface is
    searched at every grid offset within the tolerance, the shortest offset first.
    """
    z, y, x = masks.spacing
    spacing = float(z), float(y), float(x)
    if masks.box is None:
        return float("nan")
    offsets = _offsets(spacing, float(masks.tolerance), masks.boxed[0].shape)
    # So many voxels around the masks keep every lookup within the array, where an offset is a number to add.
    padded = [_padded(mask, np.abs(offsets).max(0) + 1) for mask in masks.boxed]
    codes = [_neighbour_codes(mask) for mask in padded]
    surfaces = [(code != 0) & (code != 255) for code in codes]
    places = [np.flatnonzero(surface) for surface in surfaces]
    if not all(map(len, places)):
        return 0.0
    areas = [_surface_areas(spacing)[code[found]] for code, found in zip(codes, places, strict=True)]
    shifts = offsets @ padded[0].strides
    apart = sum(map(_area_apart, places, areas, reversed(surfaces), repeat(shifts)))
    return max(0.0, float(1 - apart / sum(area.sum() for area in areas)))


METRICS: dict[str, Callable[[Masks], float]] = {
    "DSC": dice,
    "NSD": surface_dice,
    "Sensitivity": sensitivity,
    "Specificity": specificity,
    "Precision": precision,
    "F1": f1,
    "Accuracy": accuracy,
}


def ratio(part: int, whole: int) -> float:
    """Return part / whole; NaN if the whole is 0."""
    return part / whole if whole else float("nan")


def share(part: int, whole: int, other: int) -> float:
    """Return part / whole; if the whole is 0, return 0, or NaN if the other mask's number is 0 too."""
    return 0.0 if whole == 0 < other else ratio(part, whole)


@lru_cache(maxsize=256)
def _surface_areas(spacing: Spacing) -> np.ndarray:
    # Runs only the file with the table: the whole package imports SciPy, a third of a scoring job's time.
    package = find_spec("surface_distance")
    assert package is not None
    assert package.origin is not None
    tables = runpy.run_path(str(Path(package.origin).with_name("lookup_tables.py")))
    return tables["create_table_neighbour_code_to_surface_area"](spacing)


def _neighbour_codes(padded: np.ndarray) -> np.ndarray:
    """Return a flat array with a code per voxel: one bit for each voxel of the 2x2x2 that begins there.

    A 2x2x2 that begins at the end of a row goes on with the next row. The code there is 0, since the mask,
    bool (z, y, x), is padded with false voxels.
    """
    codes: np.ndarray = padded.ravel().view(np.uint8)
    for bits, stride in zip((1, 2, 4), reversed(padded.strides), strict=True):
        codes = codes[stride:] | codes[:-stride] << bits
    return codes


def _padded(mask: np.ndarray, widths: Iterable[int]) -> np.ndarray:
    """Return a mask (z, y, x) with false voxels added on both sides of each axis; faster than np.pad."""
    pairs = list(zip(mask.shape, widths, strict=True))
    padded = np.zeros([n + 2 * width for n, width in pairs], bool)
    padded[tuple(slice(width, width + n) for n, width in pairs)] = mask
    return padded


def _offsets(spacing: Spacing, tolerance: float, shape: tuple[int, ...]) -> np.ndarray:
    """Return the grid offsets (n, 3), in voxels, whose length is at most the tolerance, shortest first."""
    reach = [min(int(tolerance / step), n) for step, n in zip(spacing, shape, strict=True)]
    offsets = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), -1).reshape(-1, 3)
    lengths = np.sqrt(((offsets * spacing) ** 2).sum(1))
    order = np.argsort(lengths, kind="stable")
    return offsets[order[lengths[order] <= tolerance]]


def _area_apart(places: np.ndarray, areas: np.ndarray, other: np.ndarray, shifts: np.ndarray) -> float:
    """Return the area of the elements, at flat indices, without an element of `other` at any flat offset."""
    while len(shifts) and len(places):
        # The first offsets find most elements. For the few that are left, one lookup tries many offsets.
        tried, shifts = np.split(shifts, [max(1, LOOKUPS // len(places))])
        missed = ~other[places + tried[:, None]].any(0)
        places, areas = places[missed], areas[missed]
    return areas.sum()
