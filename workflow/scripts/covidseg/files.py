"""Files that are either complete or absent: written under a temporary name, flushed to disk, then renamed."""

import csv
import hashlib
import io
import json
import math
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, with the same suffixes.

    On success the temporary file is flushed to disk (fsync) and renamed to `path`. On any error the
    temporary file is removed and `path` stays as it was.
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
        # The error of a write to a full disk does not name the file.
        error.filename = error.filename or str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`.

    On success the temporary folder replaces `path`; on any error the temporary folder is removed.
    """
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
    """Flush every file below `source` to disk (fsync), then put the folder in the place of `target`."""
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


def write_csv(
    path: str | Path,
    table: "pd.DataFrame | Sequence[Mapping[str, object]]",
    *,
    columns: Sequence[str] = (),
    digits: int | None = None,
) -> None:
    """Write a table as CSV, atomically.

    Lines end with a line feed. An undefined value (NaN) is an empty cell.

    Args:
        path: path of the file.
        table: rows with equal keys, or a pandas table.
        columns: names of the columns in order, if `table` is rows; by default the keys of the first row.
        digits: significant digits of a float. None: as many as are needed to read the same number back.
    """
    names: Sequence[Any]
    rows: Sequence[Mapping[Any, object]]
    if isinstance(table, Sequence):
        rows, names = table, columns or list(table[0])
    else:
        rows, names = table.to_dict("records"), list(table.columns)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value, digits) for name, value in row.items()} for row in rows)
    write_text(path, buffer.getvalue())


def _cell(value: object, digits: int | None) -> object:
    if not isinstance(value, float | np.floating):
        return value
    if math.isnan(value):
        return ""
    return repr(float(value)) if digits is None else f"{value:.{digits}g}"


def write_array(path: Path, array: np.ndarray) -> None:
    """Write a .npy file. Unlike numpy.save, this function reports a full disk as such."""
    with open(path, "wb") as file:
        header = np.lib.format.header_data_from_array_1_0(np.ascontiguousarray(array))
        np.lib.format.write_array_header_1_0(file, header)
        file.write(np.ascontiguousarray(array).data)


def write_json(path: str | Path, content: object) -> None:
    """Write `content` to `path` as JSON, atomically."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def digest(path: str | Path, algorithm: str = "sha256") -> str:
    """Return the hexadecimal checksum of the file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def fingerprint(content: list[object], files: list[Path]) -> str:
    """Return the SHA-256 of JSON content and of files: a model's configuration, code and data.

    Trainings with the same fingerprint give the same model.
    """
    text = json.dumps([content, [digest(file) for file in files]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _beside(path: Path) -> Path:
    """Return a name that no other process takes.

    The name is random, because a process on another node can have the same number.
    """
    return path.with_name(f".{secrets.token_hex(4)}.{path.name}")


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
