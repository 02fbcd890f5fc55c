"""Verify archives by checksums: of the configuration, of the host's record or of the first download."""

import hashlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from covidseg.errors import InputError
from covidseg.files import digest, write_json
from covidseg.reading import read_json

log = logging.getLogger(__name__)

ALGORITHMS = ("sha256", "md5", "git_blob")
CHUNK = 1 << 20
DAMAGED = "the download was damaged or the host changed the file: run again, and if it stays so ask the host"
OTHER = "it is another file: put the right one there, or correct the checksum in datasets.yaml"


def verify(file: Path, expected: Mapping[str, object], path: Path, address: str) -> None:
    """Compare the checksums and the size of a file with the expected values.

    Args:
        file: path of the file to check.
        expected: any of the keys sha256, md5, git_blob (see `checksum`) and bytes (the size).
        path: path of the file in messages.
        address: address from which the file comes, for messages.

    Raises:
        InputError: a checksum or the size differs.
    """
    found: dict[str, object] = {"bytes": file.stat().st_size} if "bytes" in expected else {}
    found |= {name: checksum(file, name) for name in ALGORITHMS if name in expected}
    for name, value in found.items():
        if value != expected[name]:
            raise InputError(
                f"{path}: {name} of {address} is {value}, expected {expected[name]}; "
                + (DAMAGED if is_remote(address) else OTHER)
            )


def is_remote(address: str) -> bool:
    """Return whether a file comes from a host, and not from the user's own machine."""
    return address.startswith(("http:", "https:", "idc:", "tcia:"))


def checksum(file: Path, algorithm: str) -> str:
    """Return a file's checksum in hexadecimal; git_blob is the SHA-1 by which git names the content."""
    if algorithm != "git_blob":
        return digest(file, algorithm)
    found = hashlib.sha1(f"blob {file.stat().st_size}\0".encode(), usedforsecurity=False)
    with open(file, "rb") as content:
        while chunk := content.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def verify_or_record(file: Path, lock: Path, path: Path, address: str) -> None:
    """Compare a file with its first download, or record the file if there is no first download yet.

    Args:
        file: path of the file to check.
        lock: path of the table of first downloads, which is committed to the repository. The table is created
            if it does not exist.
        path: data/raw/<data set>/<archive>; its last two parts are the key in the table.
        address: address from which the file comes.

    Raises:
        InputError: the file differs from the first download.
    """
    key = f"{path.parent.name}/{path.name}"
    found = {"sha256": checksum(file, "sha256"), "bytes": file.stat().st_size}
    with FileLock(f"{lock}.lock"):
        recorded = read_json(lock, "restore the file") if lock.exists() else {}
        first = recorded.get(key)
        if first is not None and not (isinstance(first, dict) and first.keys() >= {*found, "date"}):
            raise InputError(f"{lock}: {key} lacks sha256, bytes or date; restore the file")
        if first is None:
            recorded[key] = found | {"origin": address, "date": datetime.now(UTC).date().isoformat()}
            write_json(lock, dict(sorted(recorded.items())))
            log.info("%s: recorded in %s; commit it", key, lock)
    if first and {name: first[name] for name in found} != found:
        changed = "the host changed the file" if is_remote(address) else "it is another file"
        raise InputError(
            f"{path}: sha256 of {address} is {found['sha256']}, was {first['sha256']} on {first['date']}: "
            f"{changed}; ask why, and if it is right remove {key} from {lock}"
        )
