"""Stored values of DICOM images become Hounsfield units: in any encoding, and never wrapped around."""

import base64

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from conftest import refused_in_one_line
from covidseg.cases import dicom_files
from covidseg.cases.dicom import read_series
from dicom_edits import compress, edit, parse, random_scan, series, store, to_bytes

UNSIGNED, SIGNED = 0, 1


@pytest.fixture
def scan():
    return random_scan((3, 6, 5))


@pytest.fixture
def files(scan):
    return series(scan)


def itk_values(content, folder):
    (folder / "oracle.dcm").write_bytes(content)
    return sitk.GetArrayFromImage(sitk.ReadImage(folder / "oracle.dcm"))[0]


def test_slope_and_intercept_are_applied(scan, files):
    edit(files, RescaleSlope=2, RescaleIntercept=-2048)
    np.testing.assert_array_equal(read_series(files, "P1").array, 2 * scan.array)


def test_slope_and_intercept_may_differ_by_slice(scan, files):
    edit(files, "1-001.dcm", RescaleSlope=0.5, RescaleIntercept=-512)
    read = read_series(files, "P1").array
    np.testing.assert_array_equal(read[:2], scan.array[:2])
    np.testing.assert_array_equal(read[2], np.rint(scan.array[2] / 2))


def test_monochrome1_changes_no_value(scan, files):
    """It says that low values are displayed white (DICOM PS3.3, C.7.6.3.1.2); the values are HU all the same."""
    edit(files, PhotometricInterpretation="MONOCHROME1")
    read = read_series(files, "P1")
    np.testing.assert_array_equal(read.array, scan.array)
    told = "MONOCHROME1, which concerns the display only: values taken as they are stored (3 of 3 slices)"
    assert read.warnings == (told,)


def test_another_rescale_type_is_a_warning(files):
    edit(files, "1-002.dcm", RescaleType="US")
    assert read_series(files, "P1").warnings == ("RescaleType is US, expected HU (1 of 3 slices)",)


@pytest.mark.parametrize(
    ("dtype", "stored", "intercept", "hu"),
    [
        ("<i2", [-32000, 0, 100], 0, [-32000, 0, 100]),
        ("<u2", [0, 1024, 33791], -1024, [-1024, 0, 32767]),
        ("<i2", [-32768, 1024, 4095], -1024, [-32768, 0, 3071]),  # clipped: -33792 HU
    ],
)
def test_values_at_the_ends_of_16_bits(files, dtype, stored, intercept, hu):
    store(
        files, np.array([stored], dtype),
        PixelRepresentation=int(dtype == "<i2"), RescaleIntercept=intercept,
    )  # fmt: skip
    read = read_series(files, "P1")
    np.testing.assert_array_equal(read.array[0], [hu])
    clipped = ("values below -32768 HU set to -32768 HU (3 of 3 slices)",)
    assert read.corrections == (clipped if stored[0] == -32768 else ())


@pytest.mark.parametrize("stored", [33792, 64536, 65535])
def test_values_above_16_bits_are_refused(files, stored):
    """64536 is -1000 under the wrong PixelRepresentation."""
    store(files, np.array([[0, 1024, stored]], "<u2"))
    message = (
        rf"^P1:1-001\.dcm: values up to {stored - 1024} HU, expected at most 32767; PixelRepresentation \(0\)"
    )
    with refused_in_one_line(message):
        read_series(files, "P1")


@pytest.mark.parametrize(("dtype", "padding"), [("<u2", 63536), ("<u2", 65535), ("<i2", -32768)])
def test_padding_beyond_16_bits_becomes_air(files, dtype, padding):
    vr, sign = ("US", UNSIGNED) if dtype == "<u2" else ("SS", SIGNED)
    store(files, np.array([[padding, 1024, 24]], dtype), PixelRepresentation=sign)
    for name in files:
        content = parse(files[name])
        content.add_new("PixelPaddingValue", vr, padding)
        files[name] = to_bytes(content)
    read = read_series(files, "P1")
    np.testing.assert_array_equal(read.array[0], [[-1024, 0, -1000]])
    assert read.corrections == ("padding beyond the range of 16 bits set to -1024 HU (3 of 3 slices)",)


