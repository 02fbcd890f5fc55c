"""NIfTI in every orientation, and NIfTI that is not what it says."""

import gzip
import struct
from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from conftest import make_volume, refused_in_one_line
from covidseg.cases.boxes import bounding_box
from covidseg.errors import InputError
from covidseg.volumes import nifti_bytes, parse_volume, read_volume, to_storage, write_volume

ORIENTATIONS = ["".join(code) for axes in permutations(("LR", "PA", "SI")) for code in product(*axes)]


@pytest.fixture
def volume():
    values = np.random.default_rng(0).integers(-1000, 1000, (3, 4, 5), dtype=np.int16)
    return make_volume(values)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_is_read_as_lps(volume, tmp_path, orientation):
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(nifti_bytes(volume, orientation=orientation))
    read = read_volume(path)
    np.testing.assert_array_equal(read.array, volume.array)
    assert read.array.dtype == np.int16
    assert read.geometry.differences(volume.geometry) == []
    # ITK, which has its own idea of NIfTI, agrees on where every voxel lies.
    other = sitk.DICOMOrient(sitk.ReadImage(str(path)), "LPS")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(other), volume.array)
    np.testing.assert_allclose(other.GetOrigin(), read.geometry.affine[:3, 3], atol=1e-5)


def test_write_and_read_keep_voxels_and_geometry(volume, tmp_path):
    path = tmp_path / "scan.nii.gz"
    write_volume(path, volume)
    read = read_volume(path)
    np.testing.assert_array_equal(read.array, volume.array)
    assert read.geometry.spacing == (3.0, 1.5, 1.0)
    assert [file.name for file in tmp_path.iterdir()] == ["scan.nii.gz"]


def test_the_same_volume_gives_the_same_bytes(volume):
    assert nifti_bytes(volume) == nifti_bytes(volume)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("kept", [0, 10, 120, 350, -5])
def test_truncated_files_are_refused_by_name(compressed, kept):
    content = nifti_bytes(
        make_volume(np.random.default_rng(1).integers(-999, 999, (8, 9, 10), dtype=np.int16))
    )
    content = content if compressed else gzip.decompress(content)
    with pytest.raises(InputError, match=r"^scan\.nii: truncated or not a NIfTI file"):
        parse_volume(content[:kept], "scan.nii")


def test_other_content_is_refused():
    with pytest.raises(InputError, match="not a NIfTI file"):
        parse_volume(b"<html>not found</html>" * 100, "scan.nii")


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("spacing", [0.0, -1.0, float("nan"), float("inf")])
def test_spacings_that_are_no_lengths_are_refused(volume, axis, spacing):
    content = bytearray(gzip.decompress(nifti_bytes(volume)))
    struct.pack_into("<f", content, 80 + 4 * axis, spacing)
    with pytest.raises(InputError, match=r"scan\.nii: pixdim gives a spacing of .*must be above 0"):
        parse_volume(bytes(content), "scan.nii")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_not_finite_are_refused(volume, value):
    array = volume.array.astype(np.float32)
    array[1, 2, 3] = value
    with pytest.raises(InputError, match=r"scan\.nii: voxels that are NaN or infinite: 1"):
        parse_volume(nifti_bytes(make_volume(array)), "scan.nii")


def test_four_dimensions_are_refused(volume):
    image = nib.Nifti1Image(np.zeros((2, 2, 2, 2), np.int16), np.eye(4))
    with pytest.raises(InputError, match="4 dimensions"):
        parse_volume(image.to_bytes(), "scan.nii")


def test_differences_name_both_sides(volume):
    shorter = make_volume(volume.array[:2])
    assert volume.geometry.differences(shorter.geometry) == ["shape (3, 4, 5) and (2, 4, 5)"]
    wider = make_volume(volume.array, spacing=(3.0, 1.5, 1.25))
    assert volume.geometry.differences(wider.geometry) == ["spacing (3.0, 1.5, 1.0) and (3.0, 1.5, 1.25) mm"]
    moved = make_volume(volume.array, origin=(-10.0, -20.0, 6.0))
    assert volume.geometry.differences(moved.geometry) == ["position or direction, by 1 mm"]


