"""RTSTRUCT contours become voxels: holes stay holes, copies and neighbours add, and all lies where it was drawn."""

import io
import tarfile

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, RTStructureSetStorage

from conftest import make_volume, refused_in_one_line
from covidseg.cases.contours import rasterise
from covidseg.cases.dicom import read_series
from covidseg.volumes import Geometry, Volume

FRAME, OTHER_FRAME = "1.2.3", "1.2.4"


def scan(slices=3, spacing=2.0, filled=(), frame=FRAME):
    """A scan of 20 x 20 pixels of 1 mm; slice k lies at z = k * spacing."""
    grid = make_volume(np.zeros((slices, 20, 20)), spacing=(spacing, 1.0, 1.0), origin=(0, 0, 0)).geometry
    return Volume(np.zeros(grid.shape), grid, filled=filled, frame_of_reference=frame)


def structure_set(*regions):
    """An RTSTRUCT of regions (name, contours); a contour is a list of numbers, or a Dataset."""
    content = Dataset()
    content.SOPClassUID = RTStructureSetStorage
    content.StructureSetROISequence, content.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(regions, start=1):
        roi, group = Dataset(), Dataset()
        roi.ROIName, roi.ROINumber, roi.ReferencedFrameOfReferenceUID = name, number, FRAME
        group.ReferencedROINumber = number
        group.ContourSequence = [c if isinstance(c, Dataset) else contour(c) for c in contours]
        content.StructureSetROISequence.append(roi)
        content.ROIContourSequence.append(group)
    return content


def contour(points, kind="CLOSED_PLANAR"):
    item = Dataset()
    item.ContourGeometricType, item.NumberOfContourPoints = kind, len(points) // 3
    item.ContourData = points
    return item


def to_bytes(content):
    buffer = io.BytesIO()
    content.file_meta = pydicom.dataset.FileMetaDataset()
    content.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    content.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    content.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    pydicom.dcmwrite(buffer, content, enforce_file_format=True)
    return buffer.getvalue()


def fill(*contours, image=None):
    return rasterise(to_bytes(structure_set(("GTV-1", contours))), "GTV-1", image or scan(), "rt")


def rectangle(x, y, z):
    """Around the pixels x[0]..x[1] and y[0]..y[1], at half a pixel's distance."""
    left, right, top, bottom = x[0] - 0.5, x[1] + 0.5, y[0] - 0.5, y[1] + 0.5
    return [left, top, z, right, top, z, right, bottom, z, left, bottom, z]


def box(*, z, y, x, shape=(3, 20, 20)):
    mask = np.zeros(shape, np.uint8)
    mask[z, y[0] : y[1] + 1, x[0] : x[1] + 1] = 1
    return mask


OUTER = box(z=1, y=(3, 12), x=(2, 11))


def test_a_contour_is_filled_in_its_slice():
    found = fill(rectangle((2, 11), (3, 12), 2.0))
    np.testing.assert_array_equal(found.array, OUTER)
    assert found.array.dtype == np.uint8
    assert (found.corrections, found.warnings) == ((), ())


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 0, 2]])
def test_holes_stay_holes_and_an_island_in_a_hole_is_filled(order):
    drawn = [rectangle(x, y, 2.0) for x, y in [((2, 11), (3, 12)), ((4, 9), (5, 10)), ((6, 7), (7, 8))]]
    expected = OUTER - box(z=1, y=(5, 10), x=(4, 9)) + box(z=1, y=(7, 8), x=(6, 7))
    np.testing.assert_array_equal(fill(*(drawn[index] for index in order)).array, expected)


def test_a_keyhole_stays_a_hole():
    """One contour, which runs to the hole, around it against the outer direction, and back the same way."""
    outside, inside = (
        [(1.5, 2.5), (11.5, 2.5), (11.5, 12.5), (1.5, 12.5)],
        [(4.5, 4.5), (4.5, 8.5), (8.5, 8.5), (8.5, 4.5)],
    )
    points = [*outside, outside[0], inside[0], *inside[1:], inside[0], outside[0]]
    expected = OUTER - box(z=1, y=(5, 8), x=(5, 8))
    found = fill([number for x, y in points for number in (x, y, 2.0)])
    np.testing.assert_array_equal(found.array, expected)


