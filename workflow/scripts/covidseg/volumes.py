"""NIfTI volumes, read in any orientation and held in one: LPS, arrays (z, y, x).

nibabel reads and writes them because ITK does so too quietly: it returns a truncated volume, a spacing
of 1 for a spacing of 0, and no error from a full disk.
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

# nibabel imports pydicom where it can, for readers of DICOM that nothing here uses; that doubles its time.
_absent = sys.modules.setdefault("pydicom", None) is None  # type: ignore[arg-type]  # None: not to be found
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
LARGEST_BYTES = 8 << 30  # of voxels: a whole body, ten times over
SLACK_BYTES = 1 << 20  # after the voxels: some programs fill a block up
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
        affine: (4, 4), from voxel indices (x, y, z) to LPS millimetres.
    """

    shape: tuple[int, int, int]
    affine: np.ndarray = field(repr=False)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres per voxel (z, y, x)."""
        z, y, x = (round(float(s), 5) for s in np.linalg.norm(self.affine[:3, 2::-1], axis=0))
        return z, y, x

    def differences(self, other: "Geometry") -> list[str]:
        """Name what differs: shape, spacing, or position (beyond a tenth of a voxel at any corner)."""
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
        """Return the geometry as plain lists, for `from_json`."""
        return {"shape": list(self.shape), "affine": self.affine.tolist()}

    @classmethod
    def from_json(cls, content: GeometryFields) -> "Geometry":
        """Rebuild what `to_json` gave."""
        z, y, x = content["shape"]
        return cls((z, y, x), np.array(content["affine"]))


@dataclass(frozen=True)
class Volume:
    """Voxels (z, y, x) and their geometry, axes running to the left, back and head (LPS).

    Attributes:
        stored: axis codes of the file it was read from; empty where a file has no order of its own.
        slices: of a stack of pictures: name of each slice -> its file.
    """

    array: np.ndarray
    geometry: Geometry
    stored: str = ""
    slices: dict[str, str] = field(default_factory=dict, repr=False)


def read_volume(path: str | Path) -> Volume:
    """Read a NIfTI file (.nii, .nii.gz) and bring it to LPS; raises as `parse_volume`."""
    return parse_volume(Path(path).read_bytes(), str(path))


def parse_volume(content: bytes, name: str) -> Volume:
    """Read a NIfTI file's content and bring it to LPS.

    Args:
        content: bytes of a .nii or .nii.gz.
        name: how messages call the file.

    Raises:
        InputError: truncated, no NIfTI, not three-dimensional, zero or undefined spacing, or voxels
            that are not finite.
    """
    try:
        if content[:2] == b"\x1f\x8b":
            content = _decompress(content, name)
        # Read raw: nibabel itself would mend a spacing of 0 to 1.
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
    """Unpack to the end, where the checksum is, but no further than the header says."""
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
    """Reorder the axes of a nibabel image, array (x, y, z) and RAS affine, so that they run along LPS."""
    stored = "".join(aff2axcodes(image.affine))
    image = image.as_reoriented(ornt_transform(io_orientation(image.affine), axcodes2ornt("LPS")))
    array = np.ascontiguousarray(np.asanyarray(image.dataobj).T)
    return Volume(array, Geometry(array.shape, RAS_TO_LPS @ image.affine), stored)


def write_volume(path: str | Path, volume: Volume) -> None:
    """Write a .nii.gz, atomically; a full disk is an error and leaves nothing behind."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(nifti_bytes(volume))


def nifti_bytes(volume: Volume, *, orientation: str = "LPS") -> bytes:
    """Return a .nii.gz stored along the given axis codes; the same volume gives the same bytes."""
    image = nib.Nifti1Image(volume.array.T, RAS_TO_LPS @ volume.geometry.affine)
    image = image.as_reoriented(ornt_transform(axcodes2ornt("LPS"), axcodes2ornt(orientation)))
    image.header.set_xyzt_units("mm")
    image.set_qform(image.affine, code=1)
    buffer = io.BytesIO()
    image.to_stream(buffer)
    return gzip.compress(buffer.getvalue(), compresslevel=1, mtime=0)
