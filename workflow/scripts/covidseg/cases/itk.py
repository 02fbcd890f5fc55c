"""Volumes in the formats that SimpleITK reads: NRRD and MetaImage."""

import re
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from covidseg.errors import InputError
from covidseg.nifti import refuse_unfit_affine
from covidseg.volumes import RAS_TO_LPS, Volume, to_lps

POINTER = re.compile(r"\w+\(0x[0-9a-f]+\): ")  # what ITK's messages begin with; it changes with each run
HEADER_BYTES = 4096
# The lines of a header that give the directions of the axes.
NRRD_SPACE = re.compile(rb"^space: ?\S", re.MULTILINE)
META_DIRECTIONS = re.compile(rb"^(TransformMatrix|Orientation|Rotation) *=", re.MULTILINE)


def read_itk(path: Path) -> Volume:
    """Read a file with SimpleITK, whose directions are LPS as ours.

    Returns:
        The volume (z, y, x), LPS. Its field `stored` has the axis codes of the file.

    Raises:
        InputError: the file is damaged, has other than three axes and one number per voxel, or its axes are
            not at right angles or have an impossible spacing.
    """
    try:
        image = sitk.ReadImage(str(path))
        array = sitk.GetArrayFromImage(image)
    except RuntimeError as error:
        reason = POINTER.sub("", " ".join(str(error).split()).rpartition("ERROR: ")[2])
        raise InputError(f"{path}: damaged, or not of this format ({reason})") from error
    if array.ndim != 3 or image.GetNumberOfComponentsPerPixel() > 1:
        raise InputError(f"{path}: {array.ndim} axes, expected a scan (z, y, x) with one number per voxel")
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    refuse_unfit_affine(affine, "the header", str(path))
    stored = nib.Nifti1Image(array.T, RAS_TO_LPS @ affine)
    codes = "".join(nib.aff2axcodes(stored.affine))
    return replace(to_lps(stored), stored=codes, warnings=tuple(_unknown_directions(path)))


def _unknown_directions(path: Path) -> list[str]:
    """Return a warning if the header lacks the directions of the axes, for which ITK takes LPS."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    needed = NRRD_SPACE if header.startswith(b"NRRD") else META_DIRECTIONS
    return [] if needed.search(header) else ["the directions of the axes are absent, and assumed (LPS)"]
