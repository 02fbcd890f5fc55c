"""NIfTI volumes, read in any orientation and held in one: LPS, arrays (z, y, x).

nibabel reads and writes the files, because ITK hides errors: ITK returns a truncated volume, turns a
spacing of 0 into 1, and raises no error if the disk is full.
"""

import gzip
import io
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict

import numpy as np

# nibabel imports pydicom if it is installed, for DICOM readers that nothing here uses. Without pydicom,
# nibabel's import takes half the time.
_absent = sys.modules.setdefault("pydicom", None) is None  # type: ignore[arg-type]  # None: hidden
import nibabel as nib

if _absent:
    del sys.modules["pydicom"]

from nibabel.orientations import aff2axcodes, axcodes2ornt, io_orientation, ornt_transform

from covidseg.errors import InputError
from covidseg.files import atomic_path
from covidseg.nifti import corner_offset, open_nifti

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
        if not self._same_spacing(other):
            found.append(f"spacing {self.spacing} and {other.spacing} mm")
        if not found and (offset := self.offset(other)) > 0.1 * min(self.spacing):
            found.append(f"position or direction, by {offset:.3g} mm")
        return found

    def same_grid(self, other: "Geometry") -> bool:
        """Return whether shape and spacing are the same, wherever the two grids lie."""
        return self.shape == other.shape and self._same_spacing(other)

    def _same_spacing(self, other: "Geometry") -> bool:
        return np.allclose(self.spacing, other.spacing, rtol=1e-3)

    def offset(self, other: "Geometry") -> float:
        """Return how far (mm, along an axis of the patient) a corner of this grid lies from the other grid's.

        Both grids must have the same shape.
        """
        return corner_offset(self.shape[::-1], self.affine, other.affine)

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
        stored: axis codes of the file that the volume was read from, while other headers may contradict them;
            empty if the file has no axis codes, and for a scan that its lungs have verified.
        slices: for a stack of pictures, the name of each slice -> the slice's file; else empty.
    """

    array: np.ndarray
    geometry: Geometry
    stored: str = ""
    frame_of_reference: str = ""  # UID of the patient's coordinates; empty if the file has none
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
        InputError: the header is unfit (see `open_nifti`), or voxels are not finite.
    """
    image, corrections, warnings = open_nifti(content, name)
    volume = to_lps(image)
    array = volume.array
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(f"{name}: voxels that are NaN or infinite: {np.count_nonzero(~np.isfinite(array))}")
    stored = "".join(aff2axcodes(image.affine))
    return replace(volume, stored=stored, corrections=corrections, warnings=warnings)


def to_lps(image: nib.Nifti1Image) -> Volume:
    """Return a nibabel image, array (x, y, z) and RAS affine, as a volume with LPS axes.

    The volume has an array and a geometry only; a reader adds the other fields with `dataclasses.replace`.
    """
    image = image.as_reoriented(ornt_transform(io_orientation(image.affine), axcodes2ornt("LPS")))
    array = np.ascontiguousarray(np.asanyarray(image.dataobj).T)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return Volume(array, Geometry(array.shape, RAS_TO_LPS @ image.affine))


def write_volume(path: str | Path, volume: Volume) -> None:
    """Write a .nii.gz file, atomically; a full disk raises an error and leaves no partial file behind.

    Raises:
        InputError: the voxels are no numbers that the file can hold, see `to_storage`.
    """
    stored = replace(volume, array=to_storage(volume.array, str(path)))
    with atomic_path(path) as temporary:
        temporary.write_bytes(nifti_bytes(stored))


def to_storage(array: np.ndarray, name: str) -> np.ndarray:
    """Return voxels in the type in which a file stores them; no value changes, but for rounding to float32.

    Integers of 8 and 16 bits stay as they are. Other whole numbers become int16, if all of them fit, and
    everything else float32. Truth values become uint8.

    Raises:
        InputError: a voxel is no real number, or is too large for float32.
    """
    kind = array.dtype.kind
    if kind == "b":
        return array.astype(np.uint8)
    if kind not in "iuf":
        raise InputError(f"{name}: voxels of type {array.dtype}, expected integers or real numbers")
    if kind in "iu" and array.itemsize <= 2:
        return array
    low, high = (array.min(), array.max()) if array.size else (0, 0)
    limits = np.iinfo(np.int16)
    if limits.min <= low and high <= limits.max and (kind != "f" or np.array_equal(array, np.rint(array))):
        return array.astype(np.int16)
    if max(abs(float(low)), abs(float(high))) > float(np.finfo(np.float32).max):
        raise InputError(f"{name}: voxels from {low:g} to {high:g}, too large for a file")
    return array.astype(np.float32)


def nifti_bytes(volume: Volume, *, orientation: str = "LPS", description: str = "") -> bytes:
    """Return the content of a .nii.gz file, stored along the axis codes `orientation`.

    The same volume always gives the same bytes.
    """
    image = nib.Nifti1Image(volume.array.T, RAS_TO_LPS @ volume.geometry.affine)
    image = image.as_reoriented(ornt_transform(axcodes2ornt("LPS"), axcodes2ornt(orientation)))
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description
    image.set_qform(image.affine, code=1)
    buffer = io.BytesIO()
    image.to_stream(buffer)
    return gzip.compress(buffer.getvalue(), compresslevel=1, mtime=0)
