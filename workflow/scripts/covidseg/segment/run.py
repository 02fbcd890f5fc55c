"""Segment scans one after another; a scan that cannot be segmented stops no other one."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from covidseg.device import Compute
from covidseg.errors import InputError
from covidseg.evaluation.sections import Inference
from covidseg.segment.checks import check_lungs, check_scan, warn_of_numbers, warn_of_scan
from covidseg.segment.ensemble import Ensemble, Prepared, Segmentation, prepare, segment
from covidseg.segment.files import write_result
from covidseg.segment.folders import check_place, write_table
from covidseg.segment.lungs import find_lungs
from covidseg.segment.quantification import quantify
from covidseg.segment.result import Result
from covidseg.segment.scans import is_dicom, read_scan

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Models:
    """The two models: of the infection, and of the lungs, with their names; both may be the same one."""

    infection: Ensemble
    lungs: Ensemble
    names: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How scans are read and segmented.

    Attributes:
        series: UID, or its beginning, of the DICOM series; empty: the largest one.
        windowed: whether voxels are grey levels 0 to 255 instead of HU.
        dicom_seg: whether a scan in DICOM gets a DICOM SEG.
        inference: settings of the sliding window.
        compute: device and precision.
    """

    series: str
    windowed: bool
    dicom_seg: bool
    inference: Inference
    compute: Compute


def segment_all(scans: dict[str, Path], output: Path, models: Models, settings: Settings) -> dict[str, str]:
    """Segment scans into `output`/<name>, and write the table quantification.csv of all results there.

    Returns:
        Name -> reason, of the scans that could not be segmented.
    """
    failed = {}
    for number, (name, path) in enumerate(scans.items(), start=1):
        begun, place = time.monotonic(), f"{number} of {len(scans)}, {name}"
        try:
            check_place(output / name, path)
            result = segment_one(name, path, models, settings)
            write_result(output / name, result, dicom_seg=settings.dicom_seg, series=settings.series)
            write_table(output)
        except (InputError, OSError) as error:
            failed[name] = _reason(error)
            log.error("%s: %s", place, failed[name])
            continue
        except Exception as error:  # whatever is wrong with one scan, the other ones are segmented
            failed[name] = _reason(error)
            log.exception("%s: a fault of covidseg or of this machine", place)
            continue
        for warning in result.warnings:
            log.warning("%s: %s", name, warning)
        log.info("%s: %s; %.0f s; %s", place, _words(result), time.monotonic() - begun, output / name)
    return failed


def _reason(error: Exception) -> str:
    """Return an error as one line; that of a disk or a folder names the file."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    text = " ".join(str(error).split())
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"


def segment_one(name: str, path: Path, models: Models, settings: Settings) -> Result:
    """Segment one scan.

    Args:
        name: name of the scan.
        path: file, archive or folder of the scan.
        models: of the lungs and of the infection.
        settings: how scans are read and segmented.

    Raises:
        InputError: the scan cannot be read or segmented.
    """
    image = read_scan(path, settings.series)
    check_scan(image, windowed=settings.windowed, name=str(path))
    warnings = [*image.corrections, *image.warnings, *warn_of_scan(image.geometry, models.infection.plan)]
    if not is_dicom(path):
        warnings += ["no DICOM SEG, since the scan is no DICOM"] * settings.dicom_seg
        warnings += ["--series is of no use, since the scan is no DICOM"] * bool(settings.series)
    scan = prepare(image, models.lungs.description, windowed=settings.windowed, name=str(path))
    in_lungs = _find(models.lungs, scan, settings, "lungs")
    lungs = find_lungs(in_lungs.labels, models.lungs.channels)
    warnings += check_lungs(lungs, image.geometry, name=str(path))
    found = in_lungs
    if models.infection is not models.lungs:
        if not models.infection.shares_input(models.lungs):
            scan = prepare(image, models.infection.description, windowed=settings.windowed, name=str(path))
        found = _find(models.infection, scan, settings, "infection")
    infection = found.labels == models.infection.channels["infection"]
    lungs = lungs.add(infection)
    hounsfield = None if settings.windowed else image.array
    numbers = quantify(hounsfield, lungs, infection, found.disagreement, image.geometry)
    return Result(
        name=name,
        path=path,
        image=image,
        windowed=settings.windowed,
        lungs=lungs,
        infection=infection,
        disagreement=found.disagreement,
        numbers=numbers,
        models=models.names,
        networks=len(models.infection.networks),
        warnings=[*warnings, *warn_of_numbers(numbers)],
    )


def _find(ensemble: Ensemble, scan: Prepared, settings: Settings, title: str) -> Segmentation:
    """Segment a scan, with a bar that shows the progress on a terminal."""
    depth = scan.box[0].stop - scan.box[0].start
    with tqdm(total=depth, desc=title, unit="slice", leave=False, disable=None) as bar:
        return segment(
            ensemble, scan, inference=settings.inference, compute=settings.compute, report=bar.update
        )


def _words(result: Result) -> str:
    both = result.numbers["lungs"]["both_lungs"]
    return f"infection {both['infection_ml']:.1f} mL, {both['infection_percent']:.1f} % of the lungs"
