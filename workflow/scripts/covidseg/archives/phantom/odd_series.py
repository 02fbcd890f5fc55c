"""Unusual DICOM series. Each function returns the changed files (name, content) of one series."""

import io
from collections.abc import Callable, Iterator

import pydicom
from pydicom.uid import generate_uid

from covidseg.archives.phantom.odd_archives import Member

UNEVEN = 0.02  # mm by which every other slice lies too high


def without_slices(*lost: int) -> Callable[[Iterator[Member]], Iterator[Member]]:
    """Leave out slices, numbered from 0 at the lowest one: the published series are incomplete."""

    def leave_out(members: Iterator[Member]) -> Iterator[Member]:
        files = list(members)
        for place, member in enumerate(reversed(files)):
            if place not in lost:
                yield member

    return leave_out


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