@pytest.mark.parametrize("times", [2, 3])
@pytest.mark.parametrize("holed", [False, True])
def test_a_contour_stored_twice_counts_once(times, holed):
    outer, hole = rectangle((2, 11), (3, 12), 2.0), rectangle((4, 6), (5, 7), 2.0)
    found = fill(*[outer] * times, *[hole] * times * holed)
    np.testing.assert_array_equal(found.array, OUTER - holed * box(z=1, y=(5, 7), x=(4, 6)))


@pytest.mark.parametrize(
    "change",
    [
        lambda points: points[::-1],  # the other way round
        lambda points: np.roll(points, 1, axis=0),  # another first point
        lambda points: points.round(1),
        lambda points: np.repeat(points, 2, axis=0),
        lambda points: points + np.array([0.3, -0.3, 0.0]),
        lambda points: points[::2],  # half of the points
    ],
)
def test_a_copy_in_other_points_counts_once(change):
    """A circle of radius 7: the copy must not cut the circle out, all but its edge."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = np.c_[10 + 7 * np.cos(angles), 10 + 7 * np.sin(angles), np.full(60, 2.0)]
    alone = fill(circle.ravel().round(4).tolist()).array
    both = fill(circle.ravel().round(4).tolist(), change(circle).ravel().round(4).tolist()).array
    assert np.count_nonzero(alone != both) <= 20, "pixels on the edge alone"
    assert (both >= alone).all()


def test_a_wall_of_one_pixel_stays_a_wall():
    found = fill(rectangle((2, 11), (3, 12), 2.0), rectangle((3, 10), (4, 11), 2.0))
    np.testing.assert_array_equal(found.array, OUTER - box(z=1, y=(4, 11), x=(3, 10)))


def test_neighbours_and_overlaps_add():
    found = fill(
        rectangle((2, 5), (3, 8), 2.0), rectangle((6, 9), (3, 8), 2.0), rectangle((8, 13), (7, 12), 2.0)
    )
    expected = box(z=1, y=(3, 8), x=(2, 9)) | box(z=1, y=(7, 12), x=(8, 13))
    np.testing.assert_array_equal(found.array, expected)


def test_contours_that_round_to_one_slice_add():
    found = fill(
        rectangle((2, 5), (3, 8), 1.8), rectangle((2, 5), (3, 8), 2.4), rectangle((9, 12), (3, 8), 2.4)
    )
    np.testing.assert_array_equal(found.array, box(z=1, y=(3, 8), x=(2, 5)) | box(z=1, y=(3, 8), x=(9, 12)))
    assert found.warnings == (
        "contours of GTV-1 lie up to 0.4 mm off the slices",
        "contours of GTV-1 have 1 planes too many; those nearest to one slice were united",
    )


def test_contours_on_a_finer_grid_lose_no_slice():
    """Contours every millimetre from 3 to 9 mm, slices every 3 mm: slices 1 to 3."""
    found = fill(*(rectangle((2, 5), (3, 8), z) for z in range(3, 10)), image=scan(5, 3.0))
    assert found.array.any((1, 2)).tolist() == [False, True, True, True, False]
    np.testing.assert_array_equal(found.array, box(z=slice(1, 4), y=(3, 8), x=(2, 5), shape=(5, 20, 20)))


def test_contours_between_the_slices_lose_no_slice():
    """Half a slice off: one slice per contour, whatever the rounding."""
    drawn = [rectangle((2, 5), (3, 8), z) for z in (1.0, 3.0 - 1e-6, 5.0 + 1e-6, 7.0)]
    found = fill(*drawn, image=scan(6))
    assert found.array.any((1, 2)).tolist() == [False, True, True, True, True, False]
    assert found.warnings == ("contours of GTV-1 lie up to 1 mm off the slices",)


def test_a_contour_half_a_slice_beyond_the_last_one_belongs_to_the_last_one():
    found = fill(rectangle((2, 5), (3, 8), -1.0), rectangle((2, 5), (3, 8), 5.0))
    assert found.array.any((1, 2)).tolist() == [True, False, True]


def test_contours_on_a_coarser_grid_invent_no_slice():
    found = fill(*(rectangle((2, 5), (3, 8), z) for z in (0.0, 4.0, 8.0, 12.0)), image=scan(7))
    assert found.array.any((1, 2)).tolist() == [True, False] * 3 + [True]
    assert found.warnings == (
        "contours of GTV-1 are 4 mm apart, the slices 2 mm; slices between the contours stay empty",
    )


def test_filled_slices_take_the_nearest_contours():
    drawn = [rectangle((2, 5), (3, 8), 0.0), rectangle((2, 5), (3, 8), 2.0), rectangle((9, 12), (3, 8), 8.0)]
    found = fill(*drawn, image=scan(6, filled=(2, 3)))
    low, high = box(z=0, y=(3, 8), x=(2, 5))[0], box(z=0, y=(3, 8), x=(9, 12))[0]
    np.testing.assert_array_equal(found.array, [low, low, low, high, high, 0 * high])
    assert found.corrections == ("GTV-1: 2 filled slices took the nearest slice of the contours",)


def test_contours_in_the_planes_of_a_tilted_scan_are_filled():
    """The scan's planes are turned about x: y and z change along a column."""
    cosine, sine = np.cos(0.3), np.sin(0.3)
    affine = np.array([[1, 0, 0, 0], [0, cosine, 2 * sine, 0], [0, -sine, 2 * cosine, 0], [0, 0, 0, 1.0]])
    image = Volume(np.zeros((3, 20, 20)), Geometry((3, 20, 20), affine))
    indices = np.reshape(rectangle((2, 11), (3, 12), 1.0), (-1, 3))
    points = (np.c_[indices, np.ones(4)] @ affine.T)[:, :3]
    np.testing.assert_array_equal(fill(points.ravel().round(6).tolist(), image=image).array, OUTER)


