"""Download archives. A download gets its final name only when the file is complete and verified."""

import logging
import shutil
import time
from pathlib import Path

import requests
from filelock import FileLock

from covidseg.archives.archive import Archive
from covidseg.archives.by_hand import find_by_hand
from covidseg.archives.checksums import ALGORITHMS, verify, verify_or_record
from covidseg.archives.dicom_hosts import fetch_from_idc, fetch_from_tcia, read_series_row
from covidseg.archives.http import ask, discard, fetch, open_session
from covidseg.archives.origins import Origin, local_path
from covidseg.archives.packing import copy_or_pack
from covidseg.archives.signatures import refuse_page
from covidseg.errors import InputError
from covidseg.files import atomic_path

log = logging.getLogger(__name__)


def download(origin: Origin, path: Path, *, partial: Path, tables: Path, lock: Path) -> None:
    """Fetch one archive to `path`. The file appears there only when the archive is complete and verified.

    Args:
        origin: where the archive comes from, and which checksums the archive must have.
        path: data/raw/<data set>/<archive>.
        partial: folder of partial downloads, which a later call continues.
        tables: folder of the tables of series.
        lock: path of the table of first downloads, for archives without a known checksum.

    Raises:
        InputError: the archive is not there or cannot be reached, the connection breaks again and again, or
            the archive is not the expected one.
    """
    begun, part = time.time(), partial / path.parent.name / path.name
    part.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{part}.lock"):
        if path.exists() and path.stat().st_ctime > begun:
            log.info("%s: fetched by another run meanwhile", path)
            return
        address = _fetch_from_any(origin, path, part, tables)
        try:
            verify(part, origin.checksums, path, address)
            if not (origin.is_local or set(ALGORITHMS) & set(origin.checksums)):
                _refuse_unreadable(part, path, address)
                verify_or_record(part, lock, path, address)
        except InputError:
            discard(part)
            raise
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            shutil.move(part, temporary)
        discard(part)
        Path(f"{part}.lock").unlink()
    log.info("%s: %d bytes from %s", path, path.stat().st_size, address)


def _fetch_from_any(origin: Origin, path: Path, part: Path, tables: Path) -> str:
    """Fetch the archive to `part` from the first address that works, and return this address."""
    if not origin.addresses:
        found = find_by_hand(path, origin.homepage, origin.members)
        copy_or_pack(found, part)
        return str(found)
    for number, address in enumerate(origin.addresses, 1):
        try:
            _fetch(address, origin.record, part, tables)
        except InputError as error:
            if number == len(origin.addresses):
                raise
            log.warning("%s; trying %s", error, origin.addresses[number])
        else:
            return address
    raise AssertionError("an origin without address is put there by hand")


def _fetch(address: str, record: str | None, part: Path, tables: Path) -> None:
    scheme, _, rest = address.partition(":")
    with open_session() as session:
        if scheme == "file":
            copy_or_pack(local_path(address), part)
        elif scheme in ("idc", "tcia"):
            table, _, case = rest.partition("#")
            series = read_series_row(tables / table, case)
            (fetch_from_idc if scheme == "idc" else fetch_from_tcia)(session, series, part)
        else:
            expected = _read_record(session, record, address) if record else {}
            fetch(session, address, part)
            try:
                refuse_page(part, address)
                verify(part, expected, part, address)
            except InputError:
                discard(part)
                raise


def _read_record(session: requests.Session, record: str, address: str) -> dict[str, object]:
    """Return the size and the MD5 of a file, from the JSON of the Zenodo record that lists the file."""
    name = address.rpartition("/")[2]
    try:
        for file in ask(session, record).json().get("files", []):
            if file["key"] == name:
                algorithm, _, value = file["checksum"].partition(":")
                return {"bytes": file["size"], algorithm: value}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{record}: the host has sent no Zenodo record ({type(error).__name__})") from error
    raise InputError(f"{record}: the record has no file {name}; correct the address in datasets.yaml")


def _refuse_unreadable(part: Path, path: Path, address: str) -> None:
    """Refuse a file that cannot be opened, before its checksum is recorded as that of the right file."""
    try:
        with Archive(part):
            pass
    except InputError as error:
        reason = str(error).removeprefix(f"{part}: ")
        raise InputError(f"{path}: from {address}: {reason}") from error
