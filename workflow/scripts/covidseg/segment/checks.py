"""Whether a scan can be segmented, and what its user has to know about the result."""

import numpy as np

from covidseg.errors import InputError
from covidseg.training.description import Grid
from covidseg.volumes import Geometry, Volume

AIR = -200  # HU; every chest CT has air below this
HIGHEST = 255  # of grey levels
LARGEST_HU = 32_767  # of what a scanner stores in 16 bits
FEWEST_LUNGS, MOST_LUNGS = 200, 12_000  # mL
SHORTEST = 120  # mm along z; lungs of adults are longer
FAR = 3.0  # spacings that differ by this factor from those of the training are far
CUT = (
    0.3  # share of the largest cross-section of the lungs: as much in an outer slice means that lungs are cut
)


def check_scan(image: Volume, *, windowed: bool, name: str) -> None:
    """Refuse what cannot be a chest CT.

    Args:
        image: the scan.
        windowed: whether the user says that the voxels are grey levels 0 to 255.
        name: the scan's name in messages.

    Raises:
        InputError: the voxels are no numbers, no HU, or no grey levels.
    """
    array = image.array
    if array.dtype.kind not in "iuf" or array.ndim != 3 or min(array.shape) < 2:
        raise InputError(f"{name}: {array.shape} voxels of type {array.dtype}, expected a scan (z, y, x)")
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        raise InputError(f"{name}: voxels are NaN or infinite; write the scan without them")
    if windowed and (low < 0 or high > HIGHEST):
        raise InputError(
            f"{name}: voxels from {low:g} to {high:g}, expected 0 to 255 by --intensity windowed"
        )
    if windowed:
        return
    if low >= 0 and high <= HIGHEST:
        raise InputError(
            f"{name}: voxels from {low:g} to {high:g} are no Hounsfield units; "
            "--intensity windowed takes grey levels 0 to 255"
        )
    if low >= AIR or abs(low) > LARGEST_HU + 1 or high > LARGEST_HU:
        raise InputError(
            f"{name}: voxels from {low:g} to {high:g}, expected Hounsfield units with air below {AIR}; "
            "is it a CT, and was its intercept added?"
        )


def warn_of_scan(geometry: Geometry, plan: Grid) -> list[str]:
    """Return warnings of a scan's grid: far from the training's spacing, or too short for lungs."""
    found = []
    for axis, own, trained in zip("zyx", geometry.spacing, plan["spacing"], strict=True):
        if max(own / trained, trained / own) > FAR:
            found.append(f"spacing along {axis} is {own:g} mm, far from the {trained:g} mm of the training")
    if (length := geometry.shape[0] * geometry.spacing[0]) < SHORTEST:
        found.append(f"{length:.0f} mm from the first to the last slice: only a part of the lungs")
    return found


def check_lungs(lungs: np.ndarray, geometry: Geometry, *, name: str) -> list[str]:
    """Return warnings of the lungs that were found.

    Args:
        lungs: mask of both lungs, bool (z, y, x).
        geometry: of the scan.
        name: the scan's name in messages.

    Raises:
        InputError: there are no lungs.
    """
    volume = np.count_nonzero(lungs) * np.prod(geometry.spacing) / 1000
    if volume < FEWEST_LUNGS:
        raise InputError(
            f"{name}: no lungs found ({volume:.0f} mL); is it a chest CT with the patient's head up?"
        )
    found = []
    if volume > MOST_LUNGS:
        found.append(f"lungs of {volume:.0f} mL cannot be: the model of the lungs does not fit this scan")
    areas = np.count_nonzero(lungs, axis=(1, 2))
    ends = {"lowest": areas[0], "highest": areas[-1]}
    return found + [
        f"the lungs go on beyond the {end} slice, so volumes are of a part of them"
        for end, area in ends.items()
        if area > CUT * areas.max()
    ]