def test_exclusive_contours_are_combined_as_their_type_says():
    found = fill(
        contour(rectangle((2, 8), (3, 12), 2.0), "CLOSEDPLANAR_XOR"),
        contour(rectangle((6, 11), (3, 12), 2.0), "CLOSEDPLANAR_XOR"),
    )
    np.testing.assert_array_equal(found.array, OUTER - box(z=1, y=(3, 12), x=(6, 8)))


def test_contours_without_an_area_are_counted():
    tiny = [5.1, 5.1, 2.0, 5.3, 5.1, 2.0, 5.2, 5.3, 2.0]
    found = fill(rectangle((2, 4), (3, 5), 2.0), tiny, [1.0, 1.0, 2.0], [1.0, 1.0, 2.0, 3.0, 3.0, 2.0])
    np.testing.assert_array_equal(found.array, box(z=1, y=(3, 5), x=(2, 4)))
    assert found.warnings == ("3 of 4 contours of GTV-1 enclose the centre of no voxel",)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (rectangle((0, 3), (0, 3), 99.0), r"at x, y, z = -0\.5, -0\.5, 99 mm lies outside the CT \(x 0 to 19, y 0 to 19, z 0 to 4 mm\)$"),
        (rectangle((0, 3), (0, 3), -1.1), "at x, y, z = .*, -1.1 mm lies outside the CT"),
        (rectangle((0, 30), (0, 3), 2.0), r"at x, y, z = 30\.5, -0\.5, 2 mm lies outside the CT"),
        ([0, 0, 2, 5, 0, 2, 5, 5, 3, 0, 5, 3], "at z = 2 mm is oblique to the slices, by 1 mm$"),
        ([0, 0, 0, 5, 0, 4, 5, 5, 4, 0, 5, 0], "at z = 0 mm is oblique to the slices, by 4 mm$"),
    ],
)  # fmt: skip
def test_a_contour_at_an_unfit_place_is_refused(points, message):
    with refused_in_one_line(f"^rt: a contour of GTV-1 {message}"):
        fill(rectangle((2, 4), (3, 5), 2.0), points)