def test_padding_within_16_bits_stays_as_other_readers_leave_it(files):
    store(files, np.array([[-2000, 1024]], "<i2"), PixelRepresentation=SIGNED)
    for name in files:
        content = parse(files[name])
        content.add_new("PixelPaddingValue", "SS", -2000)
        files[name] = to_bytes(content)
    np.testing.assert_array_equal(read_series(files, "P1").array[0], [[-3024, 0]])


@pytest.mark.parametrize(
    ("dtype", "padding", "limit", "stored", "hu"),
    [
        ("<u2", 65535, 30000, [65535, 33792, 33791, 30000, 1024], [-1024, -1024, 32767, 28976, 0]),
        ("<i2", -32768, -10000, [-32768, -31745, -31744, -20000, 1024], [-1024, -1024, -32768, -21024, 0]),
    ],
)
def test_only_padding_beyond_16_bits_becomes_air(files, dtype, padding, limit, stored, hu):
    """The range of the padding goes on within 16 bits; intercept -1024."""
    vr, sign = ("US", UNSIGNED) if dtype == "<u2" else ("SS", SIGNED)
    store(files, np.array([stored], dtype), PixelRepresentation=sign)
    for name in files:
        content = parse(files[name])
        content.add_new("PixelPaddingValue", vr, padding)
        content.add_new("PixelPaddingRangeLimit", vr, limit)
        files[name] = to_bytes(content)
    read = read_series(files, "P1")
    np.testing.assert_array_equal(read.array[0], [hu])
    assert read.corrections == ("padding beyond the range of 16 bits set to -1024 HU (3 of 3 slices)",)


@pytest.mark.filterwarnings("ignore")
def test_a_few_bytes_after_the_pixels_are_borne(scan, files):
    """Fewer than a row of five pixels, 10 bytes."""
    for name in files:
        content = parse(files[name])
        content.PixelData += bytes(8)
        files[name] = to_bytes(content)
    np.testing.assert_array_equal(read_series(files, "P1").array, scan.array)


def test_an_odd_number_of_bytes_is_filled_up(files):
    """DICOM stores an even number of bytes: five pixels of one byte, and a byte more, longer than a row."""
    store(files, np.array([[0], [1], [2], [3], [255]], "<u1"), BitsAllocated=8, BitsStored=8, HighBit=7)
    for name in files:
        content = parse(files[name])
        content.PixelData = content.PixelData[:5] + bytes(1)
        files[name] = to_bytes(content)
    np.testing.assert_array_equal(read_series(files, "P1").array[0, :, 0], [-1024, -1023, -1022, -1021, -769])


