"""Volumes in the formats that SimpleITK reads: NRRD and MetaImage."""

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from covidseg.errors import InputError
from covidseg.volumes import RAS_TO_LPS, Volume, to_lps


def read_itk(path: Path) -> Volume:
    """Read a file with SimpleITK, whose directions are LPS as ours.

    Returns:
        The volume (z, y, x), LPS. Its field `stored` has the axis codes of the file.

    Raises:
        InputError: the file is damaged, or has other than three axes and one number per voxel.
    """
    try:
        image = sitk.ReadImage(str(path))
        array = sitk.GetArrayFromImage(image)
    except RuntimeError as error:
        reason = " ".join(str(error).split()).rpartition("ERROR: ")[2]
        raise InputError(f"{path}: damaged, or not of this format ({reason})") from error
    if array.ndim != 3 or image.GetNumberOfComponentsPerPixel() > 1:
        raise InputError(f"{path}: {array.ndim} axes, expected a scan (z, y, x) with one number per voxel")
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    stored = nib.Nifti1Image(array.T, RAS_TO_LPS @ affine)
    return replace(to_lps(stored), stored="".join(nib.aff2axcodes(stored.affine)))
