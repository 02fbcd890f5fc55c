"""NIfTI files as hosts and users write them: the header is verified before a voxel is read.

Files of NIfTI-1 and NIfTI-2, packed with gzip or not, whatever their name says.
"""

import gzip
import io
import math
import zlib
from itertools import combinations, product

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.nifti1 import Nifti1Header, Nifti1Image, data_type_codes
from nibabel.nifti2 import Nifti2Image
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from covidseg.errors import InputError

KINDS: dict[int, type[Nifti1Image]] = {348: Nifti1Image, 540: Nifti2Image}  # size of the header in bytes
NUMBERS = (2, 4, 8, 16, 64, 256, 512, 768, 1024, 1280, 1536)  # codes in datatype: no complex, no colours
LARGEST_VOXELS = 1 << 29  # 2048 slices of 512 x 512; at most 4 GiB, for nibabel scales voxels as float64
SLACK_BYTES = 1 << 20  # allowed after the voxels: some programs fill up the last block
UNITS_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # code in xyzt_units -> mm: none, metre, mm, micron
SPACINGS_MM = (0.1, 20.0)  # of any CT of a chest
LARGEST_SHEAR = 0.1  # degrees between two axes and a right angle; half a millimetre over 300 mm


def open_nifti(content: bytes, name: str) -> tuple[Nifti1Image, tuple[str, ...], tuple[str, ...]]:
    """Open a NIfTI file whose header makes sense.

    Args:
        content: bytes of the file.
        name: name of the file in messages.

    Returns:
        The image, three-dimensional and in mm; what was changed, in words; and what looks odd, in words.

    Raises:
        InputError: the file is truncated or no NIfTI file, or its header has a value that cannot be right.
    """
    try:
        if content[:2] == b"\x1f\x8b":
            content = _decompress(content, name)
        header = _read_header(content)
        _refuse_unfit(header, name)
        if len(content) < (size := _announced_bytes(header)):
            raise EOFError(f"{len(content)} of {size} bytes")
        scale, unit = _units(header)
        warnings = [*unit, *_verify_affine(header, scale, name), *_verify_scaling(header, name)]
        image = KINDS[int(header["sizeof_hdr"])].from_bytes(content)
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
    corrections = []
    if scale != 1:
        image = type(image)(image.dataobj, _in_mm(image.affine, scale), image.header)
        corrections.append(f"lengths in the header converted to mm, by a factor of {scale:g}")
    if len(image.shape) > 3:
        image = nib.squeeze_image(image)
    return image, tuple(corrections), tuple(warnings)


def corner_offset(shape: tuple[int, ...], affine: np.ndarray, other: np.ndarray) -> float:
    """Return how far apart (mm, along an axis of the patient) two affines put the same corner of a grid.

    Args:
        shape: voxels (x, y, z).
        affine, other: matrices (4, 4) from voxel indices (x, y, z) to mm.
    """
    corners = np.array([[*corner, 1] for corner in product(*((0, n - 1) for n in shape))])
    return float(np.abs(corners @ (affine - other).T).max())


def _decompress(content: bytes, name: str) -> bytes:
    """Unpack to the end, where the checksum is, but never more bytes than the header announces."""
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            head = stream.read(max(KINDS))
            header = _read_header(head)
            _refuse_unfit(header, name)
            size = _announced_bytes(header)
            unpacked = b"".join([head, stream.read(size + SLACK_BYTES - len(head))])
            if stream.read(1):
                raise InputError(f"{name}: unpacks to more than the {size} bytes that its header says")
    except gzip.BadGzipFile as error:
        raise InputError(f"{name}: the packed data are damaged, or other bytes follow ({error})") from error
    return unpacked


def _read_header(content: bytes) -> Nifti1Header:
    """Return the header as it is: nibabel itself would turn a spacing of 0 into 1."""
    sizes = [int.from_bytes(content[:4], order) for order in ("little", "big")]
    for size, kind in KINDS.items():
        if size in sizes:
            return kind.header_class(content[:size], check=False)
    raise ValueError("the first four bytes are not the size of a header, 348 or 540")


def _refuse_unfit(header: Nifti1Header, name: str) -> None:
    """Raise InputError if the file is no volume of numbers that fits into memory."""
    if header["magic"] not in (b"n+1", b"n+2\0\r\n\x1a\n", b"n+2"):
        raise InputError(
            f"{name}: magic is {bytes(header['magic'])!r}, expected b'n+1' or b'n+2'; save a pair of .hdr "
            "and .img, or an Analyze file, as one .nii"
        )
    shape = _shape(header)
    solid = shape[:3] + tuple(n for n in shape[3:] if n != 1)
    if len(solid) != 3 or min(shape) < 1:
        raise InputError(f"{name}: has {len(shape)} dimensions {shape}, expected 3, each of at least 1 voxel")
    code = int(header["datatype"])
    if code not in NUMBERS:
        raise InputError(
            f"{name}: datatype {_datatype(code)}, expected integers or real numbers, one per voxel"
        )
    if math.prod(shape) > LARGEST_VOXELS:
        raise InputError(
            f"{name}: {math.prod(shape)} voxels by its header, dim {shape}; expected at most {LARGEST_VOXELS}"
        )
    if not 0 <= header["vox_offset"] <= LARGEST_VOXELS:
        raise InputError(
            f"{name}: vox_offset is {header['vox_offset']}, expected the place of the first voxel"
        )


