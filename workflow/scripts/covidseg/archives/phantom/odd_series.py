"""Unusual DICOM series. Each function returns the changed files (name, content) of one series."""

import io
from collections.abc import Iterator, Sequence

import pydicom
from pydicom.uid import generate_uid

from covidseg.archives.phantom.odd_archives import Member

UNEVEN = 0.02  # mm by which every other slice lies too high


def without_slices(members: Iterator[Member], *, lost: Sequence[int]) -> Iterator[Member]:
    """Leave out slices, numbered from 0 at the lowest one. The last file has the lowest slice."""
    files = list(members)
    for height, member in zip(reversed(range(len(files))), files, strict=True):
        if height not in lost:
            yield member


def doubled_slice(members: Iterator[Member]) -> Iterator[Member]:
    """Repeat the middle slice in another file, under another identifier."""
    files = list(members)
    yield from files
    copy = pydicom.dcmread(io.BytesIO(files[len(files) // 2][1]))
    copy.InstanceNumber = len(files) + 1
    copy.SOPInstanceUID = generate_uid(entropy_srcs=[copy.SOPInstanceUID, "copy"])
    copy.file_meta.MediaStorageSOPInstanceUID = copy.SOPInstanceUID
    yield f"1-{len(files) + 1:03d}.dcm", _content(copy)


def uneven_positions(members: Iterator[Member]) -> Iterator[Member]:
    """Put every other slice a little too high."""
    for number, (name, content) in enumerate(members):
        slice_ = pydicom.dcmread(io.BytesIO(content))
        height = float(slice_.ImagePositionPatient[2]) + UNEVEN * (number % 2)
        slice_.ImagePositionPatient[2] = pydicom.valuerep.format_number_as_ds(height)
        yield name, _content(slice_)


def _content(slice_: pydicom.Dataset) -> bytes:
    buffer = io.BytesIO()
    slice_.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
