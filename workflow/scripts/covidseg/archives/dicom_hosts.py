"""Fetch CT series from two hosts of DICOM files: the Imaging Data Commons (IDC) and TCIA.

A series becomes a zip with one file per slice. Each file is named by the UID of its DICOM instance, so that
both hosts give the same zip with the same checksum.
"""

import io
import logging
import struct
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import pydicom
import requests

from covidseg.archives.archive import Archive
from covidseg.archives.checksums import verify
from covidseg.archives.dataset import Checksums
from covidseg.archives.http import ask, discard, fetch
from covidseg.archives.signatures import refuse_page
from covidseg.archives.zips import write_zip
from covidseg.errors import InputError
from covidseg.files import atomic_path
from covidseg.reading import read_rows

log = logging.getLogger(__name__)

IDC = "https://{bucket}.s3.amazonaws.com"
TCIA = "https://services.cancerimagingarchive.net/nbia-api/services/v1"
XML = "{http://s3.amazonaws.com/doc/2006-03-01/}"
# What pydicom raises for damaged files: some elements are only decoded when they are read.
BROKEN = (
    *(pydicom.errors.InvalidDicomError, EOFError, OSError, ValueError, AttributeError, TypeError, KeyError),
    *(NotImplementedError, struct.error),
)
SERIES_COLUMNS = ("case", "series", "bucket", "folder", "slices")


@dataclass(frozen=True)
class Series:
    """One row of a table of series, for example config/nsclc_series.csv.

    Attributes:
        case: name of the case, which is the name of the patient.
        series: SeriesInstanceUID of the series.
        bucket, folder: bucket of the IDC that contains the series, and the folder in this bucket.
        slices: number of slices, which is the number of DICOM files.
    """

    case: str
    series: str
    bucket: str
    folder: str
    slices: int


def read_series_row(table: Path, case: str) -> Series:
    """Return the row of a case from a table of series.

    Raises:
        InputError: the table is missing or damaged, or has no row of the case.
    """
    for row in read_rows(table, SERIES_COLUMNS, "restore the table of series"):
        if row["case"] == case:
            if not row["slices"].isdigit():
                raise InputError(f"{table}: case {case}: {row['slices']!r} slices; expected a number")
            return Series(case, row["series"], row["bucket"], row["folder"], int(row["slices"]))
    raise InputError(f"{table}: no series of case {case}; add its row")


def fetch_from_idc(session: requests.Session, series: Series, target: Path) -> None:
    """Fetch a series from the public bucket of the IDC, and write the series as a zip to `target`.

    The files are fetched one by one. Their sizes and MD5 checksums are compared with the bucket's list. Files
    that an earlier call has left in <target>.files are not fetched again.

    Raises:
        InputError: the host refuses, or the files are not the expected ones.
    """
    host, folder = IDC.format(bucket=series.bucket), target.with_name(f"{target.name}.files")
    files = []
    for key, expected in _list_bucket(
        session, f"{host}/?list-type=2&prefix={series.folder}/", series
    ).items():
        files.append(folder / Path(key).name)
        if not files[-1].exists():
            part = files[-1].with_name(f"{files[-1].name}.part")
            fetch(session, f"{host}/{key}", part)
            try:
                verify(part, expected, files[-1], f"{host}/{key}")
            except InputError:
                discard(part)
                raise
            part.replace(files[-1])
    _pack(target, {file.name: file.read_bytes() for file in files}, series, host)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def fetch_from_tcia(session: requests.Session, series: Series, target: Path) -> None:
    """Fetch a series as a zip from the REST interface of TCIA, and write the files as a new zip to `target`.

    Raises:
        InputError: the host refuses, or the files are not the expected ones.
    """
    address = f"{TCIA}/getImage?SeriesInstanceUID={series.series}"
    part = target.with_name(f"{target.name}.part")
    fetch(session, address, part)
    try:
        refuse_page(part, address)
        with Archive(part) as archive:
            members = {name: archive.read(name) for name in archive.names if name.endswith(".dcm")}
        _pack(target, members, series, address)
    except InputError as error:
        raise InputError(str(error).replace(str(part), address)) from error
    finally:
        discard(part)


def _list_bucket(session: requests.Session, address: str, series: Series) -> dict[str, Checksums]:
    """Return key of a file in the bucket -> its size and its MD5.

    The MD5 is the file's ETag. An ETag with "-" is not an MD5, because the file was uploaded in parts: then
    only the size is returned.
    """
    try:
        found = ElementTree.fromstring(ask(session, address).content)
        listed: dict[str, Checksums] = {
            entry.findtext(f"{XML}Key", ""): {
                "bytes": int(entry.findtext(f"{XML}Size", "")),
                "md5": entry.findtext(f"{XML}ETag", "").strip('"'),
            }
            for entry in found.iter(f"{XML}Contents")
        }
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"{address}: the host has sent no list of files ({error})") from error
    if len(listed) != series.slices:
        raise InputError(f"{address}: lists {len(listed)} files of {series.case}, expected {series.slices}")
    return {
        key: entry if "-" not in entry["md5"] else {"bytes": entry["bytes"]} for key, entry in listed.items()
    }


def _pack(target: Path, files: dict[str, bytes], series: Series, address: str) -> None:
    instances = {}
    for name, content in files.items():
        try:
            header = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
            found, instance = str(header.SeriesInstanceUID), str(header.SOPInstanceUID)
        except BROKEN as error:
            raise InputError(
                f"{address}: {name} of {series.case} is no whole DICOM file ({error})"
            ) from error
        if found != series.series:
            raise InputError(f"{address}: {name} is of series {found}, expected {series.series}")
        instances[f"{instance}.dcm"] = content
    if len(instances) != series.slices:
        raise InputError(
            f"{address}: {len(instances)} slices of {series.case} came, expected {series.slices}; run again"
        )
    with atomic_path(target) as temporary:
        write_zip(temporary, sorted(instances.items()))
