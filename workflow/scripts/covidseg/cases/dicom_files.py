"""Read DICOM files into data sets, and choose the one CT series among the files of a folder."""

import io
import struct
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    LegacyConvertedEnhancedCTImageStorage,
)

from covidseg.errors import InputError

CT, LOCALISER = "CT", "localiser"
CT_CLASSES = (CTImageStorage, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)
LARGEST_BYTES = 1 << 30  # that one compressed file may unpack to: 2000 slices of 512 x 512
META_LENGTH = slice(140, 144)  # bytes that say how long the rest of the meta group is, which follows them
LONGEST_TEXT = 200  # characters of a file's text in a message
# What pydicom raises for damaged files: some elements are only decoded when they are read.
BROKEN = (
    *(InvalidDicomError, BytesLengthException, EOFError, OSError, ValueError, AttributeError, TypeError),
    *(KeyError, IndexError, RuntimeError, OverflowError, struct.error, zlib.error),
)


@contextmanager
def damage_told(name: str, expected: str) -> Iterator[None]:
    """Turn the errors of pydicom about a damaged file into an InputError.

    Args:
        name: name of the file in messages.
        expected: what the file should be, for example "CT slice".
    """
    try:
        yield
    except BROKEN as error:
        reason = one_line(error) or type(error).__name__
        raise InputError(f"{name}: truncated or not a {expected} ({reason})") from error


def parse_dicom(content: bytes) -> Dataset:
    """Read a DICOM file, also one without the preamble of 128 bytes; raises the errors in `BROKEN`."""
    if DeflatedExplicitVRLittleEndian.encode() in content[:1024]:
        _refuse_bomb(content)
    try:
        found = pydicom.dcmread(io.BytesIO(content))
    except InvalidDicomError:
        found = pydicom.dcmread(io.BytesIO(content), force=True)
        if "SOPClassUID" not in found:
            raise
    if not len(found):
        raise EOFError("it ends within an element")
    if not found.file_meta:  # pydicom has recognised the encoding by the first element
        implicit, little_endian = found.original_encoding
        explicit = ExplicitVRLittleEndian if little_endian else ExplicitVRBigEndian
        found.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return found


def _refuse_bomb(content: bytes) -> None:
    """Refuse a deflated file that unpacks to too much: pydicom would unpack all of it at once."""
    start = META_LENGTH.stop + int.from_bytes(content[META_LENGTH], "little")
    unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
    unpacking.decompress(content[start:], LARGEST_BYTES)
    if unpacking.unconsumed_tail:
        raise ValueError(f"unpacks to more than {LARGEST_BYTES} bytes")


def one_line(value: object) -> str:
    """Return a text of a file as it may stand in a message: one line, and not too long."""
    return "".join(c if c.isprintable() else " " for c in " ".join(str(value)[:LONGEST_TEXT].split()))


def element(header: Dataset, keyword: str, name: str) -> str:
    """Return an element as text; raises InputError if the element is absent or empty."""
    value = header.get(keyword)
    if value is None or value == "":
        raise InputError(f"{name}: no {keyword}")
    return one_line(value)


def numbers(header: Dataset, keyword: str, count: int, name: str) -> np.ndarray:
    """Return the finite numbers of an element (count,); raises InputError if they are absent or others."""
    text = element(header, keyword, name)
    try:
        values = np.atleast_1d(np.array(header[keyword].value, float))
    except (ValueError, TypeError):
        values = np.array([np.nan])
    if values.shape != (count,) or not np.isfinite(values).all():
        raise InputError(f"{name}: {keyword} is {text}, expected {count} finite number(s)")
    return values


def choose_series(headers: dict[str, Dataset], name: str) -> tuple[dict[str, Dataset], list[str]]:
    """Choose the files of the CT series. Localisers and files of other kinds are left out.

    Args:
        headers: file -> the file's content.
        name: name of the folder or archive in messages.

    Returns:
        The files of the series, and what was left out, in words.

    Raises:
        InputError: there is no CT image, there are several CT series, or a file in the series is no CT.
    """
    kinds = {file: _kind(header) for file, header in headers.items()}
    chosen = {file: headers[file] for file, kind in kinds.items() if kind == CT}
    if not chosen:
        found = ", ".join(f"{count} {kind}" for kind, count in Counter(kinds.values()).items()) or "no file"
        raise InputError(f"{name}: no CT image; there are: {found}")
    series = {element(header, "SeriesInstanceUID", file) for file, header in chosen.items()}
    if len(series) > 1:
        raise InputError(f"{name}: expected one DICOM series, found {_list_series(chosen)}")
    others = defaultdict(list)
    for file, kind in kinds.items():
        if kind not in (CT, LOCALISER) and headers[file].get("SeriesInstanceUID") in series:
            raise InputError(f"{file}: {kind} in a CT series, expected CT images only")
        if kind != CT:
            others[kind].append(file)
    left_out = [f"left out: {len(files)} {kind} ({files[0]})" for kind, files in others.items()]
    return chosen, left_out


def is_ct(header: Dataset) -> bool:
    """Return whether a file is an image of a CT series, and no localiser."""
    return _kind(header) == CT


def _kind(header: Dataset) -> str:
    """Say what a file holds: `CT`, `LOCALISER`, or the name of another kind of file."""
    storage = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
    modality = header.get("Modality") or "CT"
    if storage and storage not in CT_CLASSES:
        return one_line(UID(str(storage)).name)
    if modality != "CT":
        return f"image of modality {one_line(modality)}"
    return LOCALISER if "LOCALIZER" in (header.get("ImageType") or ()) else CT


def _list_series(headers: dict[str, Dataset]) -> str:
    files = defaultdict(list)
    for file, header in headers.items():
        files[one_line(header.SeriesInstanceUID)].append(file)
    described = [
        f"{uid} ({len(members)} files such as {members[0]}, "
        f"{one_line(headers[members[0]].get('SeriesDescription') or 'no description')})"
        for uid, members in files.items()
    ]
    return f"{len(files)}: {'; '.join(described)}; choose one by `member` in datasets.yaml"
