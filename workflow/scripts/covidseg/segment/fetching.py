"""Bring a release in an archive, on this machine or at an address, into a folder of the user's cache."""

import logging
import os
import re
import shutil
from pathlib import Path

from covidseg.archives.archive import Archive
from covidseg.archives.download import download
from covidseg.archives.origins import Origin
from covidseg.errors import InputError
from covidseg.files import atomic_directory, digest
from covidseg.segment.folders import writable_folder
from covidseg.segment.release import AGAIN, PICKLES, SUMS, check_files, check_release, parse_sums

log = logging.getLogger(__name__)

ADDRESS = re.compile(r"(https?://[^#]+)#sha256=([0-9a-fA-F]{64})")
SHOWN = 3  # names in a message


def is_address(text: str) -> bool:
    """Return whether a text is the address of a host, and no path."""
    return "://" in text


def fetch_release(address: str) -> Path:
    """Return the folder of a release that lies in an archive at an address.

    The archive is downloaded once: a download that was cut goes on where it stopped, and a release that is in
    the cache needs no network.

    Args:
        address: https://host/archive.zip#sha256=<checksum of the archive>.

    Raises:
        InputError: the address has no checksum, the archive cannot be fetched or has another checksum, or it
            is no release.
    """
    if not (match := ADDRESS.fullmatch(address)):
        raise InputError(
            f"{address}: no address with a checksum; "
            "write https://host/release.zip#sha256=CHECKSUM, with the checksum that the release's page states"
        )
    origin, checksum = match[1], match[2].lower()
    folder = _cache() / "releases" / checksum
    if _is_whole(folder):
        log.info("%s: is in the cache, %s", origin, folder)
        return folder
    path = _cache() / "archives" / checksum
    if not path.exists():
        known = Origin([origin], {"sha256": checksum})
        download(
            known, path, partial=_cache() / "partial", tables=path.parent, lock=path.parent / "lock.json"
        )
    try:
        _unpack(path, folder)
    except InputError as error:
        raise InputError(str(error).replace(str(path), origin)) from error
    path.unlink()
    return folder


def unpack_release(path: Path) -> Path:
    """Return the folder of a release that lies in a zip or tar archive; it is unpacked once.

    Raises:
        InputError: the archive is damaged, or it is no release.
    """
    folder = _cache() / "releases" / digest(path)
    if not _is_whole(folder):
        _unpack(path, folder)
    return folder


def _is_whole(folder: Path) -> bool:
    """Return whether the cache has a release; one that was changed there is deleted."""
    if not folder.is_dir():
        return False
    try:
        sums = check_release(folder)
        check_files(folder, [folder / name for name in sums], sums)
    except InputError as error:
        log.warning("%s; unpacked anew", str(error).removesuffix(f"; {AGAIN}"))
        shutil.rmtree(folder)
        return False
    return True


def _cache() -> Path:
    """Return the folder of the cache, which can be written to."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "covidseg"
    return writable_folder(folder, "set XDG_CACHE_HOME to another folder")


def _unpack(path: Path, folder: Path) -> None:
    """Unpack the files that SHA256SUMS lists; an archive with any other file is refused as a whole."""
    with Archive(path) as archive:
        root = _root(archive.names, path)
        sums = parse_sums(archive.read(root + SUMS), path)
        wanted = {root + name: name for name in (SUMS, *sums)}
        for name in archive.names:
            if name not in wanted:
                raise InputError(f"{path}: entry {name!r} is not listed in {SUMS}; pack a release alone")
        if missing := wanted.keys() - set(archive.names):
            raise InputError(f"{path}: half a release: no {min(missing)}; pack the whole release")
        with atomic_directory(folder) as partial:
            for name in archive.names:
                target = partial / wanted[name]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
    log.info("%s: unpacked to %s", path, folder)


def _root(names: list[str], path: Path) -> str:
    """Return the folder, with a slash at its end, that the release has in an archive; mostly none or one."""
    for name in names:
        if name.lower().endswith(PICKLES):
            raise InputError(
                f"{path}: entry {name!r} is a pickle, which is never read: no release of covidseg"
            )
    roots = [name.removesuffix(SUMS) for name in names if name.rpartition("/")[2] == SUMS]
    if len(roots) != 1:
        what = ", ".join(names[:SHOWN]) or "no file"
        raise InputError(
            f"{path}: {len(roots)} files {SUMS}, expected one: no whole release of covidseg; it holds {what}"
        )
    return roots[0]
