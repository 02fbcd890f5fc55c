"""Remove what no later job uses or replaces: files of killed jobs, and pages of data sets that are gone."""

import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

# Files and folders that covidseg.files writes before it renames them.
NAME = re.compile(r"\.[0-9a-f]{8}\..+")


def remove_temporaries(folders: list[Path], *, before: float) -> list[Path]:
    """Remove temporary files and folders that no process has written to lately; return their paths.

    Args:
        folders: folders to look into, with all folders below.
        before: seconds since 1970. What has been written to since then stays, as a job may still write it.
    """
    found = [path for folder in folders for path in _temporaries(folder) if _last_written(path) < before]
    for path in found:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return found


def remove_other_folders(parent: Path, known: Collection[str]) -> list[Path]:
    """Remove the folders in `parent` that have other names than the known ones; return their paths."""
    found = [path for path in sorted(parent.glob("*/")) if path.name not in known]
    for path in found:
        shutil.rmtree(path)
    return found


def _temporaries(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir() if folder.is_dir() else ():
        if NAME.fullmatch(path.name):
            yield path
        elif path.is_dir() and not path.is_symlink():
            yield from _temporaries(path)


def _last_written(path: Path) -> float:
    parts = [path, *(path.rglob("*") if path.is_dir() else ())]
    return max(part.lstat().st_mtime for part in parts)
