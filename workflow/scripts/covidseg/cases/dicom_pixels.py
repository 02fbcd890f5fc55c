"""Decode the pixels of DICOM images, and turn stored values into Hounsfield units."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom import Dataset
from pydicom.uid import CTImageStorage, RLELossless

from covidseg.cases.dicom_files import LARGEST_BYTES, element, numbers, one_line
from covidseg.errors import InputError

AIR = -1024  # HU, of what lies outside the scanner's field of view
LARGEST_MATRIX = 4096  # rows or columns
PADDED = f"padding beyond the range of 16 bits set to {AIR} HU"
CLIPPED = "values below -32768 HU set to -32768 HU"
DISPLAY = "MONOCHROME1, which concerns the display only: values taken as they are stored"
ENCODING = (
    *("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored"),
    *("HighBit", "PixelRepresentation", "NumberOfFrames", "PixelData"),
)


@dataclass(frozen=True)
class Hounsfield:
    """A slice in HU.

    Attributes:
        array: int16 (y, x).
        corrections: what was changed, in words.
        warnings: what looks odd and was left as it is, in words.
    """

    array: np.ndarray
    corrections: tuple[str, ...]
    warnings: tuple[str, ...]


def stored_values(content: Dataset, name: str) -> np.ndarray:
    """Decode the pixels of a file.

    Args:
        content: the file.
        name: name of the file in messages.

    Returns:
        The values as they are stored, without rescale slope and intercept: (frames, y, x).

    Raises:
        InputError: the pixels are absent, truncated or in colour, or the transfer syntax is absent or
            unknown.
    """
    for keyword in ENCODING:
        if keyword not in ("NumberOfFrames", "PixelData"):
            element(content, keyword, name)
    if content.get("PixelData") is None:
        raise InputError(f"{name}: no PixelData")
    if max(content.Rows, content.Columns) > LARGEST_MATRIX:
        raise InputError(
            f"{name}: {content.Rows} rows and {content.Columns} columns, expected at most {LARGEST_MATRIX}"
        )
    _refuse_unfit_encoding(content, name)
    syntax = pydicom.uid.UID(element(content.file_meta, "TransferSyntaxUID", name))
    if not syntax.is_transfer_syntax:
        raise InputError(f"{name}: unknown transfer syntax {one_line(syntax)}")
    frames = int(content.get("NumberOfFrames") or 1)
    shape = (frames, content.Rows, content.Columns)
    size = frames * content.Rows * content.Columns * content.BitsAllocated // 8
    if not syntax.is_encapsulated:
        _refuse_wrong_size(len(content.PixelData), size, content, name)
    elif size > LARGEST_BYTES:
        raise InputError(f"{name}: {size} bytes of pixels by its header, expected at most {LARGEST_BYTES}")
    if syntax.is_encapsulated and syntax != RLELossless:
        return _decode_with_itk(content, name).reshape(shape)
    return content.pixel_array.reshape(shape)


def _refuse_unfit_encoding(content: Dataset, name: str) -> None:
    interpretation = one_line(content.PhotometricInterpretation)
    if content.SamplesPerPixel != 1 or interpretation not in ("MONOCHROME1", "MONOCHROME2"):
        raise InputError(
            f"{name}: {content.SamplesPerPixel} samples per pixel, {interpretation}; expected 1, MONOCHROME2"
        )
    bits = content.BitsAllocated, content.BitsStored, content.HighBit, content.PixelRepresentation
    allocated, stored, high, sign = bits
    if (
        allocated not in (8, 16, 32)
        or not 0 < stored <= allocated
        or high != stored - 1
        or sign not in (0, 1)
    ):
        raise InputError(
            f"{name}: BitsAllocated, BitsStored, HighBit and PixelRepresentation are "
            f"{', '.join(map(str, bits))}; expected for example 16, 12, 11 and 0"
        )


def _refuse_wrong_size(found: int, expected: int, content: Dataset, name: str) -> None:
    """Refuse pixels that do not fit rows and columns. Some programs add a few bytes at the end."""
    if found < expected:
        raise InputError(f"{name}: truncated or not a CT slice ({found} of {expected} bytes of pixels)")
    if found - expected >= max(2, content.Columns * content.BitsAllocated // 8):
        raise InputError(
            f"{name}: {found} bytes of pixels, expected {expected} by its Rows, Columns, BitsAllocated "
            "and number of frames"
        )


def _decode_with_itk(content: Dataset, name: str) -> np.ndarray:
    """Decode JPEG, JPEG-LS and JPEG 2000. The file for ITK has pixels only: ITK would rescale them, too."""
    pixels = Dataset()
    pixels.SOPClassUID, pixels.SOPInstanceUID = CTImageStorage, "1.2.3"
    for keyword in ENCODING:
        if keyword in content:
            pixels[keyword] = content[keyword]
    pixels.PhotometricInterpretation = "MONOCHROME2"
    pixels.file_meta = pydicom.dataset.FileMetaDataset()
    pixels.file_meta.TransferSyntaxUID = syntax = content.file_meta.TransferSyntaxUID
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pixels.dcm")
        pixels.save_as(path, enforce_file_format=True)
        try:
            return sitk.GetArrayFromImage(sitk.ReadImage(path, imageIO="GDCMImageIO"))
        except RuntimeError as error:
            raise InputError(
                f"{name}: pixels encoded as {syntax.name} are damaged, or of an unknown encoding"
            ) from error


def to_hounsfield(stored: np.ndarray, header: Dataset, name: str) -> Hounsfield:
    """Apply rescale slope and intercept, and round. Values beyond 16 bits never wrap around.

    The photometric interpretation says how to display a slice. It changes no value: DICOM PS3.3,
    C.7.6.3.1.2.

    Args:
        stored: values of one slice (y, x).
        header: elements of the slice.
        name: name of the file in messages.

    Raises:
        InputError: slope or intercept is absent, or values lie above 32767 HU.
    """
    intercept, slope = (
        float(numbers(header, key, 1, name)[0]) for key in ("RescaleIntercept", "RescaleSlope")
    )
    if slope == 0:
        raise InputError(f"{name}: RescaleSlope is 0")
    corrections, warnings = [], []
    if header.get("RescaleType", "HU") not in ("HU", ""):
        warnings.append(f"RescaleType is {one_line(header.RescaleType)}, expected HU")
    if header.PhotometricInterpretation == "MONOCHROME1":
        warnings.append(DISPLAY)
    hu = _rescale(stored, slope, intercept)
    if hu.min() < -32768 or hu.max() > 32767:
        padding = _is_padding(stored, header) & (np.abs(hu + 0.5) > 32768)
        hu[padding] = AIR
        corrections += [PADDED] * bool(padding.any())
        if hu.max() > 32767:
            raise InputError(
                f"{name}: values up to {hu.max():g} HU, expected at most 32767; PixelRepresentation "
                f"({header.PixelRepresentation}), RescaleSlope or RescaleIntercept is wrong"
            )
        corrections += [CLIPPED] * bool(hu.min() < -32768)
        hu = np.maximum(hu, -32768)
    return Hounsfield(hu.astype(np.int16), tuple(corrections), tuple(warnings))


def _rescale(stored: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """Return whole numbers in 64 bits. Slope and intercept are usually whole, which is four times as fast."""
    if slope.is_integer() and intercept.is_integer() and max(abs(slope), abs(intercept)) < 2**31:
        return stored.astype(np.int64) * int(slope) + int(intercept)
    return np.rint(stored * np.float64(slope) + intercept)


def _is_padding(stored: np.ndarray, header: Dataset) -> np.ndarray:
    """Return where the stored values lie in the range of the padding."""
    if "PixelPaddingValue" not in header:
        return np.zeros(stored.shape, bool)
    first = header.PixelPaddingValue
    last = header.get("PixelPaddingRangeLimit", first)
    return (stored >= min(first, last)) & (stored <= max(first, last))
