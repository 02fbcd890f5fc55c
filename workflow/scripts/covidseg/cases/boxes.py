"""Boxes around the voxels of masks."""

import numpy as np
from numpy.typing import ArrayLike


def bounding_box(mask: np.ndarray) -> tuple[slice, ...] | None:
    """Return the smallest box (z, y, x) with all voxels of a mask; None if the mask is empty."""
    slices: np.ndarray = np.any(mask, (1, 2))
    if not slices.any():
        return None
    # The mask seen along z, within these slices, so that a large scan with a small mask is read only once.
    seen: np.ndarray = np.any(mask[extent(slices)], 0)
    return tuple(extent(inside) for inside in (slices, seen.any(1), seen.any(0)))


def extent(inside: ArrayLike) -> slice:
    """Return the part of an axis from the first to the last true value of `inside`, bool (n,)."""
    found = np.flatnonzero(inside)
    return slice(int(found[0]), int(found[-1]) + 1) if found.size else slice(0, 0)
