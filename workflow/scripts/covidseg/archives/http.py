"""Download files from http and https hosts: retry with growing pauses, and resume partial downloads."""

import contextlib
import json
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import requests
import urllib3
from urllib3.util import Retry

from covidseg.errors import InputError
from covidseg.files import write_json

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

CHUNK = 1 << 20
PROGRESS_SECONDS = 10
TIMEOUT_SECONDS = 60  # a try ends if the host sends no byte for so long
STALL_SECONDS, STALL_BYTES = 60, 60_000  # fewer bytes in this time: try again, perhaps faster
TRIES = 7  # failed tries in a row without progress, after which a download ends with an error
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 600.0  # seconds
BUSY = {408, 425, 429, 500, 502, 503, 504}  # HTTP status codes after which a later try may succeed
CUT = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    urllib3.exceptions.HTTPError,
)
REFUSED = (
    requests.exceptions.SSLError,
    requests.TooManyRedirects,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
)


class Busy(Exception):
    """A try has failed, and the next try may succeed: for example, the host is busy or sends almost nothing.

    Attributes:
        pause: seconds that the host asks to wait before the next try, or None.
    """

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


@dataclass(frozen=True)
class Version:
    """What distinguishes one version of a file at a host from another version of the same file.

    Attributes:
        address: address of the file.
        validator: the HTTP header ETag (if it is strong) or Last-Modified; "" if the host sends neither.
        size: size in bytes, or None if the host does not state the size.
    """

    address: str
    validator: str
    size: int | None


def open_session() -> requests.Session:
    """Return a session with TLS verified, redirects to http and https only, and the environment's proxies."""
    session = requests.Session()
    session.headers.update({"User-Agent": "covidseg", "Accept-Encoding": "identity"})
    return session


def ask(session: requests.Session, address: str) -> requests.Response:
    """Return a host's whole answer, for small files such as a list; failures are retried as in `fetch`."""

    def attempt() -> requests.Response:
        response = session.get(address, timeout=TIMEOUT_SECONDS)
        _refuse_status(response, address)
        return response

    return _patiently(attempt, address, lambda: 0)


def fetch(session: requests.Session, address: str, target: Path) -> None:
    """Fetch a file to `target`, and continue after the bytes that an earlier call has left there.

    The note <target>.json records which version of the file these bytes belong to. The download starts again
    from the first byte if the file at the host has changed since then, or if the host cannot resume.

    Raises:
        InputError: the host refuses (HTTP status 401, 403, 404 ...), TLS or a redirect is not allowed, the
            disk has too little space, or the download fails again and again. Received bytes are kept.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _patiently(lambda: _attempt(session, address, target), address, lambda: _size(target))


def discard(target: Path) -> None:
    """Remove the partial download that `fetch` has left, and its note."""
    target.unlink(missing_ok=True)
    _note(target).unlink(missing_ok=True)


def _patiently(attempt: Callable[[], Answer], address: str, progress: Callable[[], int]) -> Answer:
    """Call `attempt` until it succeeds, and return its answer. Wait longer after each failure.

    Args:
        attempt: sends the request once.
        address: address of the request, for messages.
        progress: returns the number of bytes received so far.

    Raises:
        InputError: the host refuses, or TRIES attempts in a row have failed without progress.
    """
    failures, furthest = 0, progress()
    while True:
        try:
            return attempt()
        except REFUSED as error:
            raise InputError(f"{address}: refused: {_reason(error)}") from error
        except (Busy, *CUT) as error:
            # Progress is a new maximum of bytes: a host that always starts from the first byte makes none.
            failures = 1 if progress() > furthest else failures + 1
            furthest = max(furthest, progress())
            if failures == TRIES:
                kept = f"; {progress()} bytes are kept" if progress() else ""
                raise InputError(
                    f"{address}: {_reason(error)}, {TRIES} times{kept}; run again to go on"
                ) from error
            pause = min(getattr(error, "pause", None) or FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)
            log.warning("%s: %s; try again in %.0f s", address, _reason(error), pause)
            time.sleep(pause)


def _attempt(session: requests.Session, address: str, target: Path) -> None:
    kept, known = _size(target), _read_note(target, address)
    headers = {}
    if kept and known:
        headers = {"Range": f"bytes={kept}-"} | ({"If-Range": known.validator} if known.validator else {})
    with session.get(address, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
        if response.status_code == 416:
            if known and known.size == kept:
                return
            discard(target)
            raise Busy(f"has no byte {kept} any more: the file has changed")
        _refuse_status(response, address)
        found = _version(response, address, resumed=response.status_code == 206)
        if response.status_code == 206 and (known is None or _differ(found, known)):
            discard(target)
            raise Busy("the file has changed since the last try; from the start")
        if response.status_code == 200:
            if kept:
                log.warning("%s: sent from the start: changed, or the host cannot resume", address)
            kept = 0
            write_json(_note(target), asdict(found))
        _refuse_full_disk(target, found.size, kept)
        _receive(response, target, found.size, kept)


def _receive(response: requests.Response, target: Path, size: int | None, kept: int) -> None:
    begun = reported = checked = time.monotonic()
    received = counted = 0
    with open(target, "ab" if kept else "wb") as file:
        while chunk := response.raw.read1(CHUNK):
            _write(file, chunk)
            received += len(chunk)
            now = time.monotonic()
            if now - reported > PROGRESS_SECONDS:
                reported = now
                _report(target, kept + received, size, received / (now - begun))
            if now - checked > STALL_SECONDS:
                if received - counted < STALL_BYTES:
                    raise Busy(f"stalls: {received - counted} bytes in {now - checked:.0f} s")
                checked, counted = now, received
    if size is not None and kept + received != size:
        raise Busy(f"cut off after {kept + received} of {size} bytes")


def _write(file: BinaryIO, chunk: bytes) -> None:
    """Write and flush at once: on a full disk, the error then occurs here, where the file's name is known."""
    try:
        file.write(chunk)
        file.flush()
    except OSError as error:
        error.filename = file.name
        raise


