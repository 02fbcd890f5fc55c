"""DICOM SEG become labels: written by highdicom, read by us, frames in any order, on the scan's voxels."""

import copy

import numpy as np
import pytest
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from conftest import refused_in_one_line
from covidseg.cases.dicom import read_series
from covidseg.cases.segments import read_segments
from dicom_edits import edit, parse, random_scan, series, to_bytes

hd = pytest.importorskip("highdicom")
SHAPE = (7, 6, 5)
LABELS = ["Left Lung", "Right Lung", "Lesion"]


def truth():
    """Three segments that overlap nowhere; the two lowest and the highest slice are empty."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[2:5, 1:3, 0:2] = 1
    mask[3:6, 3:5, 2:4] = 2
    mask[4, 0, 4] = 3
    return mask


@pytest.fixture(scope="module")
def files():
    return series(random_scan(SHAPE))


def segment(number, label):
    code = hd.sr.CodedConcept("1", "99OWN", label)
    return hd.seg.SegmentDescription(number, label, code, code, hd.seg.SegmentAlgorithmTypeValues.MANUAL)


def write(files, mask, kind="BINARY", labels=LABELS, syntax=ExplicitVRLittleEndian, **options):
    """The content of a DICOM SEG of a mask (z, y, x), z from the lowest slice up."""
    slices = sorted(map(parse, files.values()), key=lambda one: float(one.ImagePositionPatient[2]))
    for one in slices:
        one.PatientBirthDate = one.StudyDate = one.StudyTime = one.AccessionNumber = one.PatientSex = ""
        one.StudyID, one.PatientName = "", "P^1"
    found = hd.seg.Segmentation(
        slices, mask, kind, [segment(i, label) for i, label in enumerate(labels, start=1)],
        series_instance_uid="1.2.9", series_number=9, sop_instance_uid="1.2.9.1", instance_number=1,
        manufacturer="m", manufacturer_model_name="m", software_versions="1", device_serial_number="1",
        transfer_syntax_uid=syntax, **options,
    )  # fmt: skip
    return to_bytes(found)


def read(content, files, roi=None, case=""):
    return read_segments(content, roi, read_series(files, "ct"), "seg.dcm", case=case)


@pytest.mark.parametrize("omit", [True, False])
@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_segments_lie_where_highdicom_has_put_them(files, kind, omit):
    mask = truth()
    if kind == "FRACTIONAL":
        mask = np.stack([mask == i for i in (1, 2, 3)], axis=-1).astype(np.float32) * 0.6
    found = read(write(files, mask, kind, omit_empty_frames=omit), files)
    np.testing.assert_array_equal(found.array, truth())
    assert not found.warnings
    assert not found.corrections


def test_less_than_half_of_a_voxel_is_background(files):
    mask = np.stack([truth() == i for i in (1, 2, 3)], axis=-1) * np.array([0.6, 0.4, 1.0])
    found = read(write(files, mask.astype(np.float32), "FRACTIONAL"), files)
    np.testing.assert_array_equal(found.array, np.where(truth() == 2, 0, truth()))
    assert found.warnings == ("Right Lung has no voxel",)


def test_compressed_frames_are_read(files):
    mask = np.stack([truth() == i for i in (1, 2, 3)], axis=-1).astype(np.float32)
    np.testing.assert_array_equal(
        read(write(files, mask, "FRACTIONAL", syntax=RLELossless), files).array, truth()
    )


def test_frames_come_in_any_order(files):
    content = parse(write(files, truth()))
    frames = content.pixel_array
    order = np.random.default_rng(1).permutation(len(frames))
    content.PerFrameFunctionalGroupsSequence = [content.PerFrameFunctionalGroupsSequence[i] for i in order]
    bits = np.packbits(frames[order].ravel(), bitorder="little").tobytes()
    content.PixelData = bits + b"\0" * (len(bits) % 2)
    np.testing.assert_array_equal(read(to_bytes(content), files).array, truth())


@pytest.mark.parametrize(
    ("roi", "ids"),
    [
        ("Lesion", {3: 1}),
        (["Left Lung", "Right Lung"], {1: 1, 2: 1}),
        ("* Lung", {1: 1, 2: 1}),
        ({1: "Right Lung", 2: "Left Lung"}, {1: 2, 2: 1}),
        ({1: ["Left*", "Right*"], 3: "Lesion"}, {1: 1, 2: 1, 3: 3}),
        ({"b*": "Left Lung", "*": {2: "Lesion"}}, {3: 2}),
    ],
)  # fmt: skip
def test_labels_choose_and_number_the_segments(files, roi, ids):
    expected = sum(np.where(truth() == number, label, 0) for number, label in ids.items())
    np.testing.assert_array_equal(read(write(files, truth()), files, roi, case="a1").array, expected)


def test_where_segments_overlap_the_last_one_counts(files):
    mask = np.zeros((*SHAPE, 2), np.uint8)
    mask[3, 1:5, 1:4, 0] = mask[3, 2:4, 2, 1] = 1
    content = write(files, mask, labels=["Lung", "Lesion"])
    found = read(content, files)
    assert np.array_equal(np.unique(found.array, return_counts=True)[1], [7 * 6 * 5 - 12, 10, 2])
    assert found.warnings == (
        "2 voxels of segment 2 (Lesion) lie in other regions, too; segment 2 (Lesion) counts",
    )
    assert not read(content, files, ["Lung", "Lesion"]).warnings


def test_a_filled_slice_has_the_segments_of_its_nearest_slice(files):
    content = write(files, truth())
    there = {
        name: file for name, file in files.items() if name != "1-003.dcm"
    }  # slice 4, as 1-001 is slice 6
    image = read_series(there, "ct")
    assert image.filled == (4,)
    content = write(there, np.delete(truth(), 4, axis=0))
    expected = truth()
    expected[4] = expected[3]
    found = read_segments(content, None, image, "seg.dcm")
    np.testing.assert_array_equal(found.array, expected)
    assert "Left Lung: 1 filled slices took the nearest slice" in found.corrections[0]


def moved(content, by):
    content = parse(content)
    for group in content.PerFrameFunctionalGroupsSequence:
        place = group.PlanePositionSequence[0]
        place.ImagePositionPatient = [
            float(a) + b for a, b in zip(place.ImagePositionPatient, by, strict=True)
        ]
    return to_bytes(content)


def changed(content, change):
    content = parse(content)
    change(content)
    return to_bytes(content)


def test_a_part_of_the_scan_is_laid_where_it_lies(files):
    """Frames smaller than the scan's slices: two rows and one column are cut off, and the origin moves."""
    content = parse(write(files, truth()))
    frames = content.pixel_array[:, :5, :4]
    content.Rows, content.Columns = 5, 4
    bits = np.packbits(frames.ravel(), bitorder="little").tobytes()
    content.PixelData = bits + b"\0" * (len(bits) % 2)
    expected = truth()
    expected[:, 5:], expected[:, :, 4:] = 0, 0
    np.testing.assert_array_equal(read(to_bytes(content), files).array, expected)