@settings(max_examples=30, deadline=None)
@given(
    stored=st.lists(st.integers(0, 65535), min_size=4, max_size=4),
    signed=st.booleans(),
    bits=st.sampled_from([12, 14, 16]),
    slope=st.sampled_from([0.25, 1, 1.5]),
    intercept=st.sampled_from([-8192, -1024, 0, 1000.5]),
)
def test_stored_values_are_read_as_by_itk(tmp_path_factory, stored, signed, bits, slope, intercept):
    """All bits, signs and factors: the values of ITK, clipped, or a refusal above 32767 HU."""
    files = series(random_scan((2, 2, 2)))
    store(
        files, np.array(stored, "<u2").reshape(2, 2), PixelRepresentation=int(signed), BitsStored=bits,
        HighBit=bits - 1, RescaleSlope=slope, RescaleIntercept=intercept,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("oracle", numbered=True)
    expected = np.rint(itk_values(files["1-001.dcm"], folder).astype(float))
    if expected.max() > 32767:
        with refused_in_one_line("expected at most 32767"):
            read_series(files, "P1")
    else:
        np.testing.assert_array_equal(read_series(files, "P1").array[0], np.maximum(expected, -32768))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"PhotometricInterpretation": "PALETTE COLOR"},
            "1 samples per pixel, PALETTE COLOR; expected 1, MONOCHROME2",
        ),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "3 samples per pixel, RGB; expected 1"),
        (
            {"BitsAllocated": 12},
            "BitsAllocated, BitsStored, HighBit and PixelRepresentation are 12, 16, 15, 0",
        ),
        ({"BitsStored": 12}, ".*are 16, 12, 15, 0; expected for example 16, 12, 11 and 0"),
        ({"BitsAllocated": 12, "BitsStored": 12, "HighBit": 11}, ".*are 12, 12, 11, 0; expected"),
        ({"BitsStored": 17, "HighBit": 16}, ".*are 16, 17, 16, 0; expected"),
        ({"PixelRepresentation": 2}, ".*are 16, 16, 15, 2; expected"),
        ({"Rows": 5}, "60 bytes of pixels, expected 50 by its Rows, Columns"),
        ({"Rows": 7}, r"truncated or not a CT slice \(60 of 70 bytes of pixels\)"),
    ],
)
def test_an_unfit_encoding_is_refused_by_name(files, changes, message):
    edit(files, "1-002.dcm", **changes)
    with refused_in_one_line(rf"^P1:1-002\.dcm: {message}"):
        read_series(files, "P1")


def test_bits_of_8_and_32_are_read(files):
    small, large = series(random_scan((2, 6, 5))), series(random_scan((2, 6, 5)))
    store(small, np.array([[0, 255]], "<u1"), BitsAllocated=8, BitsStored=8, HighBit=7)
    store(large, np.array([[0, 4095]], "<u4"), BitsAllocated=32, BitsStored=32, HighBit=31)
    np.testing.assert_array_equal(read_series(small, "P1").array[0], [[-1024, -769]])
    np.testing.assert_array_equal(read_series(large, "P1").array[0], [[-1024, 3071]])


def test_big_endian_slices_are_read(scan, files):
    for name in files:
        content = parse(files[name])
        assert len(list(content.iterall())) > 10, "read every element: raw ones would stay little endian"
        content.PixelData = np.frombuffer(content.PixelData, "<u2").astype(">u2").tobytes()
        content.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        buffer = pydicom.filebase.DicomBytesIO()
        pydicom.dcmwrite(buffer, content, little_endian=False, implicit_vr=False, force_encoding=True)
        files[name] = buffer.getvalue()
    np.testing.assert_array_equal(read_series(files, "P1").array, scan.array)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_other_native_encodings_are_read(scan, files, syntax):
    for name in files:
        content = parse(files[name])
        assert len(list(content.iterall())) > 10
        content.file_meta.TransferSyntaxUID = syntax
        files[name] = to_bytes(content)
    np.testing.assert_array_equal(read_series(files, "P1").array, scan.array)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLosslessSV1])
def test_compressed_slices_are_read(tmp_path, syntax):
    scan = random_scan((3, 64, 64))  # large enough for a wavelet
    files = {name: compress(content, syntax, tmp_path) for name, content in series(scan).items()}
    assert parse(files["1-001.dcm"]).file_meta.TransferSyntaxUID == syntax
    read = read_series(files, "P1")
    np.testing.assert_array_equal(read.array, scan.array)


def test_a_jpeg_ls_slice_is_read(files):
    """The stream was made by CharLS (package pyjpegls) from the values below."""
    stream = (
        "/9j/9wALDAAIAAgBAREA/9oACAEBAAAAAJJSUlHRUNBAFBKSEZEQkBKAFD989eO3RIKdy4btipQjFMTJESD75EKV511xxwhFI220000Q"
        "CjZZZZYYfv/Z"
    )
    for name in files:
        content = parse(files[name])
        content.Rows, content.Columns, content.BitsStored, content.HighBit = 8, 8, 12, 11
        content.PixelData = pydicom.encaps.encapsulate([base64.b64decode(stream)])
        content["PixelData"].is_undefined_length = True
        content.file_meta.TransferSyntaxUID = JPEGLSLossless
        files[name] = to_bytes(content)
    expected = np.arange(64).reshape(8, 8) * 37 % 2500 - 1024
    np.testing.assert_array_equal(read_series(files, "P1").array[0], expected)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLosslessSV1])
