"""Read files of text and arrays: whatever is wrong with a file is one line with file, reason and remedy."""

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from covidseg.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

LARGEST_TEXT = 512 * 2**20  # bytes; the largest table of a run of all papers has a tenth of this size
AGAIN = "delete the file and run again"  # the remedy for a file that a job has made


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
    return decode(content, str(path), remedy)


def decode(content: bytes, path: str, remedy: str = "") -> str:
    """Return the text of a UTF-8 file's content, without its byte order mark.

    Raises:
        InputError: the content is not in UTF-8; the message starts with `path` and ends with the remedy.
    """
    end = f"; {remedy or 'save the file as UTF-8'}"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path}: its text is in UTF-16, expected UTF-8{end}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = content.count(b"\n", 0, error.start) + 1, content[error.start]
        raise InputError(f"{path}: line {line}: byte 0x{byte:02x} is no UTF-8{end}") from error


def read_json(path: str | Path, remedy: str = AGAIN) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        InputError: the file cannot be read, is damaged, has a key twice or a number that is not finite, or
            holds something else than an object; the message ends with the remedy.
    """
    try:
        content = json.loads(
            read_text(path, remedy),
            object_pairs_hook=_without_twins,
            parse_constant=_finite,
            parse_float=_finite,
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


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text} is no finite number")
    return float(text)


def read_rows(path: str | Path, columns: Sequence[str], remedy: str = AGAIN) -> list[dict[str, str]]:
    """Return the rows of a CSV file, as `parse_rows` does."""
    return parse_rows(read_text(path, remedy), str(path), columns, remedy)


def parse_rows(text: str, path: str, columns: Sequence[str], remedy: str) -> list[dict[str, str]]:
    """Return the rows of a table in CSV as column -> cell.

    Args:
        text: the table.
        path: name of the table in messages.
        columns: names of columns that the table must have.
        remedy: what to do if the table is wrong.

    Raises:
        InputError: the table is cut, lacks one of the columns, or has a column twice.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
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


def read_array(path: str | Path, remedy: str = AGAIN, *, mapped: bool = False) -> np.ndarray:
    """Return the array in a .npy file.

    Args:
        path: path of the file.
        remedy: what to do if the file is wrong.
        mapped: whether the array stays on disk until its values are read.

    Raises:
        InputError: the file is missing, cut or damaged; the message ends with the remedy.
    """
    mode: Literal["r"] | None = "r" if mapped else None
    try:
        return np.load(path, mmap_mode=mode)
    except (OSError, ValueError, EOFError, SyntaxError) as error:  # numpy parses the header as Python
        raise InputError(f"{path}: damaged: {' '.join(str(error).split())}; {remedy}") from error
