"""The slices of a series make one orthogonal grid: holes are filled, a tilt is undone, or the odd slice is named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import make_volume, refused_in_one_line
from covidseg.cases.dicom import read_series
from covidseg.cases.dicom_stack import tolerance
from dicom_edits import edit, move, parse, random_scan, series


@pytest.fixture
def scan():
    return random_scan()


@pytest.fixture
def files(scan):
    """Seven slices from head to foot: 1-001.dcm at 35 mm to 1-007.dcm at 5 mm."""
    return series(scan)


def without(files, *numbers):
    return {name: content for name, content in files.items() if int(name[2:5]) not in numbers}


def test_a_missing_slice_is_interpolated(scan, files):
    read = read_series(without(files, 4), "P1")
    expected = scan.array.copy()
    expected[3] = np.rint((scan.array[2].astype(float) + scan.array[4]) / 2)
    np.testing.assert_array_equal(read.array, expected)
    assert read.geometry.differences(scan.geometry) == []
    assert read.filled == (3,)
    assert read.corrections == ("filled: slices at 20 mm",)


def test_two_missing_slices_in_a_row_are_weighted_by_distance(scan, files):
    read = read_series(without(files, 4, 5), "P1")
    low, high = scan.array[1].astype(float), scan.array[4].astype(float)
    np.testing.assert_array_equal(read.array[2], np.rint(low * 2 / 3 + high / 3))
    np.testing.assert_array_equal(read.array[3], np.rint(low / 3 + high * 2 / 3))
    assert read.filled == (2, 3)


def test_holes_here_and_there_are_filled(scan, files):
    """As in LUNG1-095 and LUNG1-246: gaps of one and of two slice spacings."""
    read = read_series(without(files, 3, 6), "P1")
    assert read.filled == (1, 4)
    there = [0, 2, 3, 5, 6]
    np.testing.assert_array_equal(read.array[there], scan.array[there])
    assert read.corrections == ("filled: slices at 10, 25 mm",)


def test_more_holes_than_slices_beside_them():
    """Every second slice is missing in two thirds of the stack."""
    scan = random_scan((13, 3, 4))
    read = read_series(without(series(scan), 2, 4, 6, 8), "P1")
    assert read.filled == (5, 7, 9, 11)
    assert read.geometry.differences(scan.geometry) == []


def test_slices_missing_at_an_end_are_unknown(scan, files):
    read = read_series(without(files, 1, 7), "P1")
    np.testing.assert_array_equal(read.array, scan.array[1:-1])
    assert read.filled == ()


def test_missing_slices_can_be_refused(files):
    message = (
        r"^P1:1-007\.dcm: its series lacks slices at 10, 20 mm; `missing_slices: fill` in datasets\.yaml "
        "interpolates these$"
    )
    with refused_in_one_line(message):
        read_series(without(files, 4, 6), "P1", missing_slices="refuse")


@pytest.mark.parametrize("missing", [3, 4, 20])
def test_a_wide_gap_is_two_stacks(missing):
    files = without(series(random_scan((40, 3, 4))), *range(10, 10 + missing))
    if missing == 3:
        assert read_series(files, "P1").filled == (28, 29, 30)
        return
    message = rf"^P1:1-{10 + missing:03d}\.dcm and P1:1-009\.dcm: {missing} slices are missing between these; at most 3"
    with refused_in_one_line(message):
        read_series(files, "P1")


def test_missing_slices_of_a_series_that_is_not_axial_are_refused(files):
    for place, name in enumerate(files):
        edit(files, name, ImageOrientationPatient=[1, 0, 0, 0, 0, -1], ImagePositionPatient=[0, 5 * place, 0])
    with refused_in_one_line(r"its series lacks slices at 15 mm, and is not axial$"):
        read_series(without(files, 4), "P1")


def test_positions_may_jitter_by_a_tenth_of_a_millimetre(scan, files):
    """With the mean step, the last slice keeps its place."""
    for place, name in enumerate(files):
        move(files, name, [0, 0, 0.06 * (-1) ** place])
    read = read_series(files, "P1")
    np.testing.assert_array_equal(read.array, scan.array)
    assert read.geometry.spacing == pytest.approx((5, 0.8, 0.7))


def test_a_slice_between_two_places_is_refused_with_its_neighbour(files):
    move(files, "1-004.dcm", [0, 0, 1.5])
    message = r"^P1:1-005\.dcm and P1:1-004\.dcm: 6\.5 mm apart, elsewhere 5 mm: not uniform"
    with refused_in_one_line(message):
        read_series(files, "P1")


def test_gaps_that_drift_are_refused():
    """Each gap is within the tolerance of 5 mm, but the last slice would lie 2 mm off its place."""
    files = series(random_scan((30, 3, 4)))
    places = np.cumsum([0, *[5.0] * 15, *[5.2] * 14])
    for place, name in zip(places, files, strict=True):
        edit(files, name, ImagePositionPatient=[0, 0, float(place.round(3))])
    with refused_in_one_line(r"^P1:1-016\.dcm: 1\.45 mm off its place in slices of 5\.0966 mm: not uniform"):
        read_series(files, "P1")


def test_identical_copies_are_dropped_with_a_warning(scan, files):
    files["copy.dcm"] = files["1-003.dcm"]
    read = read_series(files, "P1")
    np.testing.assert_array_equal(read.array, scan.array)
    assert read.warnings == ("slices stored twice, one of each used: P1:copy.dcm = P1:1-003.dcm",)


def test_a_series_stored_twice_is_read_once(scan, files):
    read = read_series(files | {f"again/{name}": content for name, content in files.items()}, "P1")
    np.testing.assert_array_equal(read.array, scan.array)
    assert read.warnings[0].startswith("slices stored twice")


def test_two_different_slices_at_one_place_are_refused(files):
    files["other.dcm"] = files["1-003.dcm"]
    edit(files, "other.dcm", PixelData=parse(files["1-001.dcm"]).PixelData)
    with refused_in_one_line(r"^P1:other\.dcm: another slice than P1:1-003\.dcm at the same place, 25 mm"):
        read_series(files, "P1")


def test_equal_pixels_at_one_place_but_moved_sideways_are_refused(files):
    files["other.dcm"] = files["1-003.dcm"]
    move(files, "other.dcm", [20, 0, 0])
    with refused_in_one_line(r"^P1:other\.dcm: another slice than P1:1-003\.dcm at the same place"):
        read_series(files, "P1")


@pytest.mark.parametrize("odd", [1, 4, 7])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"FrameOfReferenceUID": "1.2.3"}, r"FrameOfReferenceUID: 1\.2\.3, in other slices [\d.]+$"),
        ({"FrameOfReferenceUID": ""}, r"FrameOfReferenceUID: absent, in other slices [\d.]+$"),
        ({"Rows": 5, "Columns": 6}, r"Rows and Columns: \(5, 6\), in other slices \(6, 5\)"),
        ({"PixelSpacing": [0.8, 0.75]}, r"PixelSpacing is 0\.8\\0\.75, in other slices 0\.8\\0\.7$"),
        (
            {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]},
            r"ImageOrientationPatient is 1\\0\\0\\0\\0\\-1 \(a localiser\?\), in other slices 1\\0\\0\\0\\1\\0$",
        ),
        (
            {"ImageOrientationPatient": [1, 0, 0, 0, 0.9961947, 0.0871557]},
            r"ImageOrientationPatient is 1\\0\\0\\0\\0\.996195\\0\.0871557, in other slices",
        ),
    ],
)
def test_the_slice_that_differs_is_named(files, odd, changes, message):
    edit(files, f"1-00{odd}.dcm", **changes)
    with refused_in_one_line(rf"^P1:1-00{odd}\.dcm: {message}"):
        read_series(files, "P1")


@pytest.mark.parametrize("odd", [1, 4, 7])
def test_a_slice_off_the_line_is_named(files, odd):
    move(files, f"1-00{odd}.dcm", [40, 0, 0])
    with refused_in_one_line(
        rf"^P1:1-00{odd}\.dcm: its origin lies [\d.]+ mm off the line through the other origins"
    ):
        read_series(files, "P1")


def test_origins_may_be_rounded(scan, files):
    move(files, "1-004.dcm", [0.05, -0.05, 0])
    np.testing.assert_array_equal(read_series(files, "P1").array, scan.array)


def tilted(degrees, *, sideways=0.0):
    """A ball of 200 HU in water, cut by planes of a tilted gantry: slices and the ball's centre and radius (mm).

    The table moves along z by 5 mm per slice. The planes are tilted about x, so each origin leaves the normal.
    """
    angle, centre, radius = np.radians(degrees), np.array([30.0, 32.0, 60.0]), 15.0
    row, column = np.array([1.0, 0, 0]), np.array([0, np.cos(angle), -np.sin(angle)])
    volume = make_volume(np.zeros((25, 80, 64), np.int16), spacing=(5.0, 1.0, 1.0), origin=(0, 0, 0))
    files = series(volume)
    for number, name in enumerate(reversed(files)):
        origin = np.array([sideways * number, 0.0, 5.0 * number])
        y, x = np.mgrid[:80, :64]
        points = origin + y[..., None] * column + x[..., None] * row
        inside = np.linalg.norm(points - centre, axis=-1) <= radius
        edit(
            files, name, ImagePositionPatient=origin.round(6).tolist(),
            ImageOrientationPatient=[*row.tolist(), *column.round(8).tolist()],
            PixelData=(1024 + 200 * inside).astype("<u2").tobytes(), GantryDetectorTilt=degrees,
        )  # fmt: skip
    return files, centre, radius


@pytest.mark.parametrize("degrees", [-25.0, -16.5, 5.0, 16.5, 30.0])
def test_a_tilted_stack_is_sheared_back(degrees):
    """The ball stays a ball at its place: its middle, and its extent along every axis of the grid."""
    files, centre, radius = tilted(degrees)
    read = read_series(files, "P1")
    assert read.corrections == (f"sheared back by {abs(degrees):.1f} degrees (gantry tilt)",)
    axes = read.geometry.affine[:3, :3] / np.linalg.norm(read.geometry.affine[:3, :3], axis=0)
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-6)
    assert read.geometry.spacing == pytest.approx((5 * np.cos(np.radians(degrees)), 1, 1), abs=1e-4)
    voxels = np.argwhere(read.array > 100)
    points = np.c_[voxels[:, ::-1], np.ones(len(voxels))] @ read.geometry.affine[:3].T
    np.testing.assert_allclose(points.mean(0), centre, atol=0.3)
    assert np.linalg.norm(points - centre, axis=1).max() < radius + 1
    volume = len(voxels) * np.prod(read.geometry.spacing)
    assert volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.05)


def test_nothing_of_a_tilted_stack_is_cut_off():
    """All water is still there; what no slice has seen is air."""
    files, _, _ = tilted(16.5)
    read = read_series(files, "P1")
    assert (read.array >= 0).sum(axis=(1, 2)).min() >= 79 * 64
    assert set(np.unique(read.array[:, :, 0])) >= {-1024, 0}


def test_a_missing_slice_of_a_tilted_stack_is_filled_along_the_normal():
    files, centre, _ = tilted(16.5)
    read = read_series(without(files, 13), "P1")
    assert read.filled == (12,)
    weights = read.array.clip(0).astype(float)
    middle = [(weights * index).sum() / weights.sum() for index in np.indices(weights.shape)[::-1]]
    np.testing.assert_allclose((read.geometry.affine @ [*middle, 1])[:3], centre, atol=0.3)


def test_a_stack_that_drifts_sideways_is_sheared_back():
    files, centre, _ = tilted(0.0, sideways=1.0)
    read = read_series(files, "P1")
    assert read.corrections == ("sheared back by 11.3 degrees (gantry tilt)",)
    points = (
        np.argwhere(read.array > 100)[:, ::-1] @ read.geometry.affine[:3, :3].T + read.geometry.affine[:3, 3]
    )
    np.testing.assert_allclose(points.mean(0), centre, atol=0.3)


def test_planes_that_no_gantry_makes_are_refused():
    files, _, _ = tilted(0.0, sideways=10.0)
    with refused_in_one_line(
        r"^P1:1-025\.dcm: the origins of its series run 63\.4 degrees off the slices' normal"
    ):
        read_series(files, "P1")


def test_a_tilt_with_straight_origins_is_only_told(scan, files):
    edit(files, GantryDetectorTilt=16.5)
    read = read_series(files, "P1")
    np.testing.assert_array_equal(read.array, scan.array)
    assert read.corrections == ()


@settings(max_examples=25, deadline=None)
@given(missing=st.sets(st.integers(2, 11), max_size=4), shuffled=st.randoms(use_true_random=False))
def test_slices_that_are_there_keep_their_values_and_places(missing, shuffled):
    """Whatever is missing: right, or refused."""
    scan = random_scan((12, 3, 4))
    names = list(without(series(scan), *missing).items())
    shuffled.shuffle(names)
    runs = "".join("x" if number in missing else "." for number in range(1, 13))
    if "xxxx" in runs:
        with refused_in_one_line("4 slices are missing between these"):
            read_series(dict(names), "P1")
        return
    read = read_series(dict(names), "P1")
    assert read.geometry.differences(scan.geometry) == []
    assert read.filled == tuple(sorted(12 - number for number in missing))
    there = [12 - number for number in range(1, 13) if number not in missing]
    np.testing.assert_array_equal(read.array[there], scan.array[there])


@pytest.mark.parametrize(("step", "millimetres"), [(5.0, 0.25), (2.0, 0.1), (1.0, 0.1), (0.3, 0.075)])
def test_the_tolerance_grows_with_the_slice_spacing(step, millimetres):
    """A twentieth of the spacing, but 0.1 mm for thin slices, and a quarter for very thin ones."""
    assert tolerance(step) == pytest.approx(millimetres)


def test_slices_closer_than_a_millimetre_are_all_kept():
    thin = make_volume(random_scan().array, spacing=(0.6, 0.8, 0.7))
    read = read_series(series(thin), "P1")
    np.testing.assert_array_equal(read.array, thin.array)
    assert read.warnings == ()


def test_a_pixel_spacing_may_be_rounded(scan, files):
    edit(files, "1-004.dcm", PixelSpacing=[0.8, 0.6995])
    np.testing.assert_array_equal(read_series(files, "P1").array, scan.array)


def test_the_distance_from_the_line_is_told_in_millimetres(files):
    """The middle one of seven slices is 40 mm off the other six, and 6/7 of it off the fitted line."""
    move(files, "1-004.dcm", [40, 0, 0])
    with refused_in_one_line(r"^P1:1-004\.dcm: its origin lies 34\.3 mm off the line"):
        read_series(files, "P1")


@pytest.mark.parametrize(
    ("drift", "corrections"), [(0.02, ()), (0.05, ("sheared back by 0.6 degrees (gantry tilt)",))]
)
def test_a_stack_is_sheared_back_from_a_quarter_of_a_pixel(files, drift, corrections):
    """Over six slice spacings, 0.12 and 0.3 mm; a quarter of a pixel of 0.7 mm is 0.175 mm."""
    for place, name in enumerate(reversed(files)):
        move(files, name, [drift * place, 0, 0])
    assert read_series(files, "P1").corrections == corrections
