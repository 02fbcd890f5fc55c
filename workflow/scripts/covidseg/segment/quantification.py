"""What a segmentation says in numbers: volumes, shares, intensities, lesions."""

from typing import TypedDict

import numpy as np

from covidseg.cases.lesions import connected_lesions
from covidseg.segment.lungs import Lungs
from covidseg.volumes import Geometry

SMALLEST_LESION = 0.1  # mL, as in the tables of lesions


class Lung(TypedDict):
    """One lung: volumes in mL, share of the lung in percent, mean HU of lung and infection."""

    volume_ml: float
    infection_ml: float
    infection_percent: float
    mean_hu: float | None
    infection_mean_hu: float | None


class Quantification(TypedDict):
    """Numbers of one scan.

    Attributes:
        lungs: right_lung, left_lung and both_lungs -> the numbers of each lung, and of both together.
        infection_outside_lungs_ml: the infection that the model of the lungs left out, see `Lungs`.
        lesions: number of connected components of at least SMALLEST_LESION mL.
        lesion_volumes_ml: their volumes, the largest first.
        disagreement_percent: share of the infection's voxels where at least one network disagrees.
    """

    lungs: dict[str, Lung]
    infection_outside_lungs_ml: float
    lesions: int
    lesion_volumes_ml: list[float]
    disagreement_percent: float


def quantify(
    image: np.ndarray | None,
    lungs: Lungs,
    infection: np.ndarray,
    disagreement: np.ndarray,
    geometry: Geometry,
) -> Quantification:
    """Return the numbers of a scan.

    Args:
        image: HU (z, y, x); None if the scan has grey levels without HU.
        lungs: with the infection.
        infection: mask of the infection, bool (z, y, x).
        disagreement: as in `Segmentation`.
        geometry: of the scan.
    """
    voxel_ml = float(np.prod(geometry.spacing)) / 1000
    sides = {"right_lung": lungs.right, "left_lung": lungs.left, "both_lungs": lungs.both}
    sizes = np.bincount(connected_lesions(infection).ravel())[1:] * voxel_ml
    volumes = sorted((round(float(size), 2) for size in sizes if size >= SMALLEST_LESION), reverse=True)
    return {
        "lungs": {name: _lung(image, lung, infection, voxel_ml) for name, lung in sides.items()},
        "infection_outside_lungs_ml": round(_count(lungs.outside) * voxel_ml, 2),
        "lesions": len(volumes),
        "lesion_volumes_ml": volumes,
        "disagreement_percent": _percent(_count(disagreement[infection]), _count(infection)),
    }


def _lung(image: np.ndarray | None, lung: np.ndarray, infection: np.ndarray, voxel_ml: float) -> Lung:
    infected = lung & infection
    voxels, count = _count(lung), _count(infected)
    return {
        "volume_ml": round(voxels * voxel_ml, 1),
        "infection_ml": round(count * voxel_ml, 2),
        "infection_percent": _percent(count, voxels),
        "mean_hu": _mean(image, lung),
        "infection_mean_hu": _mean(image, infected),
    }


def _count(mask: np.ndarray) -> int:
    return int(np.count_nonzero(mask))


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def _mean(image: np.ndarray | None, mask: np.ndarray) -> float | None:
    return round(float(image[mask].mean(dtype=np.float64)), 1) if image is not None and mask.any() else None
