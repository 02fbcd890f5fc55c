"""Slices whose origins leave the normal of their planes, as under a tilted gantry, sheared back."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import shift

from covidseg.cases.dicom_frames import Frame
from covidseg.cases.dicom_pixels import AIR
from covidseg.errors import InputError

LARGEST_TILT = 45.0  # degrees; gantries tilt by 30 at most
LARGEST_SHIFT = 2048  # pixels; more is no scan of a patient
OFF_LINE = 0.25  # pixels that an origin may lie off the line of the origins


@dataclass(frozen=True)
class Tilt:
    """How far the slices are shifted in their planes.

    Attributes:
        shifts: pixels (slices, y and x), 0 or more, from the origin of the common grid.
        origin: centre of the first pixel of the common grid, in the first slice (x, y, z), in mm.
        degrees: angle between the line of the origins and the normal; 0 if the stack is straight.
    """

    shifts: np.ndarray
    origin: np.ndarray
    degrees: float


def measure_tilt(frames: list[Frame], normal: np.ndarray) -> Tilt:
    """Compare the origins of sorted slices with the normal.

    Raises:
        InputError: the origins lie on no line, or the line is too oblique for a gantry.
    """
    row, column = frames[0].orientation
    offsets = np.array([frame.position - frames[0].position for frame in frames])
    along, in_plane = offsets @ normal, offsets @ np.array([column, row]).T
    rate, start = np.polyfit(along, in_plane, 1)
    off = np.abs(in_plane - start - np.outer(along, rate)) / frames[0].spacing
    odd = int(off.max(1).argmax())
    if off[odd].max() > OFF_LINE:
        raise InputError(
            f"{frames[odd].name}: its origin lies {(off[odd] * frames[0].spacing).max():.3g} mm off the line "
            "through the other origins"
        )
    if (np.abs(in_plane) <= OFF_LINE * frames[0].spacing).all():
        return Tilt(np.zeros_like(in_plane), frames[0].position, 0.0)
    degrees = float(np.degrees(np.arctan(np.linalg.norm(rate))))
    if degrees > LARGEST_TILT:
        raise InputError(
            f"{frames[0].name}: the origins of its series run {degrees:.1f} degrees off the slices' normal, "
            f"expected at most {LARGEST_TILT:g}"
        )
    corner = in_plane.min(0)
    shifts = (in_plane - corner) / frames[0].spacing
    if shifts.max() > LARGEST_SHIFT:
        raise InputError(f"{frames[0].name}: slices of its series are shifted by {shifts.max():.0f} pixels")
    origin = frames[0].position + corner @ np.array([column, row])
    return Tilt(shifts, origin, degrees)


def shear(array: np.ndarray, tilt: Tilt) -> np.ndarray:
    """Shift slices to the common grid, by linear interpolation. The grid is as large as all slices need.

    Args:
        array: int16 (z, y, x) in HU.
        tilt: how far the slices are shifted.
    """
    if not tilt.degrees:
        return array
    more = np.ceil(tilt.shifts.max(0)).astype(int)
    sheared = np.empty((len(array), *(array.shape[1:] + more)), array.dtype)
    for target, plane, pixels in zip(sheared, array, tilt.shifts, strict=True):
        padded = np.pad(plane.astype(np.float32), [(0, more[0]), (0, more[1])], constant_values=AIR)
        target[:] = np.rint(shift(padded, pixels, order=1, cval=AIR))
    return sheared
