"""Makes small scans and labels, and ingests them with an entry of datasets.yaml, for the families of volumes."""

import functools
import io
import logging
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from conftest import ROOT, make_volume
from covidseg.cases.case_folder import CaseFolder, CaseRow, read_case_rows
from covidseg.cases.ingest import ingest
from covidseg.cases.left_out import reasons
from covidseg.config.schemas import check_schema, read_schema
from covidseg.errors import InputError
from covidseg.volumes import RAS_TO_LPS, Volume, nifti_bytes, read_volume

SHAPE = (4, 6, 8)
ENTRY = {
    "title": "Own cases",
    "homepage": "https://example.org",
    "licence": "own",
    "archives": {"images.zip": {"address": None}, "labels.zip": {"address": None}},
    "images": {"archive": "own/images.zip", "member": "{case}.nii.gz", "format": "nifti"},
    "labels": {
        "archive": "own/labels.zip",
        "member": "{case}.nii.gz",
        "format": "nifti",
        "map": {0: 0, 1: 1},
    },
    "case_name": "{case}",
    "patient": ".*",
    "regions": {1: "infection"},
    "intensity": {"*": "hounsfield"},
    "split": "random",
}


def scan(seed: int = 0, **geometry: Any) -> Volume:
    """Return random voxels, -1000 to 400 HU."""
    values = np.random.default_rng(seed).integers(-1000, 400, SHAPE, dtype=np.int16)
    values[0, 0, :2] = -1000, 399
    return make_volume(values, **geometry)


def label(value: float = 1, kind: type = np.uint8, **geometry: Any) -> Volume:
    """Return zeros, with `value` at voxel (2, 3, 4)."""
    values = np.zeros(SHAPE, kind)
    values[2, 3, 4] = value
    return make_volume(values, **geometry)


def entry(**changes: Any) -> dict[str, Any]:
    """Return the entry of a data set; the changes of images, labels and the like are merged into them."""
    merged = {
        key: {**ENTRY[key], **value} if isinstance(value, dict) and key in ("images", "labels") else value
        for key, value in changes.items()
    }
    return ENTRY | merged


@dataclass(frozen=True)
class Ingested:
    """What `ingest` has made: the rows of cases.csv, the volumes, and what it has logged."""

    folder: CaseFolder
    log: str

    @functools.cached_property
    def rows(self) -> dict[str, CaseRow]:
        return {row.case: row for row in read_case_rows(self.folder.table)}

    def image(self, case: str = "a") -> np.ndarray:
        return read_volume(self.folder.image(case)).array

    def label(self, case: str = "a") -> np.ndarray:
        return read_volume(self.folder.label(case)).array


def pack(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write a zip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def ingested(folder: Path, dataset: dict[str, Any], names: list[str] | None = None) -> Ingested:
    """Ingest what lies in folder/raw; if it is refused, nothing may be left of it."""
    check_schema({"own": dataset}, "datasets.yaml", read_schema(ROOT / "config/schemas/datasets.schema.yaml"))
    output = CaseFolder(folder / "cases")
    try:
        with logged() as log:
            ingest(
                dataset,
                raw=folder / "raw",
                names=names,
                output=output,
                workers=1,
                left_out=reasons(dataset),
            )
    except InputError:
        left = sorted(path.name for path in output.path.rglob("*"))
        assert not left, f"half-written: {left}"
        raise
    found = Ingested(output, log.getvalue())
    for part in (output.images, output.labels):
        assert sorted(path.name for path in part.iterdir()) == [
            f"{case}.nii.gz" for case in sorted(found.rows)
        ]
    return found


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Collect what the library logs."""
    log, text = logging.getLogger("covidseg"), io.StringIO()
    handler, before = logging.StreamHandler(text), log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield text
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def nifti(volume: Volume, kind: type) -> bytes:
    """Return a NIfTI file with voxels of a type."""
    return nib.Nifti1Image(
        volume.array.T.astype(kind), RAS_TO_LPS @ volume.geometry.affine, dtype=kind
    ).to_bytes()


def volumes(
    images: Mapping[str, bytes | Volume],
    labels: Mapping[str, bytes | Volume],
    changes: Mapping[str, Any] | None = None,
) -> Callable[[Path], Ingested]:
    """Return a function that packs NIfTI files (path in the archive -> content) and ingests them."""

    def run(folder: Path) -> Ingested:
        for name, members in (("images", images), ("labels", labels)):
            content = {
                member: nifti_bytes(volume) if isinstance(volume, Volume) else volume
                for member, volume in members.items()
            }
            pack(folder / "raw" / "own" / f"{name}.zip", content)
        return ingested(folder, entry(**(changes or {})))

    return run
