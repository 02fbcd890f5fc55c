"""What a model got wrong in a case: the voxels per slice, and the share that it found of each lesion."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from covidseg.cases.lesions import connected_lesions


@dataclass(frozen=True)
class Lesion:
    """A lesion of the annotation.

    Attributes:
        ml: volume in mL.
        voxel: (z, y, x), a voxel of the lesion: in the slice that shows most of the lesion, near its middle.
    """

    ml: float
    voxel: tuple[int, int, int]


def slice_errors(truth: np.ndarray, prediction: np.ndarray) -> tuple[list[int], list[int]]:
    """Return the numbers of missed and of wrongly marked voxels of each axial slice.

    Args:
        truth, prediction: bool (z, y, x).
    """
    missed, wrong = (
        np.count_nonzero(mask, (1, 2)).tolist() for mask in (truth & ~prediction, prediction & ~truth)
    )
    return missed, wrong


def number_lesions(truth: np.ndarray, voxel_ml: float, minimum_ml: float) -> tuple[np.ndarray, list[Lesion]]:
    """Return the numbers of the lesions in their voxels, int (z, y, x), and the lesions, the largest first.

    Args:
        truth: bool (z, y, x).
        voxel_ml: volume of a voxel in mL.
        minimum_ml: a smaller part of the annotation is no lesion.
    """
    numbers = connected_lesions(truth)
    sizes = np.bincount(numbers[truth], minlength=1)
    order = [n for n in np.argsort(-sizes, kind="stable") if n and sizes[n] * voxel_ml >= minimum_ml]
    renumbered = np.zeros(len(sizes), np.int32)
    renumbered[order] = np.arange(1, len(order) + 1)
    numbers = renumbered[numbers]
    lesions = [
        Lesion(float(sizes[old]) * voxel_ml, _middle(numbers, box, new))
        for new, (old, box) in enumerate(zip(order, ndimage.find_objects(numbers), strict=True), start=1)
    ]
    return numbers, lesions


def _middle(numbers: np.ndarray, box: tuple[slice, ...], number: int) -> tuple[int, int, int]:
    mask = numbers[box] == number
    z = int(np.count_nonzero(mask, (1, 2)).argmax())
    places = np.argwhere(mask[z])
    y, x = places[((places - places.mean(0)) ** 2).sum(1).argmin()]
    return z + box[0].start, int(y) + box[1].start, int(x) + box[2].start


def found_shares(numbers: np.ndarray, prediction: np.ndarray, count: int) -> list[float]:
    """Return the share of each lesion's voxels that a prediction covers.

    Args:
        numbers: int (z, y, x), as returned by `number_lesions`.
        prediction: bool (z, y, x).
        count: number of lesions.
    """
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)[1:]
    covered = np.bincount(numbers[prediction], minlength=count + 1)[1:]
    return [round(float(share), 3) for share in covered / sizes]