def test_a_contour_around_the_whole_slice_is_inside():
    found = fill(rectangle((0, 19), (0, 19), 0.0), rectangle((0, 19), (0, 19), 4.0))
    np.testing.assert_array_equal(found.array.any((1, 2)), [True, False, True])
    assert found.array[0].all()


@pytest.mark.parametrize("kind", ["POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"])
def test_a_contour_of_another_type_is_refused(kind):
    with refused_in_one_line(f"^rt: a contour of GTV-1 is of type {kind}, expected CLOSED_PLANAR$"):
        fill(rectangle((2, 4), (3, 5), 2.0), contour([1.0, 1.0, 2.0], kind))


def test_an_absent_type_is_refused():
    item = contour(rectangle((2, 4), (3, 5), 2.0))
    del item.ContourGeometricType
    with refused_in_one_line("^rt: a contour of GTV-1: no ContourGeometricType$"):
        fill(item)


@pytest.mark.parametrize(
    "data", [[1.0, 2.0, 2.0, 4.0], [1.0] * 8, ["nan", 1.0, 2.0] * 3, ["inf", 1.0, 2.0] * 3]
)
@pytest.mark.filterwarnings("ignore")
def test_a_contour_of_wrong_numbers_is_refused(data):
    item = contour(rectangle((2, 4), (3, 5), 2.0))
    item.NumberOfContourPoints = len(data) // 3
    item.ContourData = data
    with refused_in_one_line(
        rf"^rt: a contour of GTV-1 has {len(data)} numbers, expected 3 finite ones per point of"
    ):
        fill(item)


def test_a_wrong_number_of_points_is_refused():
    item = contour(rectangle((2, 4), (3, 5), 2.0))
    item.NumberOfContourPoints = 5
    with refused_in_one_line(
        "^rt: a contour of GTV-1 has 12 numbers, expected 3 finite ones per point of 5$"
    ):
        fill(item)


def rasterise_regions(*regions, image=None):
    return rasterise(to_bytes(structure_set(*regions)), "GTV-1", image or scan(), "rt")


def test_an_unknown_region_is_refused_with_those_there():
    with refused_in_one_line(r"^rt: no region 'GTV-1'; there are \['GTV-2', 'Lung'\]"):
        rasterise_regions(("Lung", []), ("GTV-2", []))


def test_a_region_without_contours_is_refused_with_those_that_have_some():
    square = rectangle((2, 4), (3, 5), 2.0)
    message = "^rt: region 'GTV-1' has no contours; regions with contours: GTV-2, Lung$"
    with refused_in_one_line(message):
        rasterise_regions(("Lung", [square]), ("GTV-1", []), ("GTV-2", [square]))
    with refused_in_one_line("regions with contours: none$"):
        rasterise_regions(("GTV-1", []))


@pytest.mark.parametrize("removed", ["ContourSequence", "item"])
def test_a_region_whose_contours_are_absent_is_refused(removed):
    content = structure_set(("GTV-1", []), ("Lung", [rectangle((2, 4), (3, 5), 2.0)]))
    if removed == "item":
        del content.ROIContourSequence[0]
    else:
        del content.ROIContourSequence[0].ContourSequence
    with refused_in_one_line("^rt: region 'GTV-1' has no contours; regions with contours: Lung$"):
        rasterise(to_bytes(content), "GTV-1", scan(), "rt")


def test_two_regions_of_one_name_are_refused():
    square = rectangle((2, 4), (3, 5), 2.0)
    with refused_in_one_line("^rt: 2 regions are named 'GTV-1'; regions with contours: GTV-1$"):
        rasterise_regions(("GTV-1", [square]), ("GTV-1", [square]))


def test_of_two_regions_of_one_name_the_one_with_contours_counts():
    square = rectangle((2, 11), (3, 12), 2.0)
    np.testing.assert_array_equal(rasterise_regions(("GTV-1", []), ("GTV-1", [square])).array, OUTER)
    np.testing.assert_array_equal(rasterise_regions(("GTV-1", [square]), ("GTV-1", [])).array, OUTER)


