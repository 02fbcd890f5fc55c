"""NIfTI volumes, read in any orientation and held in one: LPS, arrays (z, y, x).

nibabel reads and writes the files, because ITK hides errors: ITK returns a truncated volume, turns a
spacing of 0 into 1, and raises no error if the disk is full.
"""

import gzip
import io
import math
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import numpy as np

# nibabel imports pydicom if it is installed, for DICOM readers that nothing here uses. Without pydicom,
# nibabel's import takes half the time.
_absent = sys.modules.setdefault("pydicom", None) is None  # type: ignore[arg-type]  # None: hidden
import nibabel as nib

if _absent:
    del sys.modules["pydicom"]

from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import aff2axcodes, axcodes2ornt, io_orientation, ornt_transform
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from covidseg.errors import InputError
from covidseg.files import atomic_path

HEADER_BYTES = 348
LARGEST_BYTES = 8 << 30  # of voxels: ten times a scan of a whole body
SLACK_BYTES = 1 << 20  # allowed after the voxels: some programs fill up the last block
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


class GeometryFields(TypedDict):
    """A Geometry as JSON: the same fields as plain lists."""

    shape: list[int]
    affine: list[list[float]]


@dataclass(frozen=True)
class Geometry:
    """Where a voxel grid lies in the patient.

    Attributes:
        shape: voxels (z, y, x).
        affine: matrix (4, 4) from voxel indices (x, y, z) to LPS millimetres.
    """

    shape: tuple[int, int, int]
    affine: np.ndarray = field(repr=False)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres per voxel (z, y, x)."""
        z, y, x = (round(float(s), 5) for s in np.linalg.norm(self.affine[:3, 2::-1], axis=0))
        return z, y, x

    def differences(self, other: "Geometry") -> list[str]:
        """Describe what differs: shape, spacing, or position (more than a tenth of a voxel at any corner)."""
        found = []
        if self.shape != other.shape:
            found.append(f"shape {self.shape} and {other.shape}")
        if not np.allclose(self.spacing, other.spacing, rtol=1e-3):
            found.append(f"spacing {self.spacing} and {other.spacing} mm")
        if not found:
            corners = np.array([[0, 0, 0, 1], [*(n - 1 for n in self.shape[::-1]), 1]])
            offset = np.abs(corners @ (self.affine - other.affine).T).max()
            if offset > 0.1 * min(self.spacing):
                found.append(f"position or direction, by {offset:.3g} mm")
        return found

    def to_json(self) -> GeometryFields:
        """Return the geometry as plain lists, which `from_json` reads."""
        return {"shape": list(self.shape), "affine": self.affine.tolist()}

    @classmethod
    def from_json(cls, content: GeometryFields) -> "Geometry":
        """Return the geometry that `to_json` has written as plain lists."""
        z, y, x = content["shape"]
        return cls((z, y, x), np.array(content["affine"]))


@dataclass(frozen=True)
class Volume:
    """Voxels (z, y, x) and their geometry; the axes point to the patient's left, back and head (LPS).

    Attributes:
        stored: axis codes of the file that the volume was read from; empty if the file has no axis codes.
        slices: for a stack of pictures, the name of each slice -> the slice's file; else empty.
    """

    array: np.ndarray
    geometry: Geometry
    stored: str = ""
    slices: dict[str, str] = field(default_factory=dict, repr=False)
    filled: tuple[int, ...] = ()  # slices (z) that the file lacks and that the reader has interpolated
    corrections: tuple[str, ...] = ()  # what the reader has changed, in words
    warnings: tuple[str, ...] = ()  # what looks odd and was left as it is, in words


def read_volume(path: str | Path) -> Volume:
    """Read a NIfTI file (.nii, .nii.gz) and bring the volume to LPS; raises the errors of `parse_volume`."""
    return parse_volume(Path(path).read_bytes(), str(path))


def parse_volume(content: bytes, name: str) -> Volume:
    """Read the content of a NIfTI file and bring the volume to LPS.

    Args:
        content: bytes of a .nii or .nii.gz.
        name: name of the file in messages.

    Raises:
        InputError: the file is truncated, is no NIfTI file or is not three-dimensional, a spacing is zero or
            undefined, or voxels are not finite.
    """
    try:
        if content[:2] == b"\x1f\x8b":
            content = _decompress(content, name)
        # Read the raw header: nibabel itself would turn a spacing of 0 into 1.
        zooms = nib.Nifti1Header(content[:HEADER_BYTES], check=False)["pixdim"][1:4]
        if not (np.isfinite(zooms).all() and (zooms > 0).all()):
            raise InputError(f"{name}: spacing {tuple(zooms.tolist())} mm; every axis must be above 0")
        volume = to_lps(nib.Nifti1Image.from_bytes(content))
    except (
        OSError,
        EOFError,
        ValueError,
        zlib.error,
        ImageFileError,
        HeaderDataError,
        WrapStructError,
    ) as error:
        raise InputError(f"{name}: truncated or not a NIfTI file ({' '.join(str(error).split())})") from error
    if volume.array.ndim != 3:
        raise InputError(f"{name}: has {volume.array.ndim} dimensions {volume.array.shape[::-1]}, expected 3")
    if not np.isfinite(volume.array).all():
        raise InputError(f"{name}: {np.count_nonzero(~np.isfinite(volume.array))} voxels are NaN or infinite")
    return volume


def _decompress(content: bytes, name: str) -> bytes:
    """Unpack to the end, where the checksum is, but never more bytes than the header announces."""
    with gzip.open(io.BytesIO(content)) as stream:
        head = stream.read(HEADER_BYTES)
        header = nib.Nifti1Header(head, check=False)
        size = header.get_data_offset() + math.prod(header.get_data_shape()) * int(header["bitpix"]) // 8
        if size > LARGEST_BYTES:
            raise InputError(
                f"{name}: {size} bytes of voxels by its header; expected at most {LARGEST_BYTES}"
            )
        content = head + stream.read(size - len(head) + SLACK_BYTES)
        if stream.read(1):
            raise InputError(f"{name}: unpacks to more than the {size} bytes that its header says")
    return content


def to_lps(image: nib.Nifti1Image) -> Volume:
    """Return a nibabel image, array (x, y, z) and RAS affine, as a volume with LPS axes."""
    stored = "".join(aff2axcodes(image.affine))
    image = image.as_reoriented(ornt_transform(io_orientation(image.affine), axcodes2ornt("LPS")))
    array = np.ascontiguousarray(np.asanyarray(image.dataobj).T)
    return Volume(array, Geometry(array.shape, RAS_TO_LPS @ image.affine), stored)


def write_volume(path: str | Path, volume: Volume) -> None:
    """Write a .nii.gz file, atomically; a full disk raises an error and leaves no partial file behind."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(nifti_bytes(volume))


def nifti_bytes(volume: Volume, *, orientation: str = "LPS") -> bytes:
    """Return the content of a .nii.gz file, stored along the axis codes `orientation`.

    The same volume always gives the same bytes.
    """
    image = nib.Nifti1Image(volume.array.T, RAS_TO_LPS @ volume.geometry.affine)
    image = image.as_reoriented(ornt_transform(axcodes2ornt("LPS"), axcodes2ornt(orientation)))
    image.header.set_xyzt_units("mm")
    image.set_qform(image.affine, code=1)
    buffer = io.BytesIO()
    image.to_stream(buffer)
    return gzip.compress(buffer.getvalue(), compresslevel=1, mtime=0)


def bounding_box(mask: np.ndarray) -> tuple[slice, ...] | None:
    """Return the smallest box (z, y, x) with all voxels of a mask; None if the mask is empty."""
    box = []
    for axis in range(3):
        inside = np.flatnonzero(mask.any(tuple({0, 1, 2} - {axis})))
        if not len(inside):
            return None
        box.append(slice(int(inside[0]), int(inside[-1]) + 1))
    return tuple(box)
