"""Whether a scan can be segmented, and what its user has to know about the result."""

import numpy as np

from covidseg.errors import InputError
from covidseg.segment.lungs import Lungs
from covidseg.segment.quantification import Quantification
from covidseg.training.description import Grid
from covidseg.volumes import Geometry, Volume

AIR = -200  # HU; every chest CT has air below this
AIR_HU = (-1100, AIR)  # of air and of lungs, but not of what scanners write around the measured field
LEAST_AIR = 0.01  # share of the voxels
HIGHEST = 255  # of grey levels
LARGEST_HU = 32_767  # of what a scanner stores in 16 bits
FEWEST_LUNGS, MOST_LUNGS = 200, 12_000  # mL
SMALLER_LUNG = 0.1  # share of the larger lung: less is no lung
SHORTEST = 120  # mm along z; lungs of adults are longer
FAR = 3.0  # spacings that differ by this factor from those of the training are far
CUT = 0.3  # share of the largest cross-section of the lungs: as much in an outer one means that lungs are cut
MANY_OUTSIDE = 0.2  # share of the infection
ENDS = (("lowest slice", "highest slice"), ("front edge", "back edge"), ("right edge", "left edge"))


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
    found = f"{name}: voxels from {low:g} to {high:g}"
    if windowed:
        if low < 0 or high > HIGHEST:
            raise InputError(f"{found}, expected 0 to {HIGHEST} by --intensity windowed")
        return
    if low >= 0 and high <= HIGHEST:
        raise InputError(
            f"{found} are no Hounsfield units; --intensity windowed takes grey levels 0 to {HIGHEST}"
        )
    if low >= AIR or abs(low) > LARGEST_HU + 1 or high > LARGEST_HU:
        raise InputError(
            f"{found}, expected Hounsfield units with air below {AIR}; "
            "is it a CT, and was its intercept added?"
        )
    air = np.count_nonzero((array > AIR_HU[0]) & (array < AIR_HU[1])) / array.size
    if air < LEAST_AIR:
        raise InputError(
            f"{found}, but {air:.1%} of them between {AIR_HU[0]} and {AIR_HU[1]}, as air and lungs have; "
            "is it a CT, and was its intercept added?"
        )


def warn_of_scan(geometry: Geometry, plan: Grid) -> list[str]:
    """Return warnings of a scan's grid: far from the training's spacing, or too short for lungs."""
    warnings = []
    for axis, own, trained in zip("zyx", geometry.spacing, plan["spacing"], strict=True):
        if max(own / trained, trained / own) > FAR:
            warnings.append(
                f"spacing along {axis} is {own:g} mm, far from the {trained:g} mm of the training"
            )
    if (length := geometry.shape[0] * geometry.spacing[0]) < SHORTEST:
        warnings.append(f"{length:.0f} mm from the first to the last slice: only a part of the lungs")
    return warnings


def check_lungs(lungs: Lungs, geometry: Geometry, *, name: str) -> list[str]:
    """Return warnings of the lungs that were found.

    Args:
        lungs: of the scan.
        geometry: of the scan.
        name: the scan's name in messages.

    Raises:
        InputError: there are no lungs.
    """
    voxel_ml = np.prod(geometry.spacing) / 1000
    sides = {"left": lungs.left, "right": lungs.right}
    volumes = {side: float(np.count_nonzero(mask) * voxel_ml) for side, mask in sides.items()}
    volume = sum(volumes.values())
    if volume < FEWEST_LUNGS:
        raise InputError(
            f"{name}: no lungs found ({volume:.0f} mL); is it a chest CT with the patient's head up, "
            "and does the model of the lungs fit this scan?"
        )
    warnings = [
        f"the lungs go on beyond the {end}, so volumes are of a part of them" for end in _cut_ends(lungs.both)
    ]
    if volume > MOST_LUNGS:
        warnings.append(f"lungs of {volume:.0f} mL cannot be: the model of the lungs does not fit this scan")
    smaller = min(volumes, key=lambda side: volumes[side])
    if volumes[smaller] < SMALLER_LUNG * max(volumes.values()):
        warnings.append(f"hardly a {smaller} lung found ({volumes[smaller]:.0f} mL): half a thorax?")
    return warnings


def _cut_ends(lungs: np.ndarray) -> list[str]:
    """Return the ends of a scan at which its lungs, bool (z, y, x), are cut off."""
    found = []
    for axis, ends in enumerate(ENDS):
        areas = np.count_nonzero(lungs, axis=tuple({0, 1, 2} - {axis}))
        outer = zip(ends, (areas[0], areas[-1]), strict=True)
        found += [end for end, area in outer if area > CUT * areas.max()]
    return found


def warn_of_numbers(numbers: Quantification) -> list[str]:
    """Return a warning if much of the infection lies outside the lungs."""
    outside, all_of_it = numbers["infection_outside_lungs_ml"], numbers["lungs"]["both_lungs"]["infection_ml"]
    if outside <= MANY_OUTSIDE * all_of_it:
        return []
    share = outside / all_of_it
    return [
        f"{share:.0%} of the infection lies outside the lungs that were found; look at both masks before use"
    ]