@pytest.mark.parametrize(
    ("change", "roi", "message"),
    [
        (lambda c: setattr(c, "FrameOfReferenceUID", "1.2.3"), None, r"seg\.dcm: drawn in frame of reference 1\.2\.3, but the scan's"),
        (lambda c: setattr(c, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.2"), None, r"this is CT Image Storage, expected a DICOM SEG"),
        (lambda c: setattr(c, "SegmentSequence", c.SegmentSequence[:2]), None, r"voxels of segment 3, which SegmentSequence does not"),
        (lambda c: setattr(c, "SegmentSequence", []), None, r"seg\.dcm: no segment"),
        (lambda c: setattr(c, "PixelData", c.PixelData[:8]), None, r"seg\.dcm: truncated \(8 of \d+ bytes"),
        (lambda c: setattr(c.SegmentSequence[1], "SegmentLabel", "Left Lung"), "Left Lung", r"2 segments are labelled 'Left Lung'"),
        (lambda c: None, "GTV", r"no segment is labelled 'GTV'; there are: 1 Left Lung, 2 Right Lung, 3 Lesion"),
        (lambda c: None, "GTV*", r"no region fits 'GTV\*'; there are: Left Lung, Lesion, Right Lung"),
        (lambda c: None, {1: "Left*", 2: "*Lung"}, r"region 'Left Lung' fits 1 and 2 in roi"),
        (lambda c: None, {"b*": "Lesion"}, r"case a1: fits none of the patterns b\*"),
        (lambda c: delattr(c, "PerFrameFunctionalGroupsSequence"), None, r"frames, but no PerFrameFunctionalGroupsSequence"),
        (lambda c: setattr(c.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0], "PixelSpacing", [1.6, 1.4]), None, r"pixels of 1\.6 x 1\.4 mm .* do not lie on the scan's voxels of 5 x 0\.8 x 0\.7 mm"),
        (lambda c: setattr(c.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0], "ImageOrientationPatient", [1, 0, 0, 0, 0, 1]), None, r"do not lie on the scan's voxels"),
    ],
)  # fmt: skip
def test_a_segmentation_that_does_not_fit_is_refused(files, change, roi, message):
    with refused_in_one_line(message):
        read(changed(write(files, truth()), change), files, roi, case="a1")


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ((0, 0, 2.0), r"frame 1: its pixels .* do not lie on the scan's voxels"),
        ((0.2, 0, 0), r"do not lie on the scan's voxels"),
        ((0, 0, 500.0), r"segmented voxels at z = .* mm lie outside the scan"),
        ((-0.7, 0, 0), r"lie outside the scan"),
    ],
)
def test_frames_beside_the_voxels_of_the_scan_are_refused(files, by, message):
    with refused_in_one_line(message):
        read(moved(write(files, truth()), by), files)


def test_a_shift_by_whole_voxels_moves_the_label(files):
    shifted = read(moved(write(files, truth()), (0, 0.8, 5.0)), files).array
    np.testing.assert_array_equal(shifted[1:, 1:], truth()[:-1, :-1])


def test_slices_stored_from_head_to_foot_and_other_directions(files):
    """A scan whose rows run from left to right: its segmentation is turned with it."""
    turned = copy.deepcopy(files)
    edit(turned, ImageOrientationPatient=[-1, 0, 0, 0, 1, 0])
    content = write(turned, truth())
    np.testing.assert_array_equal(read(content, turned).array, truth()[:, :, ::-1])