def test_contours_of_one_region_in_two_groups_are_all_read():
    content = structure_set(
        ("GTV-1", [rectangle((2, 5), (3, 12), 2.0)]), ("b", [rectangle((6, 11), (3, 12), 2.0)])
    )
    content.ROIContourSequence[1].ReferencedROINumber = 1
    np.testing.assert_array_equal(rasterise(to_bytes(content), "GTV-1", scan(), "rt").array, OUTER)


def test_another_frame_of_reference_is_refused_with_both():
    message = rf"^rt: GTV-1 is drawn in frame of reference {FRAME}, but the scan's frame of reference is {OTHER_FRAME}$"
    with refused_in_one_line(message):
        fill(rectangle((2, 4), (3, 5), 2.0), image=scan(frame=OTHER_FRAME))


def test_a_scan_without_a_frame_of_reference_contradicts_nothing():
    assert fill(rectangle((2, 11), (3, 12), 2.0), image=scan(frame="")).array.sum() == OUTER.sum()


def test_a_file_of_another_kind_is_refused_by_kind():
    content = structure_set(("GTV-1", []))
    content.SOPClassUID = CTImageStorage
    del content.StructureSetROISequence
    message = "^rt: no StructureSetROISequence; this is CT Image Storage, expected an RTSTRUCT$"
    with refused_in_one_line(message):
        rasterise(to_bytes(content), "GTV-1", scan(), "rt")


@pytest.mark.parametrize("kept", [0, 100, 131, 140, 400])
def test_a_truncated_file_is_refused(kept):
    content = to_bytes(structure_set(("GTV-1", [rectangle((2, 4), (3, 5), 2.0)])))[:kept]
    with refused_in_one_line(
        "^rt: (truncated or not a RTSTRUCT|no ROIContourSequence|no StructureSetROISequence)"
    ):
        rasterise(content, "GTV-1", scan(), "rt")


@settings(max_examples=50, deadline=None)
@given(
    boxes=st.lists(
        st.tuples(*[st.tuples(st.integers(0, 18), st.integers(0, 18)).map(sorted)] * 2),
        min_size=1,
        max_size=4,
    ),
    copies=st.integers(1, 3),
)
def test_overlapping_contours_never_cancel(boxes, copies):
    """A contour that lies in no other one is in the region where it is alone, however often it is stored."""
    drawn = [rectangle(x, y, 2.0) for x, y in boxes]
    masks = np.unique([box(z=1, y=y, x=x) for x, y in boxes], axis=0).astype(bool)
    found = fill(*drawn * copies).array
    assert not found[~masks.any(0)].any()
    for mask in masks:
        outside = [np.count_nonzero(mask & ~other) / mask.sum() for other in masks if other is not mask]
        if min(outside, default=1) > 0.05:
            assert found[mask & (masks.sum(0) == 1)].all()
    np.testing.assert_array_equal(found, fill(*drawn).array)


@pytest.mark.slow
def test_real_contours_are_filled_with_the_area_that_they_enclose(real_data):
    """LUNG1-001: no contour of these regions lies in another one, so the areas of the polygons add."""
    with tarfile.open(real_data / "LUNG1-001_dicom.tar.xz") as archive:
        files = {entry.name: archive.extractfile(entry).read() for entry in archive if entry.isfile()}
    image = read_series({name: files[name] for name in files if "/image/" in name}, "LUNG1-001")
    (content,) = [content for name, content in files.items() if "rtstruct" in name]
    parsed = pydicom.dcmread(io.BytesIO(content))
    numbers = {item.ROIName: item.ROINumber for item in parsed.StructureSetROISequence}
    for roi, tiny in (("GTV-1", 0), ("Lung-Left", 4)):
        mask = rasterise(content, roi, image, "rt")
        (group,) = [one for one in parsed.ROIContourSequence if one.ReferencedROINumber == numbers[roi]]
        area = 0.0
        for one in group.ContourSequence:
            x, y = np.array(one.ContourData, float).reshape(-1, 3)[:, :2].T
            area += abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2
        _, y, x = mask.geometry.spacing
        assert mask.array.sum() * y * x == pytest.approx(area, rel=0.02)
        told = f"{tiny} of {len(group.ContourSequence)} contours of {roi} enclose the centre of no voxel"
        assert mask.warnings == ((told,) if tiny else ())


