"""Open zip archives, and write zips whose bytes depend on their files alone."""

import json
import stat
import zipfile
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from covidseg.errors import InputError

BOMB_BYTES, BOMB_RATIO = 1 << 30, 100  # unpacked bytes, ratio to packed; above both: no scan
DATE = (2020, 4, 20, 0, 0, 0)  # date of every file in a zip: the same files give the same zip
READ = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
METHODS = {9: "Deflate64", 93: "Zstandard", 95: "xz", 97: "WavPack", 98: "PPMd", 99: "AES"}
ENCRYPTED = 1  # bit of an entry's flags
END_RECORD, END_BYTES = b"PK\5\6", 22 + (1 << 16)  # the record at the end of a zip; its largest size
END_FIELDS = 18  # bytes of the record behind its mark, without a comment
WHOLE = (0, 0xFFFF)  # number of the last part: the zip has one part, or a second record tells the number
COMMENT_BYTES = (1 << 16) - 1  # longest comment of a zip

Entry = tuple[str, Callable[[], bytes]]  # name in the archive, function that reads the file


def open_zip(path: Path) -> tuple[zipfile.ZipFile, list[Entry]]:
    """Return a zip that the caller closes, and its files.

    Raises:
        InputError: the zip is one of several parts, encrypted, packed by a method that is not read here,
            contains a link, or unpacks to an absurd size.
    """
    _refuse_part(path)
    try:
        archive = zipfile.ZipFile(path, metadata_encoding="utf-8")
    except UnicodeDecodeError:
        archive = zipfile.ZipFile(path)  # the names are in the code page of DOS
    entries = [entry for entry in archive.infolist() if not entry.filename.endswith(("/", "\\"))]
    for entry in entries:
        _refuse_unreadable(entry, path)
        _refuse_bomb(entry, path)
    return archive, [(entry.filename, partial(archive.read, entry)) for entry in entries]


def ends_as_zip(path: Path) -> bool:
    """Return whether a file ends with the record that ends a zip.

    `zipfile.is_zipfile` of later releases of Python takes a damaged zip for no zip.
    """
    return _end_record(path) is not None


def _end_record(path: Path) -> bytes | None:
    """Return what follows the mark of the record at the end of a zip; None if there is no record."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - END_BYTES))
        _, mark, record = file.read().rpartition(END_RECORD)
    return record if mark and len(record) >= END_FIELDS else None


def _refuse_part(path: Path) -> None:
    record = _end_record(path) or bytes(END_FIELDS)
    if int.from_bytes(record[:2], "little") not in WHOLE:
        raise InputError(f"{path}: the last part of a zip in several parts; join the parts to one zip")


def _refuse_unreadable(entry: zipfile.ZipInfo, path: Path) -> None:
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputError(
            f"{path}: entry {entry.filename!r} is a link or a device; pack the file that it leads to"
        )
    if entry.flag_bits & ENCRYPTED:
        raise InputError(
            f"{path}: entry {entry.filename!r} is encrypted; unpack it with its password, and pack it without"
        )
    if entry.compress_type not in READ:
        method = METHODS.get(entry.compress_type, f"method {entry.compress_type}")
        raise InputError(
            f"{path}: entry {entry.filename!r} is compressed by {method}, which is not read here; "
            "unpack the archive, and pack it anew with Deflate or as a tar"
        )


def _refuse_bomb(entry: zipfile.ZipInfo, path: Path) -> None:
    if entry.file_size > BOMB_BYTES and entry.file_size > BOMB_RATIO * entry.compress_size:
        raise InputError(
            f"{path}: entry {entry.filename!r} of {entry.compress_size} bytes unpacks to "
            f"{entry.file_size}: no scan"
        )


def write_zip(
    path: Path, members: Iterable[tuple[str, bytes]], left_out: Mapping[str, str] | None = None
) -> None:
    """Pack files into a zip, in the given order. The same files give the same bytes.

    Args:
        path: path of the zip.
        members: name and content of each file.
        left_out: name -> reason, of the files of a folder that are not packed. The names are written into the
            comment of the zip, as many as the comment can hold.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, DATE), content)
        reasons = list((left_out or {}).items())

        def comment(count: int) -> bytes:
            return json.dumps({"left_out": dict(reasons[:count])}).encode()

        lengths = range(1, len(reasons) + 1)
        if noted := bisect_right(lengths, COMMENT_BYTES, key=lambda count: len(comment(count))):
            archive.comment = comment(noted)


def left_out_of(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return what `write_zip` has noted in a zip's comment; nothing if the comment is another program's."""
    try:
        noted = json.loads(archive.comment)["left_out"]
        return {str(name): str(reason) for name, reason in noted.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
