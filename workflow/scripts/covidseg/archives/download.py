"""Archives, fetched whole or not at all: a download gets its name when it is complete and verified."""

import logging
import shutil
import time
from pathlib import Path
from urllib.request import url2pathname

import requests
from filelock import FileLock

from covidseg.archives.archive import write_zip
from covidseg.archives.by_hand import find_by_hand
from covidseg.archives.checksums import ALGORITHMS, verify, verify_or_record
from covidseg.archives.dicom_hosts import fetch_from_idc, fetch_from_tcia, read_series_row
from covidseg.archives.http import ask, discard, fetch, open_session
from covidseg.archives.origins import Origin
from covidseg.errors import InputError
from covidseg.files import atomic_path

log = logging.getLogger(__name__)


def download(origin: Origin, path: Path, *, partial: Path, tables: Path, lock: Path) -> None:
    """Fetch one archive to `path`, which appears only when it is complete and verified.

    Args:
        origin: where from, and what it must be.
        path: data/raw/<data set>/<archive>.
        partial: folder for what has come so far; a later call goes on from it.
        tables: folder of the tables of series.
        lock: table of first downloads, for archives whose host gives no checksum.

    Raises:
        InputError: not there, unreachable, cut again and again, or another file than expected.
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
    """Fetch from the first address that works; returns this address."""
    if not origin.addresses:
        found = find_by_hand(path, origin.homepage, origin.members)
        _copy(found, part)
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
            _copy(Path(url2pathname(rest.removeprefix("//"))), part)
        elif scheme in ("idc", "tcia"):
            table, _, case = rest.partition("#")
            series = read_series_row(tables / table, case)
            (fetch_from_idc if scheme == "idc" else fetch_from_tcia)(session, series, part)
        else:
            expected = _read_record(session, record, address) if record else {}
            fetch(session, address, part)
            try:
                verify(part, expected, part, address)
            except InputError:
                discard(part)
                raise


def _read_record(session: requests.Session, record: str, address: str) -> dict[str, object]:
    """Return the size and the MD5 of a file, from the JSON of the Zenodo record that lists the file."""
    name = address.rpartition("/")[2]
    for file in ask(session, record).json().get("files", []):
        if file["key"] == name:
            algorithm, _, value = file["checksum"].partition(":")
            return {"bytes": file["size"], algorithm: value}
    raise InputError(f"{record}: the record has no file {name}; correct the address in datasets.yaml")


def _copy(found: Path, path: Path) -> None:
    """Copy a file; pack a folder into a zip."""
    if not found.exists():
        raise InputError(f"{found}: not there; correct the address in datasets.yaml")
    with atomic_path(path) as temporary:
        if found.is_file():
            shutil.copyfile(found, temporary)
            return
        files = sorted(file for file in found.rglob("*") if file.is_file())
        write_zip(temporary, ((file.relative_to(found).as_posix(), file.read_bytes()) for file in files))
