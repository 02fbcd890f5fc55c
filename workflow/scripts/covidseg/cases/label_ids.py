"""The ids in a label map: from the ids of the archive to those of the project."""

from dataclasses import replace

import numpy as np

from covidseg.errors import InputError
from covidseg.volumes import Volume

ROUNDING = 0.05  # how far a value may lie from its id: masks that are stored with a scale have such values
HALF = (
    0.5  # the same for masks of background and one region, of which resampling leaves values between the two
)


def remap(label: Volume, ids: dict[int, int], name: str, kind: str) -> Volume:
    """Return a label map as uint8 with the project's ids; `warnings` says how many voxels were rounded.

    A value counts as the nearest id if it lies within ROUNDING of the id. If `ids` has two neighbouring ids
    alone, a value between them counts as the nearer one.

    Args:
        label: label map with the ids of the archive.
        ids: label id in the archive -> label id in the project.
        name: name of the case in messages.
        kind: name of the label map in messages, for example label.

    Raises:
        InputError: a voxel is none of the ids, or lies in the middle of two.
    """
    mapped, rounded, farthest = np.zeros(label.array.shape, np.uint8), 0, 0.0
    for place, plane in enumerate(label.array):
        values = np.unique(plane)
        distances = np.abs(values - np.rint(values))
        unfit = _unfit(values, distances, sorted(ids))
        if unfit.any():
            raise InputError(
                f"{name}: {kind} id {values[unfit][0]:g} in slice {place}; the map has {sorted(ids)}"
            )
        whole = plane if plane.dtype.kind in "iu" else np.rint(plane)
        for source, target in ids.items():
            mapped[place][whole == source] = target
        if distances.any():
            rounded += int(np.count_nonzero(plane != whole))
            farthest = max(farthest, float(distances.max()))
    if not rounded:
        return replace(label, array=mapped)
    warning = f"{rounded} voxels of the {kind} are no whole numbers and were rounded, by up to {farthest:.2g}"
    return replace(label, array=mapped, warnings=(*label.warnings, warning))


def _unfit(values: np.ndarray, distances: np.ndarray, ids: list[int]) -> np.ndarray:
    """Return which values are none of the ids."""
    low, high = ids[0], ids[-1]
    unfit = ~np.isin(np.rint(values), ids) | (values < low - ROUNDING) | (values > high + ROUNDING)
    if len(ids) == 2 and high - low == 1:
        return unfit | (distances >= HALF)
    return unfit | (distances > ROUNDING)
