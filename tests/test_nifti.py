"""The headers of NIfTI files as hosts and users write them: the right value, or one line."""

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from conftest import make_volume, refused_in_one_line
from covidseg.nifti import LARGEST_VOXELS
from covidseg.volumes import nifti_bytes, parse_volume

VALUES = np.random.default_rng(0).integers(-1000, 1000, (3, 4, 5), dtype=np.int16)
LPS = np.diag([-1.0, -1.5, 3.0, 1.0])  # of the values' axes (x, y, z) in nibabel's RAS


def nifti(array=VALUES, affine=LPS, kind=nib.Nifti1Image, **fields):
    """The bytes of a .nii, with fields of its header set by name."""
    image = kind(array.T, affine, dtype=array.dtype)
    content = bytearray(image.to_bytes())
    header = kind.header_class(content[: 348 if kind is nib.Nifti1Image else 540], check=False)
    for field, value in fields.items():
        header[field] = value
    content[: len(header.binaryblock)] = header.binaryblock
    return bytes(content)


def read(content):
    return parse_volume(content, "scan.nii")


def raw(content, place, code, value):
    """The bytes with one number written over."""
    changed = bytearray(content)
    struct.pack_into(code, changed, place, value)
    return bytes(changed)


def test_a_plain_file_has_nothing_to_tell():
    volume = read(nifti())
    assert (volume.corrections, volume.warnings, volume.stored) == ((), (), "LPS")
    np.testing.assert_array_equal(volume.array, VALUES)


@pytest.mark.parametrize(("unit", "scale"), [("meter", 1000), ("micron", 0.001), ("mm", 1), ("unknown", 1)])
@pytest.mark.parametrize("forms", [("sform",), ("qform",), ("sform", "qform")])
def test_lengths_in_another_unit_become_mm(unit, scale, forms):
    affine = LPS.copy()
    affine[:3, 3] = 10, -20, 30
    image = nib.Nifti1Image(VALUES.T, np.diag([1 / scale, 1 / scale, 1 / scale, 1]) @ affine)
    image.header.set_xyzt_units(unit)
    for form in {"sform", "qform"} - set(forms):
        image.header[f"{form}_code"] = 0
    for form in forms:
        image.header[f"{form}_code"] = 1
    if "qform" in forms:
        image.header.set_qform(image.affine, code=1)
    volume = read(image.to_bytes())
    assert volume.geometry.spacing == (3.0, 1.5, 1.0)
    np.testing.assert_allclose(volume.geometry.affine[:3, 3], [-10, 20, 30], rtol=1e-5)
    np.testing.assert_array_equal(volume.array, VALUES)
    told = () if scale == 1 else (f"lengths in the header converted to mm, by a factor of {scale:g}",)
    assert (volume.corrections, volume.warnings) == (told, ())


def test_a_unit_that_is_no_length_is_told_of():
    (warning,) = read(nifti(xyzt_units=5)).warnings
    assert warning == "xyzt_units has 5, which is no unit of length; mm are assumed"


@pytest.mark.parametrize(
    ("spacing", "fits"), [(0.1, True), (20, True), (0.09, False), (21, False), (0.0007, False)]
)
def test_spacings_that_no_ct_of_a_chest_has_are_refused(spacing, fits):
    content = nifti(affine=np.diag([-1.0, -spacing, 3.0, 1.0]))
    if fits:
        assert read(content).geometry.spacing == (3.0, spacing, 1.0)
        return
    with refused_in_one_line(
        rf"^scan\.nii: sform gives a spacing of 1 x {spacing} x 3 mm, expected 0\.1 to 20 mm.*\(xyzt_units\)$"
    ):
        read(content)


def test_a_unit_that_belies_its_lengths_is_refused():
    """Spacings in mm behind a header that says metre, as some programs write."""
    with refused_in_one_line("spacing of 1000 x 1500 x 3000 mm, expected 0.1 to 20 mm; .*xyzt_units"):
        read(nifti(xyzt_units=1))


def test_the_sform_counts_and_a_qform_that_says_otherwise_is_told_of():
    image = nib.Nifti1Image(VALUES.T, LPS)
    image.header.set_sform(LPS, code=1)
    image.header.set_qform(np.diag([-1.0, 1.5, 3.0, 1.0]), code=1)
    content = image.to_bytes()
    volume = read(content)
    assert volume.stored == "LPS"
    assert volume.warnings == ("sform and qform put a corner 9 mm apart; sform counts",)
    np.testing.assert_array_equal(volume.array, VALUES)
    image.header.set_qform(LPS + np.diag([0, 0, 0.01, 0]), code=1)
    assert read(image.to_bytes()).warnings == (), "within a tenth of a voxel"


def test_pixdim_that_contradicts_the_sform_is_told_of():
    content = raw(nifti(qform_code=0), 80 + 8, "<f", 5.0)
    volume = read(content)
    assert volume.warnings == ("pixdim says 1 x 1.5 x 5 mm and sform 1 x 1.5 x 3 mm; sform counts",)
    assert volume.geometry.spacing == (3.0, 1.5, 1.0)


