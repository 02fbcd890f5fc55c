"""Turn archives into cases of one form: LPS NIfTI, image and label on one grid, the project's label ids."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from covidseg.archives.dataset import Dataset
from covidseg.cases.alignment import put_on_one_grid
from covidseg.cases.case_folder import CaseFolder, CaseRow, volume_path
from covidseg.cases.intensity import first_fitting, fit_intensity, intensity_of
from covidseg.cases.lesions import count_lesions
from covidseg.cases.orientation import (
    EXCHANGED,
    LABELS_HEADER,
    MASKS_HEADER,
    MIRRORED,
    absent_lungs,
    read_sides,
    settle_sides,
)
from covidseg.cases.readers import list_cases, load_case
from covidseg.cases.splits import patient_of
from covidseg.files import atomic_directory, digest, write_csv
from covidseg.parallel import in_parallel
from covidseg.regions import LESIONS
from covidseg.volumes import Volume, write_volume

log = logging.getLogger(__name__)

ENOUGH_CASES = 5  # fewer cases are too few to judge by the lungs' sizes


def ingest(dataset: Dataset, *, raw: Path, names: list[str] | None, output: CaseFolder, workers: int) -> None:
    """Ingest a data set: scans, label maps and the table of the cases.

    Args:
        dataset: entry of config/datasets.yaml.
        raw: folder of the downloaded archives, with one subfolder per data set.
        names: names of the cases, if each case has its own archive; None if the archives give the names.
        output: folder of the data set; all of it appears together at the end.
        workers: number of cases read at the same time.

    Raises:
        InputError: an archive or a case is wrong; the message names the file and the reason.
    """
    cases = list_cases(dataset, raw, names)

    with atomic_directory(output.images) as images, atomic_directory(output.labels) as labels:

        def one(case: str) -> tuple[CaseRow, bool | None]:
            row, left_is_smaller = ingest_case(dataset, raw, case, images=images, labels=labels)
            cells = row.to_csv()
            done = f"{cells['shape']} voxels of {cells['spacing_mm']} mm"
            log.info("ingested %s: %s", case, "; ".join([done, *row.corrections]))
            return row, left_is_smaller

        rows, left_is_smaller = zip(*in_parallel(one, cases, workers), strict=True)
    _warn_of_empty_labels(dataset, rows)
    _warn_of_corrections(output.path.name, rows)
    if "sides" in dataset:
        smaller = {
            case: smaller for case, smaller in zip(cases, left_is_smaller, strict=True) if smaller is not None
        }
        _warn_of_large_left_lungs(output.path.name, dataset["sides"], smaller)
    write_csv(output.table, [row.to_csv() for row in rows])


def ingest_case(
    dataset: Dataset, raw: Path, case: str, *, images: Path, labels: Path
) -> tuple[CaseRow, bool | None]:
    """Ingest one case; raises InputError.

    Returns:
        The case's row of cases.csv, and whether the left lung is the smaller one (None without lung labels).
    """
    image, label, lungs = load_case(dataset, raw, case)
    where = f"{raw / dataset['labels']['archive'].format(case=case)}: case {case}"
    image, label, lungs = put_on_one_grid(dataset, image, label, lungs, where)
    left_is_smaller = None
    if lungs:
        image, label, left_is_smaller = _verify_sides(dataset, case, image, label, lungs.array, where)
    image = fit_intensity(image, intensity_of(dataset, case), where)
    mapped = label.array
    write_volume(volume_path(images, case), image)
    write_volume(volume_path(labels, case), label)
    for warning in (*image.warnings, *label.warnings):
        log.warning("%s: %s", where, warning)
    ids = {region: i for i, region in dataset["regions"].items()}
    counts = {region: count_lesions(mapped, ids[region]) for region in LESIONS if region in ids}
    row = CaseRow(
        case=case,
        patient=patient_of(dataset, case),
        shape=image.geometry.shape,
        spacing_mm=image.geometry.spacing,
        hu_min=image.array.min().item(),
        hu_max=image.array.max().item(),
        voxels={region: int(np.count_nonzero(mapped == i)) for region, i in ids.items()},
        slices={region: slices for region, (slices, _) in counts.items()},
        lesions={region: lesions for region, (_, lesions) in counts.items()},
        corrections=(*image.corrections, *label.corrections),
        sha256=digest(volume_path(images, case)),
    )
    return row, left_is_smaller


def _verify_sides(
    dataset: Dataset, case: str, image: Volume, label: Volume, lungs: np.ndarray, name: str
) -> tuple[Volume, Volume, bool | None]:
    """Return scan and label with the left lung on the left, and whether the left lung is the smaller one."""
    if absent := absent_lungs(lungs):
        warning = f"no voxel is labelled {' or '.join(absent)}, so left and right are unverified"
        return image, replace(label, warnings=(*label.warnings, warning)), None
    sides = read_sides(lungs)
    if sides.agree:
        return image, label, sides.left_is_smaller
    belief = dataset["sides"][first_fitting(dataset["sides"], case)]
    image, label = settle_sides(image, label, dataset["regions"], belief, name)
    return image, label, sides.left_is_smaller != (EXCHANGED in label.corrections)


def _warn_of_empty_labels(dataset: Dataset, rows: Sequence[CaseRow]) -> None:
    for region in dataset["regions"].values():
        empty = [row.case for row in rows if row.voxels[region] == 0]
        if empty:
            log.warning(
                "%d of %d cases have an empty label %s: %s", len(empty), len(rows), region, ", ".join(empty)
            )


def _warn_of_corrections(name: str, rows: Sequence[CaseRow]) -> None:
    for correction in (MASKS_HEADER, LABELS_HEADER, MIRRORED, EXCHANGED):
        count = sum(correction in row.corrections for row in rows)
        if count:
            log.warning(
                "%s: %s in %d of %d cases, listed in cases.csv",
                name,
                correction,
                count,
                len(rows),
            )


def _warn_of_large_left_lungs(name: str, patterns: dict[str, str], left_is_smaller: dict[str, bool]) -> None:
    """Warn of cases whose header and labels agree but may both be wrong, by the sizes of the lungs."""
    for pattern in patterns:
        group = [
            smaller for case, smaller in left_is_smaller.items() if first_fitting(patterns, case) == pattern
        ]
        if len(group) >= ENOUGH_CASES and sum(group) < len(group) / 2:
            log.warning(
                "%s: the left lung is the larger one in %d of %d cases %s, which the heart makes unlikely: "
                "header and labels may both be mirrored; look at a scan, and see sides in datasets.yaml",
                name, len(group) - sum(group), len(group), pattern,
            )  # fmt: skip
