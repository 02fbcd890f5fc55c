"""Read the files in zip archives, tar archives and folders into memory. Nothing is unpacked to disk."""

import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from covidseg.errors import InputError

SINGLE = (".nii", ".nii.gz", ".csv")  # such a file is read as an archive that contains only the file itself
BOMB_BYTES, BOMB_RATIO = 1 << 30, 100  # unpacked bytes, ratio to packed; above both: no scan
DATE = (2020, 4, 20, 0, 0, 0)  # date of every file in a zip: the same files give the same zip
BROKEN = (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError)


class Archive:
    """An open archive: `names` lists the files in the archive, and `read` returns the content of a file.

    An archive is refused as a whole
    if one entry points outside the archive (an absolute path, "..", a link or a device), is there twice, or
    unpacks to an absurd size. Such an archive did not come from the host.

    Attributes:
        path: path of the archive.
        left_out: name -> reason, of the files that are not read.

    Raises:
        InputError: the archive is missing, truncated, damaged or refused; the message names the archive.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._archive, readers = self._open()
        except BROKEN as error:
            raise InputError(f"{path}: truncated or not an archive ({error})") from error
        forks = [name for name in readers if PurePosixPath(name).name.startswith("._")]
        self.left_out = dict.fromkeys(forks, "resource fork of macOS")
        self._readers = {name: read for name, read in readers.items() if name not in self.left_out}

    @property
    def names(self) -> list[str]:
        """Names of the files, in the order of the archive.

        Read the files in this order: in a compressed tar, a step back unpacks the tar from its start again.
        """
        return list(self._readers)

    def read(self, name: str) -> bytes:
        """Return the content of a file in the archive.

        Raises:
            InputError: the file is damaged.
        """
        try:
            return self._readers[name]()
        except BROKEN as error:
            raise InputError(f"{self.path}: member {name} is damaged ({error})") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._archive is not None:
            self._archive.close()

    def _open(self) -> tuple[zipfile.ZipFile | tarfile.TarFile | None, dict[str, Callable[[], bytes]]]:
        """Return the archive to close (or None), and name -> function that reads the file."""
        if self.path.is_dir():
            files = [file for file in self.path.rglob("*") if file.is_file()]
            return None, {file.relative_to(self.path).as_posix(): file.read_bytes for file in files}
        if self.path.name.endswith(SINGLE) and self.path.exists():
            return None, {self.path.name: self.path.read_bytes}
        if zipfile.is_zipfile(self.path):
            return self._open_zip()
        return self._open_tar()

    def _open_zip(self) -> tuple[zipfile.ZipFile, dict[str, Callable[[], bytes]]]:
        archive = zipfile.ZipFile(self.path)
        for entry in archive.infolist():
            self._refuse_unsafe(entry.filename, stat.S_IFMT(entry.external_attr >> 16))
            self._refuse_bomb(entry)
        self._refuse_doubled(archive.namelist())
        files = [entry for entry in archive.infolist() if not entry.is_dir()]
        return archive, {entry.filename: partial(archive.read, entry) for entry in files}

    def _open_tar(self) -> tuple[tarfile.TarFile, dict[str, Callable[[], bytes]]]:
        archive = tarfile.open(self.path)  # noqa: SIM115  (closed by __exit__)
        for entry in archive:
            kind = 0 if entry.isreg() or entry.isdir() else stat.S_IFLNK
            self._refuse_unsafe(entry.name, kind)
        self._refuse_short_tar()
        self._refuse_doubled(archive.getnames())
        files = [entry for entry in archive.getmembers() if entry.isreg()]
        return archive, {entry.name: partial(_read_member, archive, entry) for entry in files}

    def _refuse_unsafe(self, name: str, kind: int) -> None:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise InputError(f"{self.path}: entry {name!r} points outside the archive; fetch the file anew")
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise InputError(f"{self.path}: entry {name!r} is a link or a device; fetch the file anew")

    def _refuse_bomb(self, entry: zipfile.ZipInfo) -> None:
        if entry.file_size > BOMB_BYTES and entry.file_size > BOMB_RATIO * entry.compress_size:
            raise InputError(
                f"{self.path}: entry {entry.filename!r} of {entry.compress_size} bytes unpacks to "
                f"{entry.file_size}; fetch the file anew"
            )

    def _refuse_doubled(self, names: list[str]) -> None:
        files = Counter(name for name in names if not name.endswith("/"))
        name, count = files.most_common(1)[0] if files else ("", 0)
        if count > 1:
            raise InputError(f"{self.path}: entry {name!r} is there {count} times; fetch the file anew")

    def _refuse_short_tar(self) -> None:
        """Refuse an uncompressed tar without zeros at its end: it may have been cut between two files."""
        with open(self.path, "rb") as file:
            if file.read(262)[257:262] != b"ustar":
                return
            file.seek(-1024, 2)
            if file.read().strip(b"\0"):
                raise EOFError("the end-of-archive mark is missing")


def _read_member(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(entry)
    content = file.read() if file else b""
    if len(content) != entry.size:
        raise EOFError(f"{len(content)} of {entry.size} bytes")
    return content


def write_zip(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Pack files (name, content) into a zip, in the given order. The same files give the same bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, DATE), content)


def member_expression(pattern: str, case: str, *, stack: bool = False) -> str:
    """Turn a pattern of paths in an archive into a regular expression.

    Args:
        pattern: a path with {case} for the name of the case, and with * for any text.
        case: regular expression to put in place of {case}: the name of one case, or a group named "case"
            that matches any name. Each further {case} must then match the same name as the first one.
        stack: whether the pattern describes the slices of a stack of pictures. The last * then becomes a
            group named "slice", which matches the name of the slice.
    """
    expression = re.escape(pattern)
    if stack:
        expression = "(?P<slice>[^/]*)".join(expression.rsplit(r"\*", 1))
    expression = expression.replace(r"\*", ".*")
    head, *tails = expression.split(re.escape("{case}"))
    again = "(?P=case)" if case.startswith("(?P<case>") else case
    return head + "".join((again if i else case) + tail for i, tail in enumerate(tails))
