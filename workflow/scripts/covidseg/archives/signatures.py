"""Tell by its first bytes what a file is that should be an archive and is none."""

import re
from pathlib import Path
from typing import Literal

from covidseg.errors import InputError

HEAD_BYTES = 512
PAGES = (
    (rb"<(!doctype|html|head|script|!--)", "a web page, for example one that asks for a login"),
    (rb"<(\?xml|error)", "a message in XML"),
    (rb'\{\s*"', "a message in JSON"),
    (rb"version https://git-lfs", "a pointer of Git LFS"),
)
OTHERS = (
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it, and pack the files as a zip"),
    (0, b"Rar!\x1a\x07", "a RAR archive; unpack it, and pack the files as a zip"),
    (0, b"\x28\xb5\x2f\xfd", "compressed with Zstandard; unpack it, and pack the files as a zip"),
    (0, b"PK\x07\x08", "the first part of a zip in several parts; join the parts to one zip"),
    (0, b"PK\x03\x04", "a zip that is cut off before its end"),
    (0, b"%PDF", "a PDF file"),
    (128, b"DICM", "a single DICOM file; give the folder of the series, or pack the series as a zip"),
    (344, b"n+1\0", "a single NIfTI file; let the archive's name in datasets.yaml end with .nii"),
)

TarMode = Literal["r:", "r:gz", "r:bz2", "r:xz"]
COMPRESSED: tuple[tuple[bytes, TarMode], ...] = (
    (b"\x1f\x8b", "r:gz"),
    (b"BZh", "r:bz2"),
    (b"\xfd7zXZ\0", "r:xz"),
)


def describe_page(path: Path) -> str:
    """Return what a file is that hosts send in place of the wanted file; an empty text for another file."""
    head = _head(path)
    if not head:
        return "an empty file"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((kind for start, kind in PAGES if re.match(start, text, re.IGNORECASE)), "")


def refuse_page(path: Path, address: str) -> None:
    """Refuse a fetched file if it is empty or a page in place of the wanted file.

    Raises:
        InputError: the message names the address and what has come.
    """
    if found := describe_page(path):
        raise InputError(f"{address}: the host has sent {found}; open the address in a browser")


def describe_other(path: Path) -> str:
    """Return what kind of file, other than a zip or a tar, the first bytes show; an empty text if unknown."""
    head = _head(path)
    return next((kind for place, start, kind in OTHERS if head[place:].startswith(start)), "")


def tar_mode(path: Path) -> TarMode | None:
    """Return the mode in which tarfile opens a tar, by its compression; None if the file is no tar.

    The first bytes decide, not the name: a tar whose last file is a zip looks like a zip from its end.
    """
    head = _head(path)
    if head[257:262] == b"ustar":
        return "r:"
    return next((mode for start, mode in COMPRESSED if head.startswith(start)), None)


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(HEAD_BYTES)
