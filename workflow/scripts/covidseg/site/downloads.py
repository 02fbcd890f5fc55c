"""The files of a paper's tables and figures, copied into the site, and packed by kind."""

import base64
import io
import re
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
from PIL import Image

from covidseg.files import atomic_path, write_text

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
QUALITY = 30  # of pictures in an SVG of the site, as WebP
PICTURE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
PLACES = re.compile(r' (?:(?:d|points|[xy][12]?)="|transform="translate\()[^"]*"')
OLDEST = (1980, 1, 1, 0, 0, 0)  # of members of an archive, so that equal files give equal archives


def copy_files(files: Iterable[Path], folder: Path) -> None:
    """Copy files into a folder; a page of a table (.html) stays where it is, since the site shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        if path.suffix == ".svg":
            write_text(folder / path.name, lighter(path.read_text(encoding="utf-8")))
        elif path.suffix != ".html":
            shutil.copyfile(path, folder / path.name)


def lighter(svg: str) -> str:
    """Return an SVG for the screen, half as large: pictures as WebP, places to a hundredth of a point.

    The PDF and the PNG of the figure keep every pixel.
    """
    return PLACES.sub(_rounded, PICTURE.sub(_as_webp, svg))


def _as_webp(found: re.Match[str]) -> str:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(found[1]))).save(buffer, "WEBP", quality=QUALITY)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def _rounded(found: re.Match[str]) -> str:
    return re.sub(r"(\.\d\d)\d+", r"\1", found[0])


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
