"""Masks on their scans: the same grid, another position, and slices that the series lacks."""

from dataclasses import replace

import numpy as np
import pytest

from conftest import make_volume, refused_in_one_line
from covidseg.cases.alignment import align
from covidseg.volumes import Geometry


def scan(slices=5, **geometry):
    return make_volume(np.zeros((slices, 4, 6), np.int16), **geometry)


def mask(slices=5, **geometry):
    values = np.arange(slices, dtype=np.uint8)[:, None, None] + np.zeros((slices, 4, 6), np.uint8)
    return make_volume(values, **geometry)


def aligned(mask, image, geometry="own"):
    return align(mask, image, geometry=geometry, name="a.zip: case a", kind="label")


@pytest.mark.parametrize("geometry", ["own", "image"])
def test_a_mask_on_the_grid_of_its_scan_stays_as_it_is(geometry):
    laid = aligned(mask(), scan(), geometry)
    np.testing.assert_array_equal(laid.array, mask().array)
    assert (laid.corrections, laid.warnings) == ((), ())


def test_an_offset_within_a_tenth_of_a_voxel_is_rounding():
    laid = aligned(mask(origin=(-10.09, -20.0, 5.0)), scan())
    np.testing.assert_array_equal(laid.geometry.affine, scan().geometry.affine)
    assert laid.warnings == ()


def test_a_mask_at_another_position_takes_the_scan_s_geometry_where_the_data_set_says_so():
    moved = mask(origin=(0.0, 0.0, 0.0))
    with refused_in_one_line(r"^a\.zip: case a: image and label differ in position or direction, by 20 mm$"):
        aligned(moved, scan())
    laid = aligned(moved, scan(), "image")
    np.testing.assert_array_equal(laid.geometry.affine, scan().geometry.affine)
    np.testing.assert_array_equal(laid.array, moved.array)
    assert laid.warnings == ("label took the geometry of the scan, which is 20 mm away",)


@pytest.mark.parametrize("geometry", ["own", "image"])
def test_another_shape_or_spacing_is_refused(geometry):
    with refused_in_one_line(r"image and label differ in shape \(5, 4, 6\) and \(4, 4, 6\)"):
        aligned(mask(4), scan(), geometry)
    with refused_in_one_line(r"differ in spacing \(5\.0, 1\.5, 1\.0\) and \(1\.0, 1\.5, 1\.0\) mm"):
        aligned(mask(spacing=(1.0, 1.5, 1.0)), scan(spacing=(5.0, 1.5, 1.0)), geometry)


def test_headers_that_name_opposite_directions_need_the_same_position():
    image, moved = replace(scan(), stored="LPS"), replace(mask(origin=(0.0, 0.0, 0.0)), stored="LAS")
    with refused_in_one_line("differ in position or direction, by 20 mm"):
        aligned(moved, image, "image")
    assert aligned(replace(mask(), stored="LAS"), image, "image").warnings == ()
    assert len(aligned(replace(moved, stored="LPS"), image, "image").warnings) == 1


def turned(volume, degrees):
    """The volume, its axes turned about the axis z."""
    affine = volume.geometry.affine.copy()
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    affine[:3, :3] = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ affine[:3, :3]
    return replace(volume, geometry=Geometry(volume.geometry.shape, affine))


def test_directions_that_a_program_has_dropped_are_the_scan_s_up_to_ten_degrees():
    with refused_in_one_line("position or direction"):
        aligned(turned(mask(), 5), scan())
    (warning,) = aligned(turned(mask(), 5), scan(), "image").warnings
    assert warning.endswith("mm and 5 degrees away")
    (warning,) = aligned(turned(mask(), 9.9), scan(), "image").warnings
    assert warning.endswith("mm and 9.9 degrees away")
    with refused_in_one_line("position or direction"):
        aligned(turned(mask(), 10.1), scan(), "image")


def test_rounding_of_the_axes_is_no_turn():
    """float32 in a header: the axes differ in the seventh digit."""
    rounded = turned(mask(origin=(0.0, 0.0, 0.0)), 1e-4)
    (warning,) = aligned(rounded, scan(), "image").warnings
    assert warning.endswith(" mm away")
    assert "degrees" not in warning


def test_a_turn_about_the_diagonal_of_the_grid_is_noticed():
    """The first and the last voxel stay where they are."""
    cube = make_volume(np.zeros((5, 5, 5), np.uint8), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    cyclic = cube.geometry.affine.copy()
    cyclic[:3, :3] = np.roll(np.eye(3), 1, axis=0)
    with refused_in_one_line("position or direction, by 4 mm"):
        aligned(replace(cube, geometry=Geometry((5, 5, 5), cyclic)), cube)


@pytest.mark.parametrize(
    ("spacing", "origin"),
    [
        pytest.param(3.0, 5.0, id="spacing of neighbours, upward"),
        pytest.param(3.0, 11.0, id="spacing of neighbours, downward"),
        pytest.param(4.5, 5.0, id="mean spacing"),
    ],
)
def test_a_mask_of_the_slices_that_were_there_is_laid_on_them(spacing, origin):
    """A series of seven slices lacks two of them: at 3 mm, the mask has the slices 0, 1, 4, 5 and 6."""
    image = replace(scan(7), filled=(2, 3))
    laid = aligned(mask(5, spacing=(spacing, 1.5, 1.0), origin=(-10.0, -20.0, origin)), image)
    assert laid.array[:, 0, 0].tolist() == [0, 1, 1, 2, 2, 3, 4]
    np.testing.assert_array_equal(laid.geometry.affine, image.geometry.affine)
    assert laid.corrections == (
        "label laid on the 5 slices of the series, and repeated on the filled ones from the nearest slice",
    )


def test_a_mask_of_all_slices_is_compared_with_the_filled_scan_as_usual():
    image = replace(scan(7), filled=(2, 3))
    assert aligned(mask(7), image).corrections == ()
    with refused_in_one_line(r"differ in shape \(7, 4, 6\) and \(6, 4, 6\)"):
        aligned(mask(6), image)
    with refused_in_one_line("differ in spacing"):
        aligned(mask(5, spacing=(2.0, 1.5, 1.0)), image)
    with refused_in_one_line("differ in position or direction, by 12 mm"):
        aligned(mask(5, origin=(-22.0, -20.0, 5.0)), image)
    (warning,) = aligned(mask(5, origin=(-22.0, -20.0, 5.0)), image, "image").warnings
    assert warning == "label took the geometry of the scan, which is 12 mm away"


def test_one_filled_slice_takes_the_lower_of_two_slices_as_near():
    laid = aligned(mask(4), replace(scan(5), filled=(2,)))
    assert laid.array[:, 0, 0].tolist() == [0, 1, 1, 2, 3]
