"""Segment scans one after another; a scan that cannot be segmented stops no other one."""

import logging
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from covidseg.device import Compute
from covidseg.errors import InputError
from covidseg.evaluation.sections import Inference
from covidseg.files import atomic_path, replace_directory, write_csv, write_json
from covidseg.segment import NOT_CLINICAL
from covidseg.segment.checks import check_lungs, check_scan, warn_of_scan
from covidseg.segment.ensemble import Ensemble, Segmentation, segment
from covidseg.segment.page import draw_page, save_page
from covidseg.segment.quantification import Quantification, quantify
from covidseg.segment.scans import read_scan
from covidseg.volumes import Volume, nifti_bytes

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Models:
    """The two models: of the infection, and of the lungs, with their names."""

    infection: Ensemble
    lungs: Ensemble
    names: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How scans are read and segmented.

    Attributes:
        series: UID, or its beginning, of the DICOM series; empty: the largest one.
        windowed: whether voxels are grey levels 0 to 255 instead of HU.
        inference: settings of the sliding window.
        compute: device and precision.
    """

    series: str
    windowed: bool
    inference: Inference
    compute: Compute


def segment_all(scans: dict[str, Path], output: Path, models: Models, settings: Settings) -> dict[str, str]:
    """Segment scans into `output`/<name>, and write the table quantification.csv of all that went well.

    Returns:
        Name -> reason, of the scans that could not be segmented.
    """
    rows, failed = [], {}
    for number, (name, path) in enumerate(scans.items(), start=1):
        begun = time.monotonic()
        try:
            numbers, warnings = segment_one(path, output / name, models, settings)
        except InputError as error:
            failed[name] = str(error)
            log.error("%d of %d, %s: %s", number, len(scans), name, error)
            continue
        for warning in warnings:
            log.warning("%s: %s", name, warning)
        both = numbers["lungs"]["both_lungs"]
        log.info(
            "%d of %d, %s: infection %.1f mL, %.1f %% of the lungs; %.0f s; %s",
            *(number, len(scans), name, both["infection_ml"], both["infection_percent"]),
            *(time.monotonic() - begun, output / name),
        )
        rows.append(_row(name, numbers, warnings))
        write_csv(output / "quantification.csv", rows)
    return failed


def segment_one(
    path: Path, output: Path, models: Models, settings: Settings
) -> tuple[Quantification, list[str]]:
    """Segment one scan; its folder appears once all files are written.

    Returns:
        The numbers, and warnings.

    Raises:
        InputError: the scan cannot be read or segmented.
    """
    image = read_scan(path, settings.series)
    check_scan(image, windowed=settings.windowed, name=str(path))
    warnings = [*image.corrections, *image.warnings]
    warnings += warn_of_scan(image.geometry, models.infection.description.plan)
    lungs = _find(models.lungs, image, settings, path)
    left, right = (lungs.labels == models.lungs.channels[side] for side in ("left_lung", "right_lung"))
    warnings += check_lungs(left | right, image.geometry, name=str(path))
    found = _find(models.infection, image, settings, path)
    infection = found.labels == models.infection.channels["infection"]
    hounsfield = None if settings.windowed else image.array
    numbers = quantify(hounsfield, left, right, infection, found.disagreement, image.geometry)
    masks = {
        "infection": infection.astype(np.uint8),
        "lungs": left + 2 * right.astype(np.uint8),
        "disagreement": found.disagreement,
    }
    notes = [
        f"Infection: {models.names[0]}, {len(models.infection.networks)} networks. Lungs: {models.names[1]}."
    ]
    figure = draw_page(
        *(output.name, image.array, left | right, infection),
        geometry=image.geometry,
        numbers=numbers,
        notes=[*notes, *warnings],
        windowed=settings.windowed,
    )
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, mask in masks.items():
        _write_mask(partial / f"{name}.nii.gz", replace(image, array=mask))
    content = {"note": NOT_CLINICAL, "scan": str(path), "models": list(models.names), **numbers}
    write_json(partial / "quantification.json", content | {"warnings": warnings})
    save_page(figure, partial / "report")
    replace_directory(partial, output)
    return numbers, warnings


def _find(ensemble: Ensemble, image: Volume, settings: Settings, path: Path) -> Segmentation:
    return segment(
        ensemble,
        image,
        windowed=settings.windowed,
        inference=settings.inference,
        compute=settings.compute,
        name=str(path),
    )


def _write_mask(path: Path, mask: Volume) -> None:
    """Write a mask on the voxel grid of the scan's own file, and with its axes."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(nifti_bytes(mask, orientation=mask.stored or "LPS", description=NOT_CLINICAL))


def _row(name: str, numbers: Quantification, warnings: list[str]) -> dict[str, object]:
    lungs = {f"{side}_{key}": value for side, lung in numbers["lungs"].items() for key, value in lung.items()}
    return {
        "scan": name,
        **lungs,
        "infection_outside_lungs_ml": numbers["infection_outside_lungs_ml"],
        "lesions": numbers["lesions"],
        "disagreement_percent": numbers["disagreement_percent"],
        "warnings": "; ".join(warnings),
        "note": NOT_CLINICAL,
    }
