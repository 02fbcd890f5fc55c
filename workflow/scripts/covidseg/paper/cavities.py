"""The lungs of a scan without labels of them, roughly: enough to show where in the chest a lesion lies."""

import numpy as np
from scipy import ndimage

AIR_HU = -400  # between lung and soft tissue
GRID_MM = 4.0  # a coarse grid is enough, and fast
OPENING_MM = 8.0  # cuts the lungs off the windpipe
SMALLEST_ML = 200.0  # smaller parts of air are windpipe or gut


def lungs_of(scan: np.ndarray, lesion: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Return a mask (z, y, x) of the lungs on the scan's grid: air within the body, and the lesion.

    Air that reaches the side of a slice is around the body.

    Args:
        scan: HU (z, y, x).
        lesion: bool (z, y, x).
        spacing: spacing of the voxels (z, y, x), mm.
    """
    steps = [max(1, round(GRID_MM / step)) for step in spacing]
    coarse = tuple(slice(None, None, step) for step in steps)
    voxel = [step * mm for step, mm in zip(steps, spacing, strict=True)]
    inside = np.stack([_enclosed(part) for part in scan[coarse] < AIR_HU])
    within = ndimage.distance_transform_edt(inside, sampling=voxel) > OPENING_MM / 2
    opened = ndimage.distance_transform_edt(~within, sampling=voxel) <= OPENING_MM / 2
    parts, count = ndimage.label(opened & inside)
    volumes = np.bincount(parts.ravel(), minlength=count + 1) * np.prod(voxel) / 1000
    large = volumes >= SMALLEST_ML
    large[0] = False
    lungs = large[parts] | lesion[coarse]
    fine = lungs.repeat(steps[0], 0).repeat(steps[1], 1).repeat(steps[2], 2)
    return fine[tuple(slice(n) for n in scan.shape)]


def _enclosed(air: np.ndarray) -> np.ndarray:
    """Return the air in a slice (y, x) that does not reach its sides."""
    parts, _ = ndimage.label(np.pad(air, 1, constant_values=True))
    return (parts > 0)[1:-1, 1:-1] & (parts != parts[0, 0])[1:-1, 1:-1]