def test_planes_that_follow_each_other_closely_are_not_one_plane():
    """At 2.00, 2.08 and 2.16 mm; the tolerance is 0.1 mm. The last contour cuts no hole into the first one."""
    found = fill(
        rectangle((2, 11), (3, 12), 2.0), rectangle((14, 16), (3, 5), 2.08), rectangle((4, 6), (5, 7), 2.16)
    )
    np.testing.assert_array_equal(found.array, OUTER | box(z=1, y=(3, 5), x=(14, 16)))


REGIONS = [
    ("Lung-Left", [rectangle((2, 6), (3, 8), 2.0)]),
    ("Lung-Right", [rectangle((10, 14), (3, 8), 2.0)]),
    ("GTV-1", [rectangle((3, 4), (4, 5), 2.0)]),
    ("gtv 2", [rectangle((12, 13), (4, 5), 2.0)]),
    ("GTV-3", []),
]
LEFT, RIGHT = box(z=1, y=(3, 8), x=(2, 6)), box(z=1, y=(3, 8), x=(10, 14))
FIRST, SECOND = box(z=1, y=(4, 5), x=(3, 4)), box(z=1, y=(4, 5), x=(12, 13))


@pytest.mark.parametrize(
    ("roi", "expected"),
    [
        (["GTV-1", "gtv 2"], FIRST + SECOND),
        ("[Gg][Tt][Vv]*", FIRST + SECOND),
        ("GTV*", FIRST),
        ({1: "Lung-Left", 2: "Lung-Right"}, LEFT + 2 * RIGHT),
        ({1: "Lung-*", 3: ["GTV-1", "gtv*"]}, LEFT + RIGHT + 2 * (FIRST + SECOND)),
        ({"LUNG1-00*": "GTV-1", "*": "gtv 2"}, FIRST),
        ({"LUNG1-1*": "GTV-1", "*": {2: "gtv 2"}}, 2 * SECOND),
    ],
)
def test_several_regions_become_one_label_or_several(roi, expected):
    found = rasterise(to_bytes(structure_set(*REGIONS)), roi, scan(), "rt", case="LUNG1-001")
    np.testing.assert_array_equal(found.array, expected)


def test_where_regions_overlap_the_last_label_counts_and_is_told():
    content = to_bytes(structure_set(*REGIONS))
    found = rasterise(content, {1: "Lung-Left", 2: "GTV-1"}, scan(), "rt")
    np.testing.assert_array_equal(found.array, LEFT + FIRST)
    assert found.warnings == ("4 voxels of GTV-1 lie in other regions, too; GTV-1 counts",)
    assert not rasterise(content, ["Lung-Left", "GTV-1"], scan(), "rt").warnings


@pytest.mark.parametrize(
    ("roi", "message"),
    [
        (["GTV-1", "GTV-2"], r"rt: no region 'GTV-2'; there are \['GTV-1', 'GTV-3', 'Lung-Left'"),
        (["GTV-1", "GTV-3"], r"region 'GTV-3' has no contours; regions with contours: GTV-1, Lung"),
        ("CTV*", r"rt: no region fits 'CTV\*'; there are: GTV-1, Lung-Left, Lung-Right, gtv 2$"),
        ({1: "GTV-1", 2: "GTV*"}, r"region 'GTV-1' fits 1 and 2 in roi"),
        ({"LUNG2*": "GTV-1"}, r"case LUNG1-001: fits none of the patterns LUNG2\*"),
    ],
)
def test_regions_that_are_not_there_are_refused(roi, message):
    with refused_in_one_line(message):
        rasterise(to_bytes(structure_set(*REGIONS)), roi, scan(), "rt", case="LUNG1-001")