def _report(target: Path, received: int, size: int | None, rate: float) -> None:
    if size is None:
        log.info("%s: %.0f MB, %.1f MB/s", target.name, received / 1e6, rate / 1e6)
        return
    minutes, seconds = divmod(round((size - received) / max(rate, 1)), 60)
    log.info(
        "%s: %.0f of %.0f MB, %.1f MB/s, %d:%02d min left",
        *(target.name, received / 1e6, size / 1e6, rate / 1e6, minutes, seconds),
    )


def _refuse_status(response: requests.Response, address: str) -> None:
    status = f"HTTP status {response.status_code} {response.reason}".rstrip()
    if response.status_code in BUSY:
        pause = None
        with contextlib.suppress(urllib3.exceptions.InvalidHeader, TypeError):
            pause = Retry().get_retry_after(response.raw)
        raise Busy(status, pause)
    if not response.ok:
        raise InputError(f"{address}: {status}; open the address in a browser, or correct it")


def _refuse_full_disk(target: Path, size: int | None, kept: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if size is not None and size - kept > free:
        raise InputError(
            f"{target}: needs {(size - kept) / 1e9:.2f} GB more, the disk has {free / 1e9:.2f} GB; free some"
        )


def _version(response: requests.Response, address: str, *, resumed: bool) -> Version:
    tag = response.headers.get("ETag", "")
    validator = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
    if resumed:
        total = response.headers.get("Content-Range", "").rpartition("/")[2]
    else:
        total = response.headers.get("Content-Length", "")
    return Version(address, validator, int(total) if total.isdigit() else None)


def _differ(found: Version, known: Version) -> bool:
    validators = {found.validator, known.validator} - {""}
    return len(validators) > 1 or found.size != known.size


def _read_note(target: Path, address: str) -> Version | None:
    try:
        known = Version(**json.loads(_note(target).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return known if known.address == address else None


def _note(target: Path) -> Path:
    return target.with_name(f"{target.name}.json")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: Exception) -> str:
    """Return the message of the first cause in one line: the libraries wrap an exception several times."""
    cause: BaseException = error
    while cause.__context__ is not None and not isinstance(cause, Busy):
        cause = cause.__context__
    return " ".join(str(cause).split()) or type(cause).__name__
