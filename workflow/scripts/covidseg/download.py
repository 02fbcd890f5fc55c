"""Archives, fetched whole or not at all: temporary name, checksum, rename."""

import http.client
import logging
import time
import urllib.error
import urllib.request
from pathlib import Path

from covidseg.errors import InputError
from covidseg.files import atomic_path, digest

log = logging.getLogger(__name__)

CHUNK = 1 << 20
PROGRESS_SECONDS = 10
TIMEOUT_SECONDS = 60


def download(source: dict, path: Path, *, phantom: dict | None) -> None:
    """Fetch one archive to `path`, which appears only when it is complete and its checksum agrees.

    Args:
        source: address (phantom:, file:, http:, https:, or None) and sha256 or md5 if known.
        path: data/raw/<data set>/<archive>.
        phantom: for a phantom: address, its `cases`, `cohort` and `seed`.

    Raises:
        InputError: no address, unreachable, cut off, or another checksum than expected.
    """
    address = source["address"] or _fetched_by_hand(path, source["homepage"])
    with atomic_path(path) as temporary:
        if address.startswith("phantom:"):
            from covidseg.phantom.hosts import write_archive

            dataset, archive = address.removeprefix("phantom:").split("/", 1)
            write_archive(temporary, dataset, archive, **phantom)
        else:
            _fetch(address, temporary)
        _verify(temporary, source, path)
    log.info("%s: %d bytes from %s", path, path.stat().st_size, address)


def _fetched_by_hand(path: Path, homepage: str) -> str:
    """Return the file: address of data/manual/<data set>/<archive>.

    Not in data/raw itself: what lies there is Snakemake's, which deletes it before it makes it again.
    """
    manual = path.parents[2] / "manual" / path.parent.name / path.name
    if not manual.exists():
        raise InputError(
            f"{path}: has no public address; fetch it by hand ({homepage}) and put it at {manual}"
        )
    return manual.absolute().as_uri()


def _fetch(address: str, target: Path) -> None:
    request = urllib.request.Request(address, headers={"User-Agent": "covidseg"})
    received, begun, reported = 0, time.monotonic(), time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response, open(target, "wb") as file:
            expected = int(response.headers.get("Content-Length") or 0)
            while chunk := response.read(CHUNK):
                file.write(chunk)
                received += len(chunk)
                if time.monotonic() - reported > PROGRESS_SECONDS:
                    reported = time.monotonic()
                    rate = received / (reported - begun) / 1e6
                    log.info("%s: %.0f of %.0f MB, %.1f MB/s", address, received / 1e6, expected / 1e6, rate)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise InputError(f"{address}: {error} after {received} bytes; run again") from error
    if expected and received != expected:
        raise InputError(f"{address}: cut off after {received} of {expected} bytes; run again")


def _verify(file: Path, source: dict, path: Path) -> None:
    for algorithm in ("sha256", "md5"):
        if algorithm in source:
            found = digest(file, algorithm)
            if found != source[algorithm]:
                raise InputError(
                    f"{path}: {algorithm} of {source['address']} is {found}, expected {source[algorithm]}; "
                    "the transfer was damaged or the host changed the file"
                )
