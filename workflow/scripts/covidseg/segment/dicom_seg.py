"""Masks as a DICOM SEG, which refers to the slices of the scan pixel by pixel."""

import importlib.metadata
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from pydicom.sr.codedict import Code, codes

from covidseg.cases.dicom_files import BROKEN, one_line, parse_dicom
from covidseg.cases.dicom_frames import Frame, read_frames
from covidseg.errors import InputError
from covidseg.files import atomic_path
from covidseg.segment import NOT_CLINICAL
from covidseg.segment.result import Result
from covidseg.volumes import Geometry

SAME_PLACE = 0.01  # mm
# Elements of patient and study that every file should have, empty where unknown; some files lack them.
MAY_BE_EMPTY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID"),
)
SEGMENTS = {  # name -> category and type of what is marked; SNOMED CT has codes of its own for each lung
    "COVID-19 infection": (codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Lesion),
    "Left lung": (codes.SCT.AnatomicalStructure, Code("44029006", "SCT", "Left lung")),
    "Right lung": (codes.SCT.AnatomicalStructure, Code("3341006", "SCT", "Right lung")),
}


def write_dicom_seg(path: Path, files: dict[str, bytes], result: Result) -> None:
    """Write the masks of infection and lungs as one DICOM SEG.

    Each slice of the scan gets the mask's nearest voxels. So the slices may lie in any order and direction,
    and a gantry may have been tilted; slices that the reader has interpolated have no file, and no mask.

    Args:
        path: file to write.
        files: name -> content of the series' files.
        result: the scan.

    Raises:
        InputError: a slice lacks an element that a DICOM SEG repeats.
    """
    headers = {name: parse_dicom(content) for name, content in sorted(files.items())}
    sources, frames = _distinct(headers)
    masks = np.stack([result.infection, result.lungs.left, result.lungs.right], axis=-1)
    pixels = np.stack([on_slice(masks, result.image.geometry, frame) for frame in frames])
    try:
        found = _segmentation(sources, pixels, result)
    except BROKEN as error:
        raise InputError(f"{result.path}: no DICOM SEG of these slices: {one_line(error)}") from error
    with atomic_path(path) as temporary:
        found.save_as(temporary)


def _distinct(headers: dict[str, pydicom.Dataset]) -> tuple[list[pydicom.Dataset], list[Frame]]:
    """Return the files and their slices in one order, without second copies of a slice."""
    sources: list[pydicom.Dataset] = []
    frames: list[Frame] = []
    for name, header in headers.items():
        own = read_frames(header, name)
        if any(np.abs(one.position - own[0].position).max() < SAME_PLACE for one in frames):
            continue
        for keyword in MAY_BE_EMPTY:
            header.setdefault(keyword, "")
        sources.append(header)
        frames += own
    return sources, frames


def on_slice(masks: np.ndarray, geometry: Geometry, frame: Frame) -> np.ndarray:
    """Return masks at the pixels of a slice, by the nearest voxel; outside their grid nothing is marked.

    Args:
        masks: bool (z, y, x, masks).
        geometry: of the masks.
        frame: the slice.

    Returns:
        uint8 (rows, columns, masks).
    """
    rows, columns = frame.pixels.array.shape
    affine = np.linalg.inv(geometry.affine)
    start = affine[:3, :3] @ frame.position + affine[:3, 3]
    along, down = frame.orientation * frame.spacing[::-1, None] @ affine[:3, :3].T
    places = start + np.arange(columns)[:, None] * along + np.arange(rows)[:, None, None] * down  # (x, y, z)
    voxels = np.rint(places).astype(int)[..., ::-1]
    inside = ((voxels >= 0) & (voxels < geometry.shape)).all(-1)
    z, y, x = np.moveaxis(np.where(inside[..., None], voxels, 0), -1, 0)
    return (masks[z, y, x] & inside[..., None]).astype(np.uint8)


def _segmentation(sources: list[pydicom.Dataset], pixels: np.ndarray, result: Result) -> hd.seg.Segmentation:
    version = _version()
    algorithm = hd.AlgorithmIdentificationSequence(
        name="covidseg", family=codes.DCM.ArtificialIntelligence, version=version
    )
    descriptions = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=category,
            segmented_property_type=kind,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
            anatomic_regions=[codes.SCT.Lung],
        )
        for number, (label, (category, kind)) in enumerate(SEGMENTS.items(), start=1)
    ]
    return hd.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=descriptions,
        series_instance_uid=hd.UID(),
        series_number=int(sources[0].get("SeriesNumber") or 0) + 100,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="covidseg",
        manufacturer_model_name=" and ".join(dict.fromkeys(result.models))[:64],
        software_versions=version,
        device_serial_number="none",
        series_description=f"COVID-19 infection. {NOT_CLINICAL}",
        content_description=NOT_CLINICAL,
    )


def _version() -> str:
    """Return the version of covidseg; a checkout that is not installed has none."""
    try:
        return importlib.metadata.version("covidseg")
    except importlib.metadata.PackageNotFoundError:
        return "checkout"
