"""Open tar archives. Every header is checked: the package tarfile takes a damaged header for the end."""

import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from covidseg.archives.signatures import TarMode
from covidseg.archives.zips import BOMB_BYTES, BOMB_RATIO, Entry
from covidseg.errors import InputError

EXTENSIONS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
EXTENSION_BYTES = 1 << 20  # a longer extension holds no name
CHUNK = 1 << 20


class _Header(tarfile.TarInfo):
    """Earlier releases of Python read a header by `frombuf`, later ones by `_frombuf`."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Header":
        return _checked(super().frombuf, buf, encoding, errors)

    @classmethod
    def _frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str, **options: bool) -> "_Header":
        return _checked(partial(super()._frombuf, **options), buf, encoding, errors)  # type: ignore[misc]


def _checked(
    read: Callable[[bytes | bytearray, str, str], _Header], buf: bytes | bytearray, encoding: str, errors: str
) -> _Header:
    """Return what is read from the block of a header, after its check."""
    if not buf:
        raise EOFError("the end-of-archive mark is missing")
    try:
        entry = read(buf, encoding, errors)
    except tarfile.HeaderError as error:
        if buf.strip(b"\0"):
            raise tarfile.ReadError(f"a header is damaged: {error}") from error
        raise
    # tarfile reads an extension as a whole; then the entry's own header follows.
    if entry.type in EXTENSIONS and entry.size > EXTENSION_BYTES:
        raise tarfile.ReadError(f"a header is damaged: extension of {entry.size} bytes")
    return entry


def open_tar(path: Path, mode: TarMode) -> tuple[tarfile.TarFile, list[Entry]]:
    """Return a tar that the caller closes, and its files. A hard link is read as the file that it leads to.

    Args:
        path: path of the tar.
        mode: mode in which tarfile opens the tar.

    Raises:
        InputError: the tar contains a symbolic link or a device, or a file unpacks to an absurd size.
    """
    try:
        return _open(path, mode, "utf-8")
    except UnicodeDecodeError:
        return _open(path, mode, "latin-1")


def _open(path: Path, mode: TarMode, encoding: str) -> tuple[tarfile.TarFile, list[Entry]]:
    archive = tarfile.open(  # noqa: SIM115  (closed by the caller)
        path, mode, tarinfo=_Header, encoding=encoding, errors="strict"
    )
    found: dict[str, tarfile.TarInfo] = {}
    entries: list[Entry] = []
    for entry in archive:
        _refuse_bomb(entry, path)
        if entry.isdir():
            continue
        content = found.get(entry.linkname) if entry.islnk() else entry
        if content is None or not content.isreg():
            raise InputError(
                f"{path}: entry {entry.name!r} is a link or a device; pack the file that it leads to "
                "(tar --dereference)"
            )
        found[entry.name] = content
        entries.append((entry.name, partial(_read, archive, content)))
    while mode != "r:" and archive.fileobj and archive.fileobj.read(CHUNK):
        pass  # up to the checksum behind the compressed bytes
    return archive, entries


def _refuse_bomb(entry: tarfile.TarInfo, path: Path) -> None:
    packed = path.stat().st_size
    if entry.size > BOMB_BYTES and entry.size > BOMB_RATIO * packed:
        raise InputError(
            f"{path}: entry {entry.name!r} unpacks to {entry.size} bytes, the archive has {packed}: no scan"
        )


def _read(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(entry)
    content = file.read() if file else b""
    if len(content) != entry.size:
        raise EOFError(f"{len(content)} of {entry.size} bytes")
    return content