def _datatype(code: int) -> str:
    try:
        return f"{code} ({data_type_codes.label[code]})"
    except KeyError:
        return f"{code} (unknown)"


def _shape(header: Nifti1Header) -> tuple[int, ...]:
    return tuple(int(n) for n in header.get_data_shape())


def _announced_bytes(header: Nifti1Header) -> int:
    return header.get_data_offset() + math.prod(_shape(header)) * header.get_data_dtype().itemsize


def _units(header: Nifti1Header) -> tuple[float, list[str]]:
    """Return the mm per unit of length, and a warning if the unit is unknown."""
    code = int(header["xyzt_units"]) & 7
    if code in UNITS_MM:
        return UNITS_MM[code], []
    return 1.0, [f"xyzt_units has {code}, which is no unit of length; mm are assumed"]


def _verify_affine(header: Nifti1Header, scale: float, name: str) -> list[str]:
    """Return what is odd about position and orientation; raises InputError if they cannot be right."""
    zooms = header["pixdim"][1:4] * scale
    if not (np.isfinite(zooms).all() and (zooms > 0).all()):
        raise InputError(f"{name}: pixdim gives a spacing of {_mm(zooms)}; every axis must be above 0")
    if header["pixdim"][0] != -1:
        header["pixdim"][0] = 1  # the sign of the third axis in the qform; other values count as 1
    field = "sform" if header["sform_code"] else "qform" if header["qform_code"] else "pixdim"
    try:
        affine = _in_mm(header.get_best_affine(), scale)
    except (ValueError, HeaderDataError) as error:
        raise InputError(f"{name}: {field} is invalid ({error})") from error
    refuse_unfit_affine(affine, field, name)
    if field == "pixdim":
        return ["sform and qform are absent: the directions are assumed (LAS) and so is the position"]
    return _contradictions(header, affine, scale) if field == "sform" else []


def refuse_unfit_affine(affine: np.ndarray, field: str, name: str) -> None:
    """Raise InputError if an affine, in mm, has no three axes at right angles, or an impossible spacing.

    Args:
        affine: matrix (4, 4) from voxel indices (x, y, z) to mm.
        field: the part of the file's header that has it, for messages.
        name: name of the file in messages.
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or not affine[:3, :3].any(axis=1).all() or not spacing.all():
        rows = "; ".join(" ".join(f"{value:g}" for value in row) for row in affine[:3])
        raise InputError(f"{name}: {field} has the rows {rows}, which are no directions of three axes")
    low, high = SPACINGS_MM
    if spacing.min() < low or spacing.max() > high:
        raise InputError(
            f"{name}: {field} gives a spacing of {_mm(spacing)}, expected {low:g} to {high:g} mm; correct "
            "the spacing or its unit (xyzt_units)"
        )
    axes = affine[:3, :3] / spacing
    for one, other in combinations(range(3), 2):
        angle = float(np.degrees(np.arccos(np.clip(axes[:, one] @ axes[:, other], -1, 1))))
        if abs(angle - 90) > LARGEST_SHEAR:
            raise InputError(
                f"{name}: {field} has axes {'ijk'[one]} and {'ijk'[other]} at {angle:.4g} degrees, expected "
                "90; resample the volume to a grid with right angles"
            )


def _contradictions(header: Nifti1Header, affine: np.ndarray, scale: float) -> list[str]:
    """Return what the header says otherwise than its sform."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not header["qform_code"]:
        zooms = header["pixdim"][1:4] * scale
        if np.allclose(zooms, spacing, rtol=1e-3):
            return []
        return [f"pixdim says {_mm(zooms)} and sform {_mm(spacing)}; sform counts"]
    try:
        qform = _in_mm(header.get_qform(), scale)
    except (ValueError, HeaderDataError) as error:
        return [f"qform is invalid ({error}); sform counts"]
    offset = corner_offset(header.get_data_shape()[:3], affine, qform)
    if offset <= 0.1 * spacing.min():
        return []
    return [f"sform and qform put a corner {offset:.3g} mm apart; sform counts"]


def _verify_scaling(header: Nifti1Header, name: str) -> list[str]:
    """Return which part of the scaling nibabel ignores; raises InputError if there is no knowing it."""
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if math.isinf(slope):
        return [f"scl_slope is {slope}; the voxels are taken as they are stored"]
    if math.isnan(slope) or slope == 0:
        ignored = math.isfinite(inter) and inter != 0
        return [f"scl_inter {inter:g} is ignored, because scl_slope is {slope:g}"] if ignored else []
    if not math.isfinite(inter):
        raise InputError(f"{name}: scl_inter is {inter} beside a scl_slope of {slope:g}, expected a number")
    return []


def _in_mm(affine: np.ndarray, scale: float) -> np.ndarray:
    return np.vstack([affine[:3] * scale, affine[3:]])


def _mm(spacing: np.ndarray) -> str:
    return " x ".join(f"{mm:g}" for mm in spacing) + " mm"
