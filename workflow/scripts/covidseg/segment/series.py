"""The CT series among DICOM files: listed, and one of them chosen."""

from dataclasses import dataclass, field

import pydicom
from pydicom.uid import UID

from covidseg.cases.dicom_files import BROKEN, CT, LOCALISER, is_ct, one_line, parse_dicom
from covidseg.errors import InputError


@dataclass
class Series:
    """A CT series.

    Attributes:
        uid: SeriesInstanceUID.
        description: SeriesDescription.
        files: names of its files.
        slices: number of slices; a file of enhanced CT has several.
    """

    uid: str
    description: str
    files: list[str] = field(default_factory=list)
    slices: int = 0

    def __str__(self) -> str:
        return f"{self.uid} ({self.slices} slices, {self.description})"


def find_series(files: dict[str, bytes], name: str) -> list[Series]:
    """Return the CT series among files, the one with the most slices first.

    Args:
        files: name -> content.
        name: name of the folder or archive in messages.

    Raises:
        InputError: there is no CT series.
    """
    found: dict[str, Series] = {}
    others: dict[str, int] = {}
    for file, content in files.items():
        header = _header(content)
        if header is None or not is_ct(header):
            kind = _other(header)
            others[kind] = others.get(kind, 0) + 1
            continue
        uid = one_line(header.get("SeriesInstanceUID") or "no UID")
        series = found.setdefault(
            uid, Series(uid, one_line(header.get("SeriesDescription") or "no description"))
        )
        series.files.append(file)
        series.slices += int(header.get("NumberOfFrames") or 1)
    if not found:
        there = ", ".join(f"{count} {kind}" for kind, count in sorted(others.items())) or "none"
        raise InputError(f"{name}: no CT image; files: {there}")
    return sorted(found.values(), key=lambda series: (-series.slices, series.uid))


def choose_series(found: list[Series], wanted: str, name: str) -> Series:
    """Return the series that the user wants.

    Args:
        found: the CT series, from `find_series`.
        wanted: UID, or beginning of the UID, of the series; empty: the one with the most slices.
        name: name of the folder or archive in messages.

    Raises:
        InputError: none or several series have this UID.
    """
    fitting = [series for series in found if series.uid.startswith(wanted)]
    exact = [series for series in fitting if series.uid == wanted]
    if wanted and len(exact or fitting) != 1:
        listed = "; ".join(map(str, found))
        raise InputError(
            f"{name}: --series {wanted}: {len(fitting)} series have this UID; there are: {listed}"
        )
    return (exact or fitting)[0]


def _other(header: pydicom.Dataset | None) -> str:
    """Say what a file holds that is no CT image."""
    if header is None:
        return "no DICOM"
    if "LOCALIZER" in (header.get("ImageType") or ()):
        return LOCALISER
    modality = one_line(header.get("Modality") or "no modality")
    return modality if modality != CT else one_line(UID(str(header.get("SOPClassUID"))).name)


def _header(content: bytes) -> pydicom.Dataset | None:
    """Return a DICOM file; None for anything else."""
    try:
        return parse_dicom(content)
    except BROKEN:
        return None
