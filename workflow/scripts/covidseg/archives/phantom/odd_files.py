"""Unusual NIfTI files. Each function returns a changed copy of an image, whose array is (x, y, z)."""

import gzip
from collections.abc import Callable, Sequence

import nibabel as nib
import numpy as np
from nibabel.orientations import aff2axcodes, axcodes2ornt, io_orientation, ornt_transform

Change = Callable[[nib.Nifti1Image], nib.Nifti1Image]
SHIFT = 0.08  # voxels: below the tenth of a voxel by which a mask may be off


def rewritten(content: bytes, changes: Sequence[Change]) -> bytes:
    """Return the content of a .nii.gz file after some changes."""
    image = nib.Nifti1Image.from_bytes(gzip.decompress(content))
    for change in changes:
        image = change(image)
    image.header.set_xyzt_units("mm")
    image.set_qform(image.affine, code=1)
    return gzip.compress(image.to_bytes(), compresslevel=1, mtime=0)


def header_says_front_to_back(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """State the opposite direction between front and back, with the voxels as they are."""
    return _header_reversed(image, "AP")


def header_says_upside_down(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """State the opposite direction between feet and head, with the voxels as they are."""
    return _header_reversed(image, "IS")


def _header_reversed(image: nib.Nifti1Image, directions: str) -> nib.Nifti1Image:
    (axis,) = (i for i, code in enumerate(aff2axcodes(image.affine)) if code in directions)
    mirror = np.eye(4)
    mirror[axis, axis], mirror[axis, 3] = -1, image.shape[axis] - 1
    return nib.Nifti1Image(_voxels(image), image.affine @ mirror)


def beyond_the_window(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """Store a windowed scan with decimals, which leave 0..255 a little."""
    voxels = _voxels(image).astype(np.float32)
    voxels[voxels == 255] = 255.25
    voxels[np.ix_([0, -1], [0, -1], [0, -1])] = -0.001  # the corners
    return nib.Nifti1Image(voxels, image.affine)


def as_float64(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """Store whole numbers as numbers of 64 bits with decimals."""
    return nib.Nifti1Image(_voxels(image).astype(np.float64), image.affine)


def as_int64(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """Store a scan as whole numbers of 64 bits, numpy's own type."""
    return nib.Nifti1Image(_voxels(image).astype(np.int64), image.affine, dtype=np.int64)


def not_whole_numbers(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """Store a mask as numbers with decimals: 0.04 for the background and 0.9999 for the region."""
    return nib.Nifti1Image(np.where(_voxels(image), 0.9999, 0.04).astype(np.float32), image.affine)


def four_dimensions(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """Add a fourth axis of length 1."""
    return nib.Nifti1Image(_voxels(image)[..., None], image.affine)


def stored_as_las(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """Store the axes towards left, front and head, whatever the orientation of the scan's file."""
    return image.as_reoriented(ornt_transform(io_orientation(image.affine), axcodes2ornt("LAS")))


def origin_within_tolerance(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """Move the origin by a small part of a voxel to the right."""
    return _at(image, image.affine[:3, 3] + [SHIFT * image.header.get_zooms()[0], 0, 0])


def origin_lost(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """Put the origin to zero, as some programs do that keep only spacing and directions."""
    return _at(image, np.zeros(3))


def _at(image: nib.Nifti1Image, origin: np.ndarray) -> nib.Nifti1Image:
    affine = image.affine.copy()
    affine[:3, 3] = origin
    return nib.Nifti1Image(_voxels(image), affine)


def without_slices(image: nib.Nifti1Image, *, lost: Sequence[int]) -> nib.Nifti1Image:
    """Leave out slices, numbered from 0 at the lowest one. The header states the usual slice spacing."""
    return nib.Nifti1Image(np.delete(_voxels(image), lost, axis=2), image.affine)


def _voxels(image: nib.Nifti1Image) -> np.ndarray:
    return np.asanyarray(image.dataobj)