def test_monochrome1_changes_no_value_of_a_compressed_slice(tmp_path, syntax):
    scan = random_scan((3, 64, 64))
    files = {name: compress(content, syntax, tmp_path) for name, content in series(scan).items()}
    edit(files, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(read_series(files, "P1").array, scan.array)


@pytest.mark.filterwarnings("ignore:End of file reached")
def test_a_compressed_slice_that_is_cut_is_refused_by_name(tmp_path, files):
    files = {name: compress(content, RLELossless, tmp_path) for name, content in files.items()}
    files["1-003.dcm"] = files["1-003.dcm"][:-40]
    with refused_in_one_line(r"^P1:1-003\.dcm: truncated or not a CT slice"):
        read_series(files, "P1")


def test_pixels_that_are_not_what_the_transfer_syntax_says_are_refused(tmp_path, files):
    files = {name: compress(content, RLELossless, tmp_path) for name, content in files.items()}
    content = parse(files["1-003.dcm"])
    content.file_meta.TransferSyntaxUID = JPEG2000Lossless
    files["1-003.dcm"] = to_bytes(content)
    with refused_in_one_line(
        r"^P1:1-003\.dcm: pixels encoded as JPEG 2000 .* are damaged, or of an unknown encoding"
    ):
        read_series(files, "P1")


@pytest.mark.parametrize(
    ("syntax", "message"),
    [
        (HTJ2KLossless, "pixels encoded as High-Throughput JPEG 2000 .* are damaged"),
        (pydicom.uid.UID("1.2.3.4"), r"unknown transfer syntax 1\.2\.3\.4"),
    ],
)
def test_an_unknown_encoding_is_named(tmp_path, files, syntax, message):
    content = parse(compress(files["1-003.dcm"], RLELossless, tmp_path))
    content.file_meta.TransferSyntaxUID = syntax
    buffer = pydicom.filebase.DicomBytesIO()
    content.save_as(buffer, implicit_vr=False, little_endian=True)
    files["1-003.dcm"] = buffer.getvalue()
    with refused_in_one_line(rf"^P1:1-003\.dcm: {message}"):
        read_series(files, "P1")


def test_a_small_file_that_would_fill_the_memory_is_refused(tmp_path, files):
    content = parse(compress(files["1-003.dcm"], RLELossless, tmp_path))
    content.Rows, content.Columns, content.NumberOfFrames = 4096, 4096, 100
    files["1-003.dcm"] = to_bytes(content)
    message = r"^P1:1-003\.dcm: 3355443200 bytes of pixels by its header, expected at most 1073741824$"
    with refused_in_one_line(message):
        read_series(files, "P1")


def test_a_deflated_file_that_would_fill_the_memory_is_refused(files, monkeypatch):
    monkeypatch.setattr(dicom_files, "LARGEST_BYTES", 1000)
    content = parse(files["1-003.dcm"])
    content.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    content.ImageComments = "x" * 10000
    files["1-003.dcm"] = to_bytes(content)
    with refused_in_one_line(
        r"^P1:1-003\.dcm: truncated or not a CT slice \(unpacks to more than 1000 bytes\)$"
    ):
        read_series(files, "P1")


def test_an_absurd_matrix_is_refused(files):
    edit(files, "1-003.dcm", Rows=65535)
    with refused_in_one_line(r"^P1:1-003\.dcm: 65535 rows and 5 columns, expected at most 4096$"):
        read_series(files, "P1")
