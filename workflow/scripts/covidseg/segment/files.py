"""All files of a segmented scan."""

import shutil
from dataclasses import replace
from pathlib import Path

from covidseg.files import atomic_path, replace_directory, write_json
from covidseg.segment import NOT_CLINICAL
from covidseg.segment.folders import NUMBERS, PARTIAL, full_path
from covidseg.segment.page import draw_page, save_page
from covidseg.segment.result import Result
from covidseg.segment.scans import is_dicom, read_dicom_files
from covidseg.segment.viewer import write_viewer
from covidseg.volumes import Volume, nifti_bytes


def write_result(folder: Path, result: Result, *, dicom_seg: bool, series: str) -> None:
    """Write the files of a scan; the folder appears once all files are written.

    Args:
        folder: <output>/<name of the scan>.
        result: the scan.
        dicom_seg: whether a scan in DICOM gets a DICOM SEG.
        series: as of `read_scan`.

    Raises:
        InputError: the slices have not what a DICOM SEG needs.
    """
    partial = folder.with_name(f".{folder.name}{PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for name, mask in result.masks().items():
            _write_mask(partial / f"{name}.nii.gz", replace(result.image, array=mask))
        if dicom_seg and is_dicom(result.path):
            from covidseg.segment.dicom_seg import write_dicom_seg  # highdicom takes a second to import

            write_dicom_seg(partial / "segmentation.dcm", read_dicom_files(result.path, series), result)
        write_json(partial / NUMBERS, _content(result))
        save_page(draw_page(result), partial / "report")
        write_viewer(partial / "viewer", result)
        replace_directory(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_mask(path: Path, mask: Volume) -> None:
    """Write a mask on the voxel grid of the scan's own file, and with its axes."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(nifti_bytes(mask, orientation=mask.stored or "LPS", description=NOT_CLINICAL))


def _content(result: Result) -> dict[str, object]:
    return {
        "note": NOT_CLINICAL,
        "scan": str(full_path(result.path)),
        "models": list(result.models),
        "networks": result.networks,
        **result.numbers,
        "warnings": result.warnings,
    }
