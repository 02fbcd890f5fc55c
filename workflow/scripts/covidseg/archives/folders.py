"""List the files of a folder on the user's own machine, and tell whether one has changed."""

import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from covidseg.archives.names import CONTROL, why_left_out
from covidseg.errors import InputError

SURROGATE = re.compile("[\ud800-\udfff]")  # stands for a byte that is not UTF-8
UNWRITABLE = "its name is not UTF-8 or has a control character"


def list_folder(folder: Path) -> tuple[dict[str, os.DirEntry[str]], dict[str, str]]:
    """List the files below a folder, in the order of their names. Links to files and folders are followed.

    Returns:
        Path below the folder -> file; and path below the folder -> reason, of everything that is left out.

    Raises:
        InputError: a folder or a file cannot be read.
    """
    files: dict[str, os.DirEntry[str]] = {}
    left_out: dict[str, str] = {}
    try:
        above = (folder.stat(),)
        for name, found in _walk(folder, "", above):
            if isinstance(found, str):
                left_out[name] = found
            else:
                files[name] = found
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error
    return files, left_out


def _walk(
    folder: Path, prefix: str, above: tuple[os.stat_result, ...]
) -> Iterator[tuple[str, os.DirEntry[str] | str]]:
    """Yield each file below a folder, or the reason why it is left out. `above`: the folders on the way."""
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        name = prefix + entry.name
        reason = _why_unfit(entry, above)
        if reason:
            yield ascii(name)[1:-1] if reason == UNWRITABLE else name, reason
        elif entry.is_dir():
            yield from _walk(Path(entry.path), f"{name}/", (*above, entry.stat()))
        else:
            yield name, entry


def _why_unfit(entry: os.DirEntry[str], above: tuple[os.stat_result, ...]) -> str:
    if reason := why_left_out(entry.name):
        return reason
    if CONTROL.search(entry.name) or SURROGATE.search(entry.name):
        return UNWRITABLE
    try:
        found = entry.stat()
    except OSError as error:
        if entry.is_symlink() and error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return f"broken link to {Path(entry.path).readlink()}"
        raise
    if stat.S_ISDIR(found.st_mode):
        loop = any(os.path.samestat(found, one) for one in above)
        return f"link to {Path(entry.path).readlink()}, a folder in which it lies itself" if loop else ""
    return "" if stat.S_ISREG(found.st_mode) else "no file, but a pipe, a socket or a device"


def state_of(path: Path) -> str:
    """Return a checksum of the names, sizes and times of change of a file, or of all files below a folder.

    The content is not read: 100 GB would take minutes at every start. A file with another time and the same
    content counts as changed.

    Raises:
        InputError: the path does not exist or cannot be read.
    """
    try:
        found = {"": path.stat()}
        if path.is_dir():
            found = {name: file.stat() for name, file in list_folder(path)[0].items()}
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; correct the address in datasets.yaml") from error
    content = [[name, status.st_size, status.st_mtime_ns] for name, status in found.items()]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
