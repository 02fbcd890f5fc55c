"""Write files that are either complete or absent, and read text files with errors of one line.

A file is written under a temporary name, flushed to disk and renamed. A text file that cannot be read or that
has another content than expected gives an InputError with the file, the reason and a remedy.
"""

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

from covidseg.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


LARGEST_TEXT = 512 * 2**20  # bytes; the largest table of a run of all papers has a tenth of this size
AGAIN = "delete the file and run again"  # the remedy for a file that a job has made


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


def read_text(path: str | Path, remedy: str = "", *, largest: int = LARGEST_TEXT) -> str:
    """Return the text of a UTF-8 file, without its byte order mark.

    Raises:
        InputError: the file is missing, unreadable, no file, too large, or not in UTF-8; the message ends
            with the remedy.
    """
    end = f"; {remedy}" if remedy else ""
    try:
        with open(path, "rb") as file:
            content = file.read(largest + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}{end}") from error
    if len(content) > largest:
        raise InputError(f"{path}: more than {largest} bytes; that is no file of this kind{end}")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path}: its text is in UTF-16, expected UTF-8{end or '; save it as UTF-8'}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = content.count(b"\n", 0, error.start) + 1, content[error.start]
        raise InputError(
            f"{path}: line {line}: byte 0x{byte:02x} is no UTF-8{end or '; save the file as UTF-8'}"
        ) from error


def read_json(path: str | Path, remedy: str = AGAIN) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        InputError: the file cannot be read, is damaged, has a key twice or a number that is not finite, or
            holds something else than an object; the message ends with the remedy.
    """
    try:
        content = json.loads(
            read_text(path, remedy), object_pairs_hook=_without_twins, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: damaged: {error}; {remedy}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: a {type(content).__name__}, expected keys and values; {remedy}")
    return content


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twin = next(key for key in found if [name for name, _ in pairs].count(key) > 1)
        raise ValueError(f"key {twin!r} is there twice")
    return found


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no finite number")


def read_rows(path: str | Path, columns: Sequence[str], remedy: str = AGAIN) -> list[dict[str, str]]:
    """Return the rows of a CSV file as column -> cell.

    Raises:
        InputError: the file cannot be read or is cut, lacks one of the columns, or has a column twice; the
            message ends with the remedy.
    """
    reader = csv.DictReader(io.StringIO(read_text(path, remedy), newline=""), strict=True)
    try:
        header, rows = reader.fieldnames or [], list(reader)
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}; {remedy}") from error
    if missing := [name for name in columns if name not in header]:
        raise InputError(f"{path}: no column {', '.join(missing)}; {remedy}")
    if twins := [name for name in set(header) if header.count(name) > 1]:
        raise InputError(f"{path}: column {twins[0]} is there twice; {remedy}")
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise InputError(f"{path}: row {number} has not the {len(header)} cells of the header; {remedy}")
    return rows


def read_table(
    path: str | Path, columns: Sequence[str], remedy: str = AGAIN, **options: object
) -> "pd.DataFrame":
    """Return a CSV file as a pandas table.

    Args:
        path: path of the file.
        columns: names of columns that the file must have.
        remedy: what to do if the file is wrong.
        options: further arguments of `pandas.read_csv`.

    Raises:
        InputError: the file cannot be read, lacks one of the columns, or a cell is not of the type that
            `options` say; the message ends with the remedy.
    """
    import pandas as pd

    try:
        table = pd.read_csv(io.StringIO(read_text(path, remedy)), **options)  # type: ignore[call-overload]
    except ValueError as error:  # among them EmptyDataError and ParserError
        raise InputError(f"{path}: {' '.join(str(error).split())}; {remedy}") from error
    if missing := [name for name in columns if name not in table]:
        raise InputError(f"{path}: no column {', '.join(missing)}; {remedy}")
    return table


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
