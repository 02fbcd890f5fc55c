"""Turn archives into cases of one form: LPS NIfTI, image and label on one grid, the project's label ids."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from covidseg.archives.dataset import Dataset
from covidseg.cases.alignment import put_on_one_grid
from covidseg.cases.case_folder import CaseFolder, CaseRow, volume_path
from covidseg.cases.ingest_log import describe_faults, tell_listing, warn_of_large_left_lungs, warn_of_rows
from covidseg.cases.intensity import first_fitting, fit_intensity, intensity_of
from covidseg.cases.left_out import list_reasons, refuse_unknown
from covidseg.cases.lesions import count_lesions
from covidseg.cases.orientation import EXCHANGED, absent_lungs, read_sides, settle_sides
from covidseg.cases.readers import list_cases, load_case, member_name
from covidseg.cases.splits import patient_of
from covidseg.cases.twins import tell_twins, voxel_digest
from covidseg.errors import InputError
from covidseg.files import atomic_directory, digest, write_csv
from covidseg.parallel import try_in_parallel
from covidseg.regions import LESIONS
from covidseg.volumes import Volume, write_volume

log = logging.getLogger(__name__)


def ingest(
    dataset: Dataset,
    *,
    raw: Path,
    names: list[str] | None,
    output: CaseFolder,
    workers: int,
    chosen: list[str] | None = None,
    left_out: Mapping[str, str] | None = None,
    listed: bool = False,
) -> None:
    """Ingest a data set: scans, label maps and the table of the cases.

    All cases are tried, even if one of them is faulty, because a user may have waited hours for the archives.

    Args:
        dataset: entry of config/datasets.yaml.
        raw: folder of the downloaded archives, with one subfolder per data set.
        names: names of the cases, if each case has its own archive; None if the archives give the names.
        output: folder of the data set; all of it appears together at the end.
        workers: number of cases read at the same time.
        chosen: names, or patterns of names, of the cases to read (key `cases`); None: all cases.
        left_out: case that a user leaves out (key `leave_out`) -> reason.
        listed: whether the configuration knows all cases, and has checked `left_out`.

    Raises:
        InputError: an archive or a case is wrong; the message names the file and the reason, with one line
            per faulty case if there are several. Or `left_out` has a case that is not there.
    """
    name, left_out = output.path.name, left_out or {}
    listing = list_cases(dataset, raw, names, left_out=left_out, chosen=chosen)
    if not listed:
        refuse_unknown(left_out, listing.there, f"{name}.leave_out in datasets.yaml")
    if not (listing.cases or listing.faults):
        raise InputError(f"{name}: no case is left; left out: {list_reasons(listing.left_out)}")

    with atomic_directory(output.images) as images, atomic_directory(output.labels) as labels:

        def one(case: str) -> tuple[CaseRow, bool | None]:
            row, left_is_smaller = ingest_case(dataset, raw, case, images=images, labels=labels)
            cells = row.to_csv()
            done = f"{cells['shape']} voxels of {cells['spacing_mm']} mm"
            log.info("ingested %s: %s", case, "; ".join([done, *row.corrections, *row.warnings]))
            return row, left_is_smaller

        found, faults = try_in_parallel(one, listing.cases, workers)
        if faults := listing.faults | faults:
            raise InputError(describe_faults(name, faults, some_are_fit=bool(found)))
    rows = tell_twins([row for row, _ in found.values()])
    warn_of_rows(name, dataset, rows)
    if "sides" in dataset:
        smaller = {case: smaller for case, (_, smaller) in found.items() if smaller is not None}
        warn_of_large_left_lungs(name, dataset["sides"], smaller)
    write_csv(output.table, [row.to_csv() for row in rows])
    tell_listing(name, listing)


def ingest_case(
    dataset: Dataset, raw: Path, case: str, *, images: Path, labels: Path
) -> tuple[CaseRow, bool | None]:
    """Ingest one case; raises InputError.

    Returns:
        The case's row of cases.csv, and whether the left lung is the smaller one (None without lung labels).
    """
    image, label, lungs = load_case(dataset, raw, case)
    where = member_name(dataset, "labels", raw, case)
    image, label, lungs = put_on_one_grid(dataset, image, label, lungs, where)
    left_is_smaller = None
    if lungs:
        image, label, left_is_smaller = _verify_sides(dataset, case, image, label, lungs.array, where)
    image = fit_intensity(image, intensity_of(dataset, case), member_name(dataset, "images", raw, case))
    mapped = label.array
    write_volume(volume_path(images, case), image)
    write_volume(volume_path(labels, case), label)
    ids = {region: i for i, region in dataset["regions"].items()}
    counts = {region: count_lesions(mapped, ids[region]) for region in LESIONS if region in ids}
    row = CaseRow(
        case=case,
        patient=patient_of(dataset, case),
        shape=image.geometry.shape,
        spacing_mm=image.geometry.spacing,
        missing_slices=len(image.filled),
        hu_min=image.array.min().item(),
        hu_max=image.array.max().item(),
        voxels={region: int(np.count_nonzero(mapped == i)) for region, i in ids.items()},
        slices={region: slices for region, (slices, _) in counts.items()},
        lesions={region: lesions for region, (_, lesions) in counts.items()},
        corrections=(*image.corrections, *label.corrections),
        warnings=(*image.warnings, *label.warnings),
        sha256=digest(volume_path(images, case)),
        voxel_sha256=voxel_digest(image.array),
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