def test_a_file_that_unpacks_to_more_than_its_header_says_is_refused(volume):
    content = gzip.compress(gzip.decompress(nifti_bytes(volume)) + bytes(50_000_000))
    with pytest.raises(
        InputError, match=r"x\.nii\.gz: unpacks to more than the \d+ bytes that its header says"
    ):
        parse_volume(content, "x.nii.gz")


def test_a_header_of_absurd_size_is_refused(volume):
    content = bytearray(gzip.decompress(nifti_bytes(volume)))
    content[42:48] = np.array([30_000, 30_000, 30_000], "<i2").tobytes()
    with pytest.raises(
        InputError, match=r"x\.nii\.gz: 27000000000000 voxels by its header, dim \(30000, 30000, 30000\)"
    ):
        parse_volume(gzip.compress(bytes(content)), "x.nii.gz")


def test_bytes_after_the_voxels_are_borne(volume):
    content = gzip.compress(gzip.decompress(nifti_bytes(volume)) + bytes(1000))
    np.testing.assert_array_equal(parse_volume(content, "x.nii.gz").array, volume.array)


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        (np.array([-1024, 3071], np.int16), np.int16),
        (np.array([0, 65535], np.uint16), np.uint16),
        (np.array([0, 255], np.uint8), np.uint8),
        (np.array([-1024, 3071], np.int64), np.int16),
        (np.array([0, 3071], np.uint64), np.int16),
        (np.array([-1024, 40_000], np.int32), np.float32),
        (np.array([-1024.0, 3071.0]), np.int16),
        (np.array([-1024.5, 3071.0]), np.float32),
        (np.array([-1024.0, 65_536.0]), np.float32),
        (np.array([-32_769.0, 0.0]), np.float32),
        (np.array([0.5, 1.0], np.float16), np.float32),
        (np.array([False, True]), np.uint8),
    ],
)
def test_voxels_are_stored_in_the_smallest_type_that_holds_them(values, stored, tmp_path):
    """Nothing wraps around, and half a grey level is kept."""
    write_volume(tmp_path / "scan.nii.gz", make_volume(np.broadcast_to(values, (2, 3, 2))))
    read = read_volume(tmp_path / "scan.nii.gz").array
    assert read.dtype == stored
    np.testing.assert_array_equal(read[0, 0].astype(float), values.astype(float))


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.array([1j]), r"scan\.nii\.gz: voxels of type complex128, expected integers or real numbers"),
        (np.array(["a"]), "voxels of type <U1"),
        (np.zeros(1, [("R", "u1")]), "voxels of type "),
        (np.array([-1e300, 0.5]), r"scan\.nii\.gz: voxels from -1e\+300 to 0\.5, too large for a file"),
    ],
)
def test_voxels_that_no_file_can_hold_are_refused(values, match, tmp_path):
    with refused_in_one_line(match):
        write_volume(tmp_path / "scan.nii.gz", make_volume(np.broadcast_to(values, (1, 1, len(values)))))
    assert list(tmp_path.iterdir()) == []


def test_an_empty_array_has_a_type_too():
    assert to_storage(np.zeros((0, 2, 2)), "x").dtype == np.int16


def test_a_spacing_is_told_in_hundred_thousandths():
    """350 mm over 512 pixels."""
    geometry = make_volume(np.zeros((1, 2, 2)), spacing=(1.25, 0.68359375, 0.68359375)).geometry
    assert geometry.spacing == (1.25, 0.68359, 0.68359)


def test_a_file_says_where_its_voxels_lie_in_both_ways(volume):
    header = nib.Nifti1Image.from_bytes(gzip.decompress(nifti_bytes(volume))).header
    assert header["qform_code"] == 1
    assert header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(header.get_qform(), header.get_sform(), atol=1e-5)


def test_a_bounding_box_holds_every_voxel():
    mask = np.zeros((5, 6, 7), bool)
    assert bounding_box(mask) is None
    mask[1, 2, 6] = mask[3, 4, 0] = True
    assert bounding_box(mask) == np.s_[1:4, 2:5, 0:7]
