"""Where the slices of a CT series lie: one orthogonal grid, or which slice is the odd one."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from covidseg.cases.dicom_frames import Frame
from covidseg.errors import InputError

MissingSlices = Literal["fill", "refuse"]
HEADER_TOLERANCE = 1e-3  # of directions and pixel spacings: half a pixel at the far side of 512 pixels
SAME_PLACE = 0.01  # mm
LARGEST_HOLE = 3  # slices missing in a row that are interpolated; a wider hole is no hole, but two scans


@dataclass(frozen=True)
class Places:
    """Where sorted slices lie along the normal of their planes.

    Attributes:
        indices: number of each slice in the grid; a missing slice leaves its number out.
        first: place of the first slice in mm along the normal.
        step: slice spacing in mm.
    """

    indices: np.ndarray
    first: float
    step: float

    @property
    def filled(self) -> tuple[int, ...]:
        """Numbers of the missing slices."""
        return tuple(sorted({*range(int(self.indices[-1]))} - {*self.indices.tolist()}))


def tolerance(step: float) -> float:
    """Return by how much (mm) a slice may lie off its place: 0.1 mm or 5 % of the slice spacing."""
    return min(max(0.1, 0.05 * step), 0.25 * step)


def refuse_differences(frames: list[Frame]) -> None:
    """Check that all slices lie on one grid in their planes.

    Raises:
        InputError: frame of reference, matrix, pixel spacing or orientation differ; names the odd slice.
    """
    for label, values in (
        ("FrameOfReferenceUID", [frame.frame_of_reference or "absent" for frame in frames]),
        ("Rows and Columns", [frame.pixels.array.shape for frame in frames]),
    ):
        usual = Counter(values).most_common(1)[0][0]
        for frame, value in zip(frames, values, strict=True):
            if value != usual:
                raise InputError(f"{frame.name}: {label}: {value}, in other slices {usual}")
    spacing = np.array([frame.spacing for frame in frames])
    _refuse_odd("PixelSpacing", spacing / np.median(spacing, axis=0), spacing, frames)
    directions = np.array([frame.orientation for frame in frames])
    _refuse_odd("ImageOrientationPatient", directions, directions.reshape(-1, 6), frames)


def _refuse_odd(keyword: str, values: np.ndarray, shown: np.ndarray, frames: list[Frame]) -> None:
    off = np.abs(values - np.median(values, axis=0)).reshape(len(frames), -1).max(1)
    odd = int(off.argmax())
    if off[odd] > HEADER_TOLERANCE:
        usual = "\\".join(f"{number:g}" for number in np.median(shown, axis=0))
        found = "\\".join(f"{number:g}" for number in shown[odd])
        hint = " (a localiser?)" if keyword == "ImageOrientationPatient" and off[odd] > 0.5 else ""
        raise InputError(f"{frames[odd].name}: {keyword} is {found}{hint}, in other slices {usual}")


def normal_of(frame: Frame) -> np.ndarray:
    """Return the normal (x, y, z) of a slice, towards the patient's left, back or head."""
    normal = np.cross(*frame.orientation)
    return normal * np.sign(normal[np.abs(normal).argmax()])


def sort_frames(frames: list[Frame], normal: np.ndarray) -> tuple[list[Frame], list[str]]:
    """Sort slices along the normal, and drop identical copies.

    Returns:
        The slices, and what was dropped, in words.

    Raises:
        InputError: fewer than two slices, or two different slices at the same place.
    """
    kept: list[Frame] = []
    copies: list[str] = []
    for frame in sorted(frames, key=lambda frame: (round(float(frame.position @ normal), 2), frame.name)):
        if not kept or abs((frame.position - kept[-1].position) @ normal) > SAME_PLACE:
            kept.append(frame)
            continue
        place = f"{frame.position @ normal:g} mm"
        moved = np.abs(frame.position - kept[-1].position).max() > SAME_PLACE
        if moved or not np.array_equal(frame.pixels.array, kept[-1].pixels.array):
            raise InputError(f"{frame.name}: another slice than {kept[-1].name} at the same place, {place}")
        copies.append(f"{frame.name} = {kept[-1].name}")
    if len(kept) < 2:
        raise InputError(f"{kept[0].name}: 1 DICOM slice, expected at least 2")
    return kept, [f"slices stored twice, one of each used: {', '.join(copies)}"] * bool(copies)


def number_slices(frames: list[Frame], normal: np.ndarray, missing_slices: MissingSlices) -> Places:
    """Number sorted slices by their places along the normal.

    The lower quartile of the gaps tells what is no hole. The slice spacing is then measured over the whole
    stack, so that the last slice has its true place.

    Raises:
        InputError: the places are not evenly spaced; or slices are missing, and `missing_slices` is
            "refuse" or more than `LARGEST_HOLE` are missing in a row.
    """
    places = np.array([frame.position @ normal for frame in frames])
    gaps = np.diff(places)
    usual = float(np.quantile(gaps, 0.25, method="lower"))
    steps = np.maximum(np.rint(gaps / usual), 1).astype(int)
    for (low, high), gap, off in zip(pairwise(frames), gaps, np.abs(gaps - steps * usual), strict=True):
        if off > tolerance(usual):
            raise InputError(
                f"{low.name} and {high.name}: {gap:g} mm apart, elsewhere {usual:g} mm: not uniform"
            )
    indices = np.concatenate([[0], np.cumsum(steps)])
    found = Places(indices, float(places[0]), float((places[-1] - places[0]) / indices[-1]))
    off = np.abs(places - places[0] - indices * found.step)
    if off.max() > tolerance(usual):
        raise InputError(
            f"{frames[int(off.argmax())].name}: {off.max():.3g} mm off its place in slices of "
            f"{found.step:.5g} mm: not uniform"
        )
    _refuse_holes(frames, found, missing_slices)
    return found


def _refuse_holes(frames: list[Frame], places: Places, missing_slices: MissingSlices) -> None:
    for (low, high), missing in zip(pairwise(frames), np.diff(places.indices) - 1, strict=True):
        if missing > LARGEST_HOLE:
            raise InputError(
                f"{low.name} and {high.name}: {missing} slices are missing between these; at most "
                f"{LARGEST_HOLE} in a row can be filled"
            )
    if places.filled and missing_slices == "refuse":
        raise InputError(
            f"{frames[0].name}: its series lacks {describe_places(places)}; `missing_slices: fill` in "
            "datasets.yaml interpolates these"
        )


def describe_places(places: Places) -> str:
    """Say which slices are missing, by their places."""
    where = ", ".join(f"{places.first + index * places.step:g}" for index in places.filled)
    return f"slices at {where} mm"


def fill_slices(array: np.ndarray, places: Places) -> np.ndarray:
    """Interpolate missing slices linearly between their neighbours; int16 (z, y, x) in and out."""
    if not places.filled:
        return array
    filled = np.empty((places.indices[-1] + 1, *array.shape[1:]), array.dtype)
    filled[places.indices] = array
    for low, high in pairwise(places.indices):
        for index in range(low + 1, high):
            weight = (index - low) / (high - low)
            filled[index] = np.rint((1 - weight) * filled[low] + weight * filled[high])
    return filled
