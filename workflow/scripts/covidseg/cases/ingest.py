"""Turn archives into cases of one form: LPS NIfTI, image and label on one grid, the project's label ids."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from covidseg.archives.dataset import Dataset, Members
from covidseg.cases.alignment import align
from covidseg.cases.case_folder import CaseFolder, CaseRow, volume_path
from covidseg.cases.intensity import first_fitting, intensity_of
from covidseg.cases.lesions import count_lesions
from covidseg.cases.orientation import (
    EXCHANGED,
    MASKS_HEADER,
    MIRRORED,
    read_sides,
    scan_under_masks,
    settle_sides,
)
from covidseg.cases.readers import list_cases, load_case
from covidseg.cases.splits import patient_of
from covidseg.errors import InputError
from covidseg.files import atomic_directory, digest, write_csv
from covidseg.parallel import in_parallel
from covidseg.regions import LESIONS
from covidseg.volumes import Volume, write_volume

log = logging.getLogger(__name__)

ROUNDING = 0.05  # how far a label's value may lie from a whole number
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
        smaller = dict(zip(cases, left_is_smaller, strict=True))
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
    corrections, left_is_smaller = [], None
    if lungs and (turned := scan_under_masks(image, lungs)):
        image = turned
        corrections.append(MASKS_HEADER)
    label = _align(label, image, dataset["labels"], where, "label")
    if lungs:
        lungs = _align(lungs, image, dataset["lungs"], where, "lungs")
    mapped = remap(label.array, dataset["labels"]["map"], where)
    if lungs:
        sides = read_sides(remap(lungs.array, dataset["lungs"]["map"], where), where)
        left_is_smaller = sides.left_is_smaller
        if not sides.agree:
            belief = dataset["sides"][first_fitting(dataset["sides"], case)]
            image, mapped, correction = settle_sides(image, mapped, dataset["regions"], belief, where)
            corrections.append(correction)
            left_is_smaller ^= correction == EXCHANGED
    _check_intensity(image.array, dataset, case, where)
    write_volume(volume_path(images, case), image)
    write_volume(volume_path(labels, case), Volume(mapped, image.geometry))
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
        corrections=tuple(corrections),
        sha256=digest(volume_path(images, case)),
    )
    return row, left_is_smaller


def _align(mask: Volume, image: Volume, entry: Members, name: str, kind: str) -> Volume:
    return align(mask, image, geometry=entry.get("geometry", "own"), name=name, kind=kind)


def remap(label: np.ndarray, ids: dict[int, int], name: str) -> np.ndarray:
    """Return the label (z, y, x) as uint8 with the project's ids.

    A value within ROUNDING of an id counts as that id: masks that are stored with a scale have such values.

    Args:
        ids: label id in the archive -> label id in the project.
        name: name of the case in messages.

    Raises:
        InputError: the label has an id that is not in `ids`.
    """
    mapped, rounded = np.zeros(label.shape, np.uint8), 0
    for plane, target, place in zip(label, mapped, range(len(label)), strict=True):
        for found in np.unique(plane):
            nearest = round(float(found))
            if nearest not in ids or abs(found - nearest) > ROUNDING:
                raise InputError(f"{name}: label id {found:g} in slice {place}; the map has {sorted(ids)}")
            target[plane == found] = ids[nearest]
            rounded += int(found != nearest and np.count_nonzero(plane == found))
    if rounded:
        log.warning(
            "%s: %d voxels of the label are not whole numbers, but within %g", name, rounded, ROUNDING
        )
    return mapped


def _check_intensity(image: np.ndarray, dataset: Dataset, case: str, name: str) -> None:
    low, high = image.min(), image.max()
    fits, expected = {
        "windowed": (low >= 0 and high <= 255, "0 to 255 (windowed)"),
        "grey": (low < high, "more than one grey level"),
        "hounsfield": (low < -200, "Hounsfield units with air below -200"),
    }[intensity_of(dataset, case)]
    if not fits:
        raise InputError(
            f"{name}: voxels from {low:g} to {high:g}, expected {expected}; see intensity in datasets.yaml"
        )


def _warn_of_empty_labels(dataset: Dataset, rows: Sequence[CaseRow]) -> None:
    for region in dataset["regions"].values():
        empty = [row.case for row in rows if row.voxels[region] == 0]
        if empty:
            log.warning(
                "%d of %d cases have an empty label %s: %s", len(empty), len(rows), region, ", ".join(empty)
            )


def _warn_of_corrections(name: str, rows: Sequence[CaseRow]) -> None:
    for correction in (MASKS_HEADER, MIRRORED, EXCHANGED):
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
