"""Read the files in zip archives, tar archives and folders into memory. Nothing is unpacked to disk."""

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from covidseg.archives.folders import list_folder
from covidseg.archives.names import plain_name, why_left_out
from covidseg.archives.signatures import describe_other, describe_page, tar_mode
from covidseg.archives.tars import open_tar
from covidseg.archives.zips import Entry, ends_as_zip, left_out_of, open_zip
from covidseg.errors import InputError

SINGLE = (".nii", ".nii.gz", ".dcm", ".csv")  # such a file is read as an archive that contains itself alone
BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    ValueError,  # a number or a name in a header
    NotImplementedError,  # a version or a method of zip
)


class Archive:
    """An open archive: `names` lists the files in the archive, and `read` returns the content of a file.

    Names have one form in all kinds of archives, see `plain_name`. An archive is refused as a whole if one
    entry points outside the archive (an absolute path, "..", a symbolic link or a device), is there twice, or
    unpacks to an absurd size.

    Attributes:
        path: path of the archive.
        left_out: name -> reason, of the files that are not read: hidden files, what file managers leave
            behind, broken links in a folder.

    Raises:
        InputError: the archive is missing, truncated, damaged or refused; the message names the archive.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.left_out: dict[str, str] = {}
        self._archive: zipfile.ZipFile | tarfile.TarFile | None = None
        self._readers: dict[str, Callable[[], bytes]] = {}
        try:
            entries = self._open()
        except BROKEN as error:
            raise InputError(f"{path}: truncated or not an archive ({_reason(error)})") from error
        for entry, read in entries:
            name = plain_name(entry, self.path)
            if name in self._readers:
                raise InputError(f"{path}: entry {name!r} is there 2 times; remove one of them")
            if reason := why_left_out(name):
                self.left_out[name] = reason
            else:
                self._readers[name] = read

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
            raise InputError(f"{self.path}:{name}: damaged ({_reason(error)})") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._archive is not None:
            self._archive.close()

    def _open(self) -> list[Entry]:
        """Open the archive, and return the name of each file with the function that reads it."""
        if self.path.is_dir():
            files, self.left_out = list_folder(self.path)
            return [(name, Path(file.path).read_bytes) for name, file in files.items()]
        if not self.path.is_file():
            raise InputError(f"{self.path}: no such file")
        if found := describe_page(self.path):
            raise InputError(f"{self.path}: no archive, but {found}; put the archive itself there")
        if self.path.name.endswith(SINGLE):
            return [(self.path.name, self.path.read_bytes)]
        mode = tar_mode(self.path)
        if mode is None and ends_as_zip(self.path):
            self._archive, entries = open_zip(self.path)
            self.left_out = left_out_of(self._archive)
            return entries
        if mode is None and (found := describe_other(self.path)):
            raise InputError(f"{self.path}: no zip and no tar, but {found}")
        self._archive, entries = open_tar(self.path, mode or "r:")
        return entries


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
