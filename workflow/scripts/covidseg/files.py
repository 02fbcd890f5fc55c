"""Files that are either whole or not there: temporary name, fsync, rename."""

import csv
import hashlib
import io
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` (same suffixes); on success fsync and rename it to `path`.

    On any error the temporary file is removed and `path` stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        yield temporary
        _fsync(temporary)
        temporary.replace(path)
        _fsync(path.parent)
    except OSError as error:
        # A write that fails on a full disk does not know its file.
        error.filename = error.filename or str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success it replaces `path`, on any error it is removed."""
    path = Path(path)
    temporary = _beside(path)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        replace_directory(temporary, path)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def replace_directory(source: Path, target: Path) -> None:
    """Fsync every file below `source` and rename the folder to `target`, which it replaces."""
    for file in source.rglob("*"):
        _fsync(file)
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
    _fsync(target.parent)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_table(path: str | Path, rows: list[dict]) -> None:
    """Write rows with equal keys as CSV, atomically."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, buffer.getvalue())


def write_json(path: str | Path, content: object) -> None:
    """Write `content` to `path` as JSON, atomically."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def digest(path: str | Path, algorithm: str = "sha256") -> str:
    """Return the hexadecimal checksum of the file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def fingerprint(content: list, files: list[Path]) -> str:
    """Return a checksum of settings, code and data: what, if it is the same, gives the same model."""
    text = json.dumps([content, [digest(file) for file in files]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _beside(path: Path) -> Path:
    """Return a name that no other process takes, on another node either, where numbers of processes recur."""
    return path.with_name(f".{secrets.token_hex(4)}.{path.name}")


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
