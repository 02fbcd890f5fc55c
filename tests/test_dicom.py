"""CT series and contours: sorted, complete, in Hounsfield units, at the right place."""

import io

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, JPEG2000Lossless, JPEGLosslessSV1, RLELossless

from conftest import make_volume
from covidseg.archives.phantom.dicom import series_files
from covidseg.cases.dicom import rasterise, read_series
from covidseg.errors import InputError

SPACING = (5.0, 0.8, 0.7)


@pytest.fixture
def scan():
    values = np.random.default_rng(0).integers(-1024, 1500, (7, 6, 5), dtype=np.int16)
    return make_volume(values, spacing=SPACING)


@pytest.fixture
def files(scan, tmp_path):
    """The scan's slices, from head to foot."""
    paths = []
    for name, content in series_files(scan, patient="P1"):
        paths.append(tmp_path / name)
        paths[-1].write_bytes(content)
    return paths


def edit(path, **changes):
    content = pydicom.dcmread(path)
    for name, value in changes.items():
        setattr(content, name, value)
    content.save_as(path)


def compress(path, syntax):
    """Encode a slice's pixels: RLE by pydicom, the others by ITK, which writes a file of its own."""
    content = pydicom.dcmread(path)
    if syntax == RLELossless:
        content.compress(syntax, generate_instance_uid=False)
    else:
        writer = sitk.ImageFileWriter()
        writer.SetImageIO("GDCMImageIO")
        writer.SetFileName(str(path.with_suffix(".tmp.dcm")))
        writer.UseCompressionOn()
        writer.SetCompressor("JPEG2000" if syntax == JPEG2000Lossless else "JPEG")
        writer.Execute(sitk.GetImageFromArray(content.pixel_array))
        encoded = pydicom.dcmread(path.with_suffix(".tmp.dcm"))
        content.file_meta.TransferSyntaxUID = encoded.file_meta.TransferSyntaxUID
        content.PixelData = encoded.PixelData
        content["PixelData"].is_undefined_length = True
    content.save_as(path)


def test_slices_are_sorted_and_rescaled(scan, files):
    read = read_series(files[3:] + files[:3], "P1")
    np.testing.assert_array_equal(read.array, scan.array)
    assert read.array.dtype == np.int16
    assert read.geometry.differences(scan.geometry) == []


def test_slope_and_intercept_are_applied(scan, files):
    for path in files:
        edit(path, RescaleSlope=2, RescaleIntercept=-2048)
    np.testing.assert_array_equal(read_series(files, "P1").array, 2 * scan.array)


def test_a_missing_slice_is_refused_with_its_place(files):
    with pytest.raises(InputError, match=r"^P1: 1 slices missing between 15 and 25 mm"):
        read_series([path for path in files if path.name != "1-004.dcm"], "P1")


def test_two_missing_slices_are_counted(files):
    with pytest.raises(InputError, match="2 slices missing"):
        read_series([path for path in files if path.name not in ("1-004.dcm", "1-005.dcm")], "P1")


def test_non_uniform_spacing_is_refused(files):
    position = list(pydicom.dcmread(files[3]).ImagePositionPatient)
    edit(files[3], ImagePositionPatient=[*position[:2], position[2] + 1.5])
    with pytest.raises(InputError, match="not uniform"):
        read_series(files, "P1")


def test_a_doubled_slice_is_refused(files, tmp_path):
    copy = tmp_path / "copy.dcm"
    copy.write_bytes(files[3].read_bytes())
    with pytest.raises(InputError, match="same position"):
        read_series([*files, copy], "P1")


def test_two_series_are_refused(files):
    edit(files[0], SeriesInstanceUID="1.2.3")
    with pytest.raises(InputError, match="expected one DICOM series, found 2"):
        read_series(files, "P1")


@pytest.mark.parametrize("kept", [0, 100, 400, -20])
def test_a_truncated_slice_is_refused_by_name(files, kept):
    files[2].write_bytes(files[2].read_bytes()[:kept])
    with pytest.raises(InputError, match=r"^P1: 1-003\.dcm is truncated or not a CT slice"):
        read_series(files, "P1")


