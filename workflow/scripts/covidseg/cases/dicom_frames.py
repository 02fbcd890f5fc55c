"""Slices of a CT series: one per file, or many in a file of enhanced CT."""

from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from covidseg.cases.dicom_files import numbers, one_line
from covidseg.cases.dicom_pixels import Hounsfield, stored_values, to_hounsfield
from covidseg.errors import InputError

SMALLEST_PIXEL, LARGEST_PIXEL = 0.1, 20.0  # mm
# Elements of a frame that an enhanced file says once, outside the groups.
OF_ALL_FRAMES = (
    *("FrameOfReferenceUID", "PhotometricInterpretation", "PixelRepresentation"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit"),
)


@dataclass(frozen=True)
class Frame:
    """One slice.

    Attributes:
        name: file of the slice, and the number of the slice if the file has several.
        position: centre of the first pixel (x, y, z), in mm.
        orientation: directions along a row and down a column (2, 3), unit vectors.
        spacing: millimetres per pixel (y, x).
        frame_of_reference: UID of the patient's coordinates; empty if the file has none.
        pixels: the values in HU.
    """

    name: str
    position: np.ndarray
    orientation: np.ndarray
    spacing: np.ndarray
    frame_of_reference: str
    pixels: Hounsfield


def read_frames(content: Dataset, name: str) -> list[Frame]:
    """Read the slices of a file.

    Raises:
        InputError: an element that the geometry or the intensities need is absent or has an unfit value, or
            the pixels cannot be read.
    """
    values = stored_values(content, name)
    headers = frame_headers(content, len(values), name)
    names = [name] if len(values) == 1 else [f"{name}, frame {i}" for i in range(1, len(values) + 1)]
    return [_read_frame(*one) for one in zip(values, headers, names, strict=True)]


def frame_headers(content: Dataset, frames: int, name: str) -> list[Dataset]:
    """Return the elements of each frame. In files of many frames, they lie in groups, shared or per frame."""
    if "PerFrameFunctionalGroupsSequence" not in content:
        if frames > 1:
            raise InputError(f"{name}: {frames} frames, but no PerFrameFunctionalGroupsSequence")
        return [content]
    groups = content.PerFrameFunctionalGroupsSequence
    if len(groups) != frames:
        raise InputError(f"{name}: NumberOfFrames is {frames}, but {len(groups)} functional groups are there")
    shared = content.get("SharedFunctionalGroupsSequence") or []
    return [_merge_groups(content, [*shared, group]) for group in groups]


def _merge_groups(content: Dataset, groups: list[Dataset]) -> Dataset:
    merged = Dataset()
    for keyword in OF_ALL_FRAMES:
        if keyword in content:
            merged[keyword] = content[keyword]
    for group in groups:
        for part in group:
            for item in part.value if part.VR == "SQ" else []:
                merged.update(item)
    return merged


def _read_frame(stored: np.ndarray, header: Dataset, name: str) -> Frame:
    orientation = numbers(header, "ImageOrientationPatient", 6, name).reshape(2, 3)
    if not np.allclose(orientation @ orientation.T, np.eye(2), atol=1e-3):
        raise InputError(
            f"{name}: ImageOrientationPatient is {header.ImageOrientationPatient}, expected two directions "
            "of length 1 at a right angle"
        )
    spacing = numbers(header, "PixelSpacing", 2, name)
    if not ((spacing >= SMALLEST_PIXEL) & (spacing <= LARGEST_PIXEL)).all():
        raise InputError(
            f"{name}: PixelSpacing is {header.PixelSpacing}, expected {SMALLEST_PIXEL} to {LARGEST_PIXEL} mm"
        )
    return Frame(
        name,
        numbers(header, "ImagePositionPatient", 3, name),
        orientation,
        spacing,
        one_line(header.get("FrameOfReferenceUID") or ""),
        to_hounsfield(stored, header, name),
    )
