"""Copy or pack what a `file:` address names: a file or a folder on the user's own machine."""

import logging
import os
import shutil
from pathlib import Path

from covidseg.archives.folders import list_folder, state_of
from covidseg.archives.zips import write_zip
from covidseg.errors import InputError
from covidseg.files import atomic_path

log = logging.getLogger(__name__)


def copy_or_pack(found: Path, path: Path) -> None:
    """Copy a file, or pack the files of a folder into a zip.

    Args:
        found: the file or the folder.
        path: where the copy or the zip is written; it appears there only when it is complete.

    Raises:
        InputError: there is no such file or folder, a file cannot be read, or a file changes meanwhile.
    """
    if not (found.is_file() or found.is_dir()):
        problem = "neither a file nor a folder" if found.exists() else "not there"
        raise InputError(f"{found}: {problem}; correct the address in datasets.yaml")
    before = state_of(found)
    with atomic_path(path) as temporary:
        if found.is_dir():
            _pack(found, temporary)
        else:
            _copy(found, temporary)
        if state_of(found) != before:
            raise InputError(f"{found}: has changed while it was copied; run again when it is complete")


def _pack(folder: Path, path: Path) -> None:
    files, left_out = list_folder(folder)
    for name, reason in left_out.items():
        log.warning("%s: left out: %s", folder / name, reason)
    write_zip(path, ((name, _content(file)) for name, file in files.items()), left_out)


def _content(file: os.DirEntry[str]) -> bytes:
    try:
        return Path(file.path).read_bytes()
    except OSError as error:
        raise InputError(f"{file.path}: cannot be read ({error.strerror})") from error


def _copy(file: Path, path: Path) -> None:
    try:
        shutil.copyfile(file, path)
    except PermissionError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error
