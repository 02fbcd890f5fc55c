"""A release: trained models in a folder with checksums, as `snakemake release` writes it."""

import re
from collections.abc import Iterable
from pathlib import Path

from covidseg.archives.names import plain_name
from covidseg.errors import InputError
from covidseg.files import digest, write_text
from covidseg.reading import decode, read_text

SUMS, SCORES = "SHA256SUMS", "scores.csv"
LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
AGAIN = "get the release again from where it comes from"
# Files that Python can run when it reads them. No file of covidseg is one of them, and none is ever read.
PICKLES = (".pth", ".pt", ".pkl", ".pickle", ".ckpt", ".joblib", ".bin")


def write_sums(folder: Path) -> None:
    """Write the SHA-256 checksums of all files of a release, as the program sha256sum does."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / SUMS)
    lines = [f"{digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    write_text(folder / SUMS, "".join(lines))


def is_release(folder: Path) -> bool:
    """Return whether a folder is a release."""
    return (folder / SUMS).is_file()


def identity(folder: Path) -> str:
    """Return the first letters of the checksum of all checksums, which tells two releases apart."""
    return digest(folder / SUMS)[:12]


def release_around(path: Path) -> Path | None:
    """Return the release that a file or folder lies in, or is; None for any other."""
    near = path.absolute()
    return next((folder for folder in [near, *near.parents[:3]] if is_release(folder)), None)


def parse_sums(content: bytes, path: Path) -> dict[str, str]:
    """Return file -> checksum, by the content of SHA256SUMS.

    Args:
        content: of the file.
        path: of the file, for messages.

    Raises:
        InputError: a line is not one of sha256sum, or names a file outside the release.
    """
    sums = {}
    for number, line in enumerate(decode(content, str(path), AGAIN).splitlines(), start=1):
        if not (match := LINE.fullmatch(line)):
            raise InputError(f"{path}: line {number}: {line[:80]!r} is no checksum and file; {AGAIN}")
        sums[plain_name(match[2], path)] = match[1]
    return sums


def check_release(folder: Path) -> dict[str, str]:
    """Return file -> checksum, of a release that has all its files.

    Raises:
        InputError: a file is missing, or the list of checksums is damaged.
    """
    sums = parse_sums(read_text(folder / SUMS, AGAIN).encode(), folder / SUMS)
    if missing := [name for name in sums if not (folder / name).is_file()]:
        raise InputError(
            f"{folder}: half a release: {len(missing)} of {len(sums)} files are missing, as {missing[0]}; "
            f"copy the whole release, or {AGAIN}"
        )
    return sums


def check_files(folder: Path, paths: Iterable[Path], sums: dict[str, str]) -> None:
    """Compare files of a release with their checksums.

    Raises:
        InputError: a file is not listed, or was changed.
    """
    for path in paths:
        expected = sums.get(path.relative_to(folder).as_posix())
        if expected is None:
            raise InputError(f"{path}: not listed in {SUMS}, so it was added to the release later; {AGAIN}")
        if (found := digest(path)) != expected:
            raise InputError(f"{path}: changed: its sha256 is {found}, {SUMS} has {expected}; {AGAIN}")