def test_one_slice_is_no_volume(files):
    with pytest.raises(InputError, match="at least 2"):
        read_series(files[:1], "P1")


def structure_set(contours: dict[str, list[list[float]]]) -> Dataset:
    content = Dataset()
    content.StructureSetROISequence, content.ROIContourSequence = [], []
    for number, (name, items) in enumerate(contours.items(), start=1):
        roi, contour = Dataset(), Dataset()
        roi.ROIName, roi.ROINumber = name, number
        contour.ReferencedROINumber, contour.ContourSequence = number, []
        for points in items:
            item = Dataset()
            item.ContourData = points
            contour.ContourSequence.append(item)
        content.StructureSetROISequence.append(roi)
        content.ROIContourSequence.append(contour)
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, content, implicit_vr=True, little_endian=True)
    buffer.seek(0)
    return pydicom.dcmread(buffer, force=True)


def rectangle(x, y, z):
    return [x[0], y[0], z, x[1], y[0], z, x[1], y[1], z, x[0], y[1], z]


def test_contours_become_voxels_and_holes_stay_holes():
    grid = make_volume(np.zeros((3, 20, 20)), spacing=(2.0, 1.0, 1.0), origin=(0, 0, 0)).geometry
    outer, inner = rectangle((1.5, 11.5), (2.5, 8.5), 2.0), rectangle((4.5, 7.5), (3.5, 5.5), 2.0)
    mask = rasterise(structure_set({"Lung": [], "GTV-1": [outer, inner]}), "GTV-1", grid, "rt").array
    expected = np.zeros((3, 20, 20), np.uint8)
    expected[1, 3:9, 2:12] = 1
    expected[1, 4:6, 5:8] = 0
    np.testing.assert_array_equal(mask, expected)


def test_unknown_region_is_refused_with_those_there():
    grid = make_volume(np.zeros((3, 5, 5))).geometry
    with pytest.raises(InputError, match=r"rt: no region 'GTV-2'; there are \['GTV-1', 'Lung'\]"):
        rasterise(structure_set({"Lung": [], "GTV-1": []}), "GTV-2", grid, "rt")


def test_a_contour_outside_the_scan_is_refused():
    grid = make_volume(np.zeros((3, 5, 5)), origin=(0, 0, 0)).geometry
    with pytest.raises(InputError, match="z = 99 mm lies outside the CT"):
        rasterise(structure_set({"GTV-1": [rectangle((0, 3), (0, 3), 99)]}), "GTV-1", grid, "rt")


@pytest.fixture
def large(tmp_path):
    """Large enough for a wavelet: 64 x 64 pixels. The volume, and its files."""
    values = np.random.default_rng(1).integers(-1024, 1500, (3, 64, 64), dtype=np.int16)
    volume, paths = make_volume(values, spacing=SPACING), []
    for name, content in series_files(volume, patient="P1"):
        paths.append(tmp_path / name)
        paths[-1].write_bytes(content)
    return volume, paths


def test_big_endian_slices_are_read(scan, files):
    for path in files:
        content = pydicom.dcmread(path)
        assert len(list(content.iterall())) > 10, "read every element: raw ones would stay little endian"
        content.PixelData = np.frombuffer(content.PixelData, "<u2").astype(">u2").tobytes()
        content.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        pydicom.dcmwrite(path, content, little_endian=False, implicit_vr=False, force_encoding=True)
    np.testing.assert_array_equal(read_series(files, "P1").array, scan.array)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLosslessSV1])
def test_compressed_slices_are_read(large, syntax):
    scan, files = large
    for path in files:
        compress(path, syntax)
        assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == syntax
    np.testing.assert_array_equal(read_series(files, "P1").array, scan.array)


def test_a_compressed_slice_that_is_cut_is_refused_by_name(files):
    for path in files:
        compress(path, RLELossless)
    files[2].write_bytes(files[2].read_bytes()[:-40])
    with pytest.raises(InputError, match=r"^P1: 1-003\.dcm is truncated or not a CT slice"):
        read_series(files, "P1")