def test_an_impossible_quaternion_matters_where_the_qform_counts():
    impossible = {"quatern_b": 1.0, "quatern_c": 1.0, "quatern_d": 1.0, "qform_code": 1}
    (warning,) = read(nifti(**impossible)).warnings
    assert warning.startswith("qform is invalid")
    with refused_in_one_line(r"^scan\.nii: qform is invalid"):
        read(nifti(**impossible, sform_code=0))


def test_a_file_without_orientation_is_read_with_a_warning():
    volume = read(nifti(sform_code=0, qform_code=0))
    assert volume.warnings == (
        "sform and qform are absent: the directions are assumed (LAS) and so is the position",
    )
    assert (volume.stored, volume.geometry.spacing) == ("LAS", (3.0, 1.5, 1.0))
    np.testing.assert_array_equal(volume.array, VALUES[:, ::-1])


@pytest.mark.parametrize("row", ["x", "y", "z"])
def test_an_sform_with_zero_rows_is_refused(row):
    with refused_in_one_line(r"^scan\.nii: sform has the rows .*0 0 0 0.*no directions of three axes$"):
        read(nifti(**{f"srow_{row}": np.zeros(4)}))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_sform_that_is_not_finite_is_refused(value):
    with refused_in_one_line(r"^scan\.nii: sform has the rows "):
        read(nifti(srow_y=np.array([0, 1.5, 0, value])))


def test_an_sform_without_volume_is_refused():
    """Two axes that run the same way."""
    flat = np.array([[1.0, 1.0, 0, 0], [1.0, 1.0, 1.0, 0], [1.0, 1.0, 2.0, 0], [0, 0, 0, 1]])
    with refused_in_one_line(r"sform has axes i and j at 0 degrees"):
        read(nifti(srow_x=flat[0], srow_y=flat[1], srow_z=flat[2]))


def test_a_sheared_grid_is_refused():
    """A gantry tilt of 16.5 degrees, written into the sform."""
    sheared = LPS.copy()
    sheared[1, 2] = 3 * np.tan(np.radians(16.5))
    with refused_in_one_line(
        r"^scan\.nii: sform has axes j and k at 106\.5 degrees, expected 90; resample .*right angles$"
    ):
        read(nifti(srow_x=sheared[0], srow_y=sheared[1], srow_z=sheared[2]))


@pytest.mark.parametrize("degrees", [10, 30])
def test_an_oblique_grid_is_read_where_itk_reads_it(degrees, tmp_path):
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turned = np.array([[1, 0, 0, 5], [0, cos, -sin, 6], [0, sin, cos, 7], [0, 0, 0, 1]]) @ LPS
    content = nifti(affine=turned)
    path = tmp_path / "scan.nii"
    path.write_bytes(content)
    other, volume = sitk.ReadImage(str(path)), read(content)
    corner = other.TransformIndexToPhysicalPoint([4, 3, 2])
    np.testing.assert_allclose((volume.geometry.affine @ [4, 3, 2, 1])[:3], corner, atol=1e-4)


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_a_scaling_that_is_none_is_no_scaling(value):
    volume = read(nifti(scl_slope=value, scl_inter=value))
    np.testing.assert_array_equal(volume.array, VALUES)
    assert volume.warnings == ()


def test_a_scaling_is_applied():
    volume = read(nifti(scl_slope=2, scl_inter=-1024))
    np.testing.assert_array_equal(volume.array, 2.0 * VALUES - 1024)


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        ({"scl_slope": np.inf}, "scl_slope is inf; the voxels are taken as they are stored"),
        ({"scl_slope": 0, "scl_inter": -1024}, "scl_inter -1024 is ignored, because scl_slope is 0"),
        ({"scl_slope": np.nan, "scl_inter": 5}, "scl_inter 5 is ignored, because scl_slope is nan"),
    ],
)
def test_a_scaling_that_is_ignored_is_told_of(fields, warning):
    volume = read(nifti(**fields))
    assert volume.warnings == (warning,)
    np.testing.assert_array_equal(volume.array, VALUES)


def test_a_scaling_without_offset_is_refused():
    with refused_in_one_line(r"^scan\.nii: scl_inter is nan beside a scl_slope of 1, expected a number$"):
        read(nifti(scl_slope=1, scl_inter=np.nan))


def test_nifti_2_is_read():
    volume = read(nifti(kind=nib.Nifti2Image))
    np.testing.assert_array_equal(volume.array, VALUES)
    assert volume.geometry.spacing == (3.0, 1.5, 1.0)
    np.testing.assert_array_equal(read(gzip.compress(nifti(kind=nib.Nifti2Image))).array, VALUES)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_big_endian_voxels_are_read_in_the_machine_s_order(kind):
    header = kind.header_class(endianness=">")
    header.set_data_dtype(np.int16)
    volume = read(kind(VALUES.T, LPS, header).to_bytes())
    np.testing.assert_array_equal(volume.array, VALUES)
    assert volume.array.dtype == np.int16
    assert volume.array.dtype.isnative


def test_header_extensions_are_passed_over():
    image = nib.Nifti1Image(VALUES.T, LPS)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"any text" * 9))
    np.testing.assert_array_equal(read(image.to_bytes()).array, VALUES)


