"""Raw archives to cases in one form: LPS NIfTI, image and label on one grid, the project's label ids."""

import csv
import io
import logging
import re
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from covidseg.errors import InputError
from covidseg.files import atomic_directory, digest, write_text
from covidseg.images import Volume, write_volume
from covidseg.parallel import in_parallel
from covidseg.readers import list_cases, load_case

log = logging.getLogger(__name__)


def ingest(dataset: dict, *, raw: Path, names: list[str] | None, output: Path, workers: int) -> None:
    """Ingest a data set: `images/<case>.nii.gz`, `labels/<case>.nii.gz` and `cases.csv` below `output`.

    Args:
        dataset: entry of config/datasets.yaml.
        raw: folder of the downloaded archives, one subfolder a data set.
        names: the cases to expect where there is one archive a case; None if the archives tell.
        output: folder of the data set; all of it appears together at the end.
        workers: cases read at the same time.

    Raises:
        InputError: anything wrong with an archive or a case; the message names file and reason.
    """
    cases = list_cases(dataset, raw, names)

    with atomic_directory(output / "images") as images, atomic_directory(output / "labels") as labels:

        def one(case: str) -> dict:
            row = ingest_case(dataset, raw, case, images=images, labels=labels)
            log.info("ingested %s: %s voxels of %s mm", case, row["shape"], row["spacing_mm"])
            return row

        rows = in_parallel(one, cases, workers)
    _warn_of_empty_labels(dataset, rows)
    write_table(output / "cases.csv", rows)


def ingest_case(dataset: dict, raw: Path, case: str, *, images: Path, labels: Path) -> dict:
    """Ingest one case and return its row of cases.csv; raises InputError."""
    image, label = load_case(dataset, raw, case)
    where = f"{raw / dataset['labels']['archive'].format(case=case)}: case {case}"
    differences = image.geometry.differences(label.geometry)
    if differences:
        raise InputError(f"{where}: image and label differ in {'; '.join(differences)}")
    mapped = remap(label.array, dataset["labels"]["map"], where)
    _check_intensity(image.array, dataset, case, where)
    write_volume(images / f"{case}.nii.gz", image)
    write_volume(labels / f"{case}.nii.gz", Volume(mapped, image.geometry))
    match = re.match(dataset["patient"], case)
    return {
        "case": case,
        "patient": match[0] if match else case,
        "shape": "x".join(str(n) for n in image.geometry.shape),
        "spacing_mm": "x".join(f"{s:g}" for s in image.geometry.spacing),
        "hu_min": image.array.min(),
        "hu_max": image.array.max(),
        **{f"voxels_{name}": np.count_nonzero(mapped == i) for i, name in dataset["regions"].items()},
        "sha256": digest(images / f"{case}.nii.gz"),
    }


def remap(label: np.ndarray, ids: dict[int, int], name: str) -> np.ndarray:
    """Return the label (z, y, x) as uint8 with the project's ids.

    Args:
        ids: from the archive's id to the project's.
        name: how messages call the case.

    Raises:
        InputError: an id outside the map.
    """
    mapped = np.zeros(label.shape, np.uint8)
    for source, target, voxels in zip(label, mapped, range(len(label)), strict=True):
        for found in np.unique(source):
            if found not in ids:
                raise InputError(f"{name}: label id {found:g} in slice {voxels}; the map has {sorted(ids)}")
            target[source == found] = ids[found]
    return mapped


def intensity_of(dataset: dict, case: str) -> str:
    """Return "hounsfield" or "windowed" (0..255 already) for a case: the first pattern that fits."""
    return next(kind for pattern, kind in dataset["intensity"].items() if fnmatch(case, pattern))


def _check_intensity(image: np.ndarray, dataset: dict, case: str, name: str) -> None:
    low, high = image.min(), image.max()
    if intensity_of(dataset, case) == "windowed":
        fits, expected = low >= 0 and high <= 255, "0 to 255 (windowed)"
    else:
        fits, expected = low < -200, "Hounsfield units with air below -200"
    if not fits:
        raise InputError(
            f"{name}: voxels from {low:g} to {high:g}, expected {expected}; see intensity in datasets.yaml"
        )


def _warn_of_empty_labels(dataset: dict, rows: list[dict]) -> None:
    for region in dataset["regions"].values():
        empty = [row["case"] for row in rows if row[f"voxels_{region}"] == 0]
        if empty:
            log.warning(
                "%d of %d cases have an empty label %s: %s", len(empty), len(rows), region, ", ".join(empty)
            )


def write_table(path: Path, rows: list[dict]) -> None:
    """Write rows with equal keys as CSV, atomically."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, buffer.getvalue())
