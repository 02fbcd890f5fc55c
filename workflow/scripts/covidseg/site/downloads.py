"""The files of a paper's tables and figures, copied into the site, and packed by kind."""

import shutil
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from covidseg.files import atomic_path

LABELS = {
    ".csv": "CSV",
    "_intervals.csv": "Intervals",
    "_tests.csv": "Tests",
    "_ranks.csv": "Ranks",
    ".tex": "LaTeX",
    ".md": "Markdown",
    ".svg": "SVG",
    ".pdf": "PDF",
    ".png": "PNG",
}
OLDEST = (1980, 1, 1, 0, 0, 0)  # of members of an archive, so that equal files give equal archives


def copy_files(files: Iterable[Path], folder: Path) -> None:
    """Copy files into a folder; a page of a table (.html) stays where it is, since the site shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        if path.suffix != ".html":
            shutil.copyfile(path, folder / path.name)


def labelled(name: str, files: Iterable[Path]) -> dict[str, str]:
    """Return label -> file name of the files of an artefact, in the order of LABELS.

    Args:
        name: of the artefact.
        files: of all artefacts.
    """
    names = {path.name for path in files}
    return {label: f"{name}{suffix}" for suffix, label in LABELS.items() if f"{name}{suffix}" in names}


def pack(files: Iterable[Path], archive: Path) -> None:
    """Write files into a zip archive; the same files give the same bytes."""
    with atomic_path(archive) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(files):
            packed.writestr(zipfile.ZipInfo(path.name, OLDEST), path.read_bytes(), zipfile.ZIP_DEFLATED)


def write_scores(scores: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Write the scores of each experiment as <folder>/<experiment>.csv.gz."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, own in scores.items():
        own.to_csv(
            folder / f"{name}.csv.gz",
            index=False,
            lineterminator="\n",
            compression={"method": "gzip", "compresslevel": 9, "mtime": 0},
        )