@pytest.mark.parametrize("magic", [b"ni1", b"", b"ni2"])
def test_the_header_of_a_pair_or_of_analyze_is_named_as_such(magic):
    with refused_in_one_line(
        r"^scan\.nii: magic is .*expected b'n\+1' or b'n\+2'; save a pair .* one \.nii$"
    ):
        read(nifti(magic=magic))
    with refused_in_one_line("magic is "):
        read(nifti(magic=magic)[:348])


@pytest.mark.parametrize(
    ("code", "text"),
    [(128, r"128 \(RGB\)"), (2304, r"2304 \(RGBA\)"), (32, r"32 \(complex64\)"), (1, "1 "), (999, r"999 \(unknown\)")],
)  # fmt: skip
def test_voxels_that_are_no_numbers_are_refused(code, text):
    with refused_in_one_line(
        rf"^scan\.nii: datatype {text}.*expected integers or real numbers, one per voxel"
    ):
        read(nifti(datatype=code))


def test_colours_written_by_nibabel_are_refused():
    colours = np.zeros((5, 4, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    with refused_in_one_line(r"datatype 128 \(RGB\)"):
        read(nib.Nifti1Image(colours, LPS).to_bytes())


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int8, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float32, np.float64]
)
def test_every_type_of_number_is_read(dtype):
    values = np.abs(VALUES // 10).astype(dtype)
    np.testing.assert_array_equal(read(nifti(values)).array, values)


@pytest.mark.parametrize("more", [(1,), (1, 1), (1, 1, 1, 1)])
def test_further_dimensions_of_one_are_dropped(more):
    image = nib.Nifti1Image(VALUES.T.reshape(*VALUES.T.shape, *more), LPS)
    volume = read(image.to_bytes())
    np.testing.assert_array_equal(volume.array, VALUES)
    assert volume.geometry.spacing == (3.0, 1.5, 1.0)


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 4, 2), (2, 3, 4, 1, 3)])
def test_other_dimensions_are_refused_with_their_shape(shape):
    image = nib.Nifti1Image(np.zeros(shape, np.int16), np.eye(4))
    listed = ", ".join(str(n) for n in shape)
    with refused_in_one_line(rf"^scan\.nii: has {len(shape)} dimensions \({listed}\), expected 3"):
        read(image.to_bytes())


@pytest.mark.parametrize("packed", [True, False])
def test_a_header_that_announces_more_than_memory_holds_is_refused_before_reading(packed):
    side = 1 + round(LARGEST_VOXELS ** (1 / 3))
    content = nifti(dim=[3, side, side, side, 1, 1, 1, 1])
    with refused_in_one_line(rf"^scan\.nii: {side**3} voxels by its header, dim .*at most {LARGEST_VOXELS}$"):
        read(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("packed", [True, False])
def test_a_header_that_announces_more_than_the_file_has_is_refused(packed):
    content = nifti(dim=[3, 500, 500, 200, 1, 1, 1, 1])
    with refused_in_one_line(r"^scan\.nii: truncated .*\(472 of 100000352 bytes\)$"):
        read(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("offset", [np.nan, np.inf, -8.0, 1e30, 1e9])
@pytest.mark.parametrize("packed", [True, False])
def test_a_place_of_the_voxels_that_is_none_is_refused(offset, packed):
    content = nifti(vox_offset=offset)
    with refused_in_one_line(r"^scan\.nii: (vox_offset is|truncated)"):
        read(gzip.compress(content) if packed else content)


def test_gzip_of_several_members_is_one_file():
    """As pigz and bgzip write it."""
    content = nifti()
    packed = gzip.compress(content[:400]) + gzip.compress(content[400:])
    np.testing.assert_array_equal(read(packed).array, VALUES)


def test_two_files_in_one_are_refused():
    noise = make_volume(np.random.default_rng(0).integers(-999, 999, (99, 99, 99), dtype=np.int16))
    with refused_in_one_line(r"^scan\.nii: unpacks to more than the \d+ bytes that its header says$"):
        read(nifti_bytes(noise) + nifti_bytes(noise))


def test_other_bytes_after_the_packed_data_are_named():
    with refused_in_one_line(r"^scan\.nii: the packed data are damaged, or other bytes follow"):
        read(gzip.compress(nifti()) + b"garbage")
    np.testing.assert_array_equal(read(gzip.compress(nifti()) + bytes(512)).array, VALUES)


def test_the_content_counts_and_not_the_name():
    np.testing.assert_array_equal(parse_volume(nifti(), "scan.nii.gz").array, VALUES)
    np.testing.assert_array_equal(parse_volume(gzip.compress(nifti()), "scan.nii").array, VALUES)


def test_a_megabyte_after_the_voxels_is_borne_and_no_more():
    """As programs do that fill up the last block."""
    np.testing.assert_array_equal(read(gzip.compress(nifti() + bytes(1 << 20))).array, VALUES)
    with refused_in_one_line(r"unpacks to more than the 472 bytes that its header says$"):
        read(gzip.compress(nifti() + bytes((1 << 20) + 1)))
