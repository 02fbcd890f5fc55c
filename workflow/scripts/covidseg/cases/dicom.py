"""Read DICOM CT series as volumes, and fill RTSTRUCT contours to masks."""

from itertools import pairwise
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.errors import InvalidDicomError
from skimage.draw import polygon2mask

from covidseg.errors import InputError
from covidseg.volumes import RAS_TO_LPS, Geometry, Volume, to_lps

SPACING_TOLERANCE = 0.01  # fraction of the slice spacing: files round positions to about six digits


def read_series(files: list[Path], name: str) -> Volume:
    """Read one CT series: sort the slices by position, and apply the rescale slope and intercept.

    Args:
        files: the DICOM files of the series, in any order.
        name: name of the series in messages.

    Returns:
        The scan: int16 (z, y, x) in HU, LPS.

    Raises:
        InputError: there is no file, a file is damaged, the files belong to several series, a slice is
            doubled or missing, or the slice spacing is not uniform.
    """
    headers = {file: _header(file, name) for file in files}
    series = {header.SeriesInstanceUID for header in headers.values()}
    if len(series) != 1:
        raise InputError(f"{name}: expected one DICOM series, found {len(series)}")
    orientation = np.array(next(iter(headers.values())).ImageOrientationPatient, float).reshape(2, 3)
    normal = np.cross(*orientation)
    position = {
        file: float(normal @ np.array(header.ImagePositionPatient, float)) for file, header in headers.items()
    }
    ordered = sorted(files, key=position.__getitem__)
    step = _slice_spacing([position[file] for file in ordered], name)
    first = headers[ordered[0]]
    affine = np.eye(4)
    affine[:3, 0] = orientation[0] * float(first.PixelSpacing[1])
    affine[:3, 1] = orientation[1] * float(first.PixelSpacing[0])
    affine[:3, 2] = normal * step
    affine[:3, 3] = first.ImagePositionPatient
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(file) for file in ordered])
    hu = np.rint(sitk.GetArrayFromImage(reader.Execute())).astype(np.int16)
    return to_lps(nib.Nifti1Image(hu.T, RAS_TO_LPS @ affine))


def _header(file: Path, name: str) -> pydicom.Dataset:
    try:
        content = pydicom.dcmread(file)
        expected = content.Rows * content.Columns * content.BitsAllocated // 8
        if not content.file_meta.TransferSyntaxUID.is_compressed and len(content.PixelData) < expected:
            raise EOFError(f"{len(content.PixelData)} of {expected} bytes of pixels")
        return content
    except (InvalidDicomError, EOFError, AttributeError, OSError, ValueError) as error:
        raise InputError(f"{name}: {file.name} is truncated or not a CT slice ({error})") from error


def _slice_spacing(positions: list[float], name: str) -> float:
    """Return the slice spacing in mm of sorted positions (mm).

    Raises:
        InputError: slices are doubled, missing or not evenly spaced; the message says where.
    """
    if len(positions) < 2:
        raise InputError(f"{name}: {len(positions)} DICOM slices, expected at least 2")
    gaps = np.diff(positions)
    step = float(np.median(gaps))
    for (low, high), gap in zip(pairwise(positions), gaps, strict=True):
        if abs(gap - step) <= SPACING_TOLERANCE * step:
            continue
        where = f"between {low:g} and {high:g} mm"
        missing = round(gap / step) - 1 if step > 0 else 0
        if gap < SPACING_TOLERANCE * step or step <= 0:
            raise InputError(f"{name}: two slices at the same position, {where}; fetch the series anew")
        if missing >= 1 and abs(gap - (missing + 1) * step) <= SPACING_TOLERANCE * step * (missing + 1):
            raise InputError(f"{name}: {missing} slices missing {where}; fetch the series anew")
        raise InputError(f"{name}: slice spacing {gap:g} mm {where}, elsewhere {step:g} mm: not uniform")
    return float(np.mean(gaps))


def rasterise(content: pydicom.Dataset, roi: str, geometry: Geometry, name: str) -> Volume:
    """Fill the contours of one region of interest, from an RTSTRUCT, on the grid of a volume.

    A voxel belongs to the region if the voxel's centre lies inside an odd number of the contours of its
    slice. A contour inside another contour therefore cuts a hole.

    Args:
        content: the RTSTRUCT.
        roi: name of the region, for example GTV-1.
        geometry: the grid, LPS, with axial slices along z.
        name: name of the RTSTRUCT in messages.

    Returns:
        The mask: uint8 (z, y, x), 1 inside the region and 0 outside.

    Raises:
        InputError: the RTSTRUCT has no region of this name, or a contour lies outside the volume.
    """
    numbers = {str(item.ROIName): item.ROINumber for item in content.StructureSetROISequence}
    if roi not in numbers:
        raise InputError(f"{name}: no region {roi!r}; there are {sorted(numbers)}")
    mask = np.zeros(geometry.shape, bool)
    to_index = np.linalg.inv(geometry.affine)
    for item in content.ROIContourSequence:
        if item.ReferencedROINumber != numbers[roi]:
            continue
        for contour in item.ContourSequence:
            points = np.array(contour.ContourData, float).reshape(-1, 3)
            index = points @ to_index[:3, :3].T + to_index[:3, 3]
            z = round(float(index[:, 2].mean()))
            if not 0 <= z < geometry.shape[0]:
                raise InputError(f"{name}: a contour of {roi} at z = {points[0, 2]:g} mm lies outside the CT")
            mask[z] ^= polygon2mask(geometry.shape[1:], index[:, 1::-1])
    return Volume(mask.astype(np.uint8), geometry)
