"""A user's own scans in DICOM: the series that is taken, and the DICOM SEG, read back."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest

from conftest import refused_in_one_line
from covidseg.cases.dicom import read_series
from covidseg.segment import NOT_CLINICAL, command
from covidseg.segment.lungs import Lungs
from covidseg.segment.result import Result
from covidseg.segment.scans import list_series, read_dicom_files, read_scan
from covidseg.segment.series import choose_series, find_series
from dicom_edits import edit, enhanced, move, parse, random_scan, series, to_bytes

dicom_seg = pytest.importorskip("covidseg.segment.dicom_seg")
hd = pytest.importorskip("highdicom")


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def two_series(tmp_path):
    """A zip with a series of 6 slices, a series of 4 and a report."""
    files = series(random_scan((6, 5, 4)))
    edit(files, SeriesInstanceUID="1.2.3", SeriesDescription="chest")
    other = series(random_scan((4, 5, 4)))
    edit(other, SeriesInstanceUID="1.2.9", SeriesDescription="sharp")
    files |= {f"other/{name}": content for name, content in other.items()} | {"report.txt": b"no DICOM"}
    return zipped(tmp_path / "a.zip", files)


def test_the_largest_ct_series_is_taken_and_another_one_on_request(two_series):
    volume = read_scan(two_series)
    assert volume.geometry.shape[0] == 6
    assert volume.warnings == (
        "series 1.2.3 (6 slices, chest); not taken: 1.2.9 (4 slices, sharp); --series takes another one",
        "left out: 1 of 11 files (no CT image)",
    )
    assert read_scan(two_series, series="1.2.9").geometry.shape[0] == 4
    with refused_in_one_line(
        r"--series 1.2: 2 series have this UID; there are: 1.2.3 \(6 slices, chest\); 1.2.9"
    ):
        read_scan(two_series, series="1.2")
    with refused_in_one_line("a.zip: no CT image; files: 1 no DICOM"):
        find_series({"report.txt": b"no DICOM"}, "a.zip")


def test_a_uid_that_another_one_begins_with_can_be_chosen(two_series):
    found = list_series(two_series)
    found[1].uid = "1.2.3.4"
    assert choose_series(found, "1.2.3", "a.zip") is found[0]


def test_series_are_listed_without_segmenting(two_series, tmp_path, capsys):
    nothing = tmp_path / "b.nii"
    nothing.touch()
    assert (
        command.main(["segment", str(two_series), str(nothing), "-o", str(tmp_path / "out"), "--series"]) == 1
    )
    assert capsys.readouterr().err.splitlines() == [
        "INFO a: 1.2.3 (6 slices, chest)",
        "INFO a: 1.2.9 (4 slices, sharp)",
        f"ERROR {nothing}: a file without DICOM series",
    ]
    assert not (tmp_path / "out").exists()


def test_an_enhanced_ct_of_many_slices_in_one_file_is_the_largest_series(tmp_path):
    files = series(random_scan((3, 5, 4)))
    edit(files, SeriesInstanceUID="1.1")
    other = series(random_scan((6, 5, 4)))
    edit(other, SeriesInstanceUID="1.9")
    many = to_bytes(enhanced(other, sorted(other)))
    assert read_scan(zipped(tmp_path / "a.zip", files | {"many.dcm": many})).geometry.shape[0] == 6


@pytest.mark.parametrize(("gone", "message"), [(2, None), (5, "5 slices are missing between these")])
def test_missing_slices_are_told_or_refused(tmp_path, gone, message):
    files = series(random_scan((12, 5, 4)))
    for number in range(gone):
        del files[f"1-{3 + number:03}.dcm"]
    path = zipped(tmp_path / "a.zip", files)
    if message:
        with refused_in_one_line(message):
            read_scan(path)
    else:
        assert any(words.startswith("filled: slices at ") for words in read_scan(path).corrections)


def test_a_magnetic_resonance_scan_is_no_ct(tmp_path):
    files = series(random_scan((3, 5, 4)))
    edit(files, Modality="MR", SOPClassUID=pydicom.uid.MRImageStorage)
    with refused_in_one_line("no CT image; files: 3 MR"):
        read_scan(zipped(tmp_path / "a.zip", files))


# DICOM SEG


def rotate(files, degrees):
    """Turn a series around the patient's axis from left to right, so that its slices become oblique."""
    angle = np.radians(degrees)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    for name, content in files.items():
        header = parse(content)
        position = turn @ np.array(header.ImagePositionPatient, float)
        directions = np.array(header.ImageOrientationPatient, float).reshape(2, 3) @ turn.T
        edit(
            files,
            name,
            ImagePositionPatient=position.round(6).tolist(),
            ImageOrientationPatient=directions.round(8).ravel().tolist(),
        )


def tilt(files):
    """Shift each slice by 0.5 mm to the back against the slice below it, as under a tilted gantry."""
    for number, name in enumerate(sorted(files, reverse=True)):
        move(files, name, [0, 0.5 * number, 0])


def sort_otherwise(files):
    """Names and instance numbers in an order that has nothing to do with the places of the slices."""
    order = np.random.default_rng(3).permutation(len(files))
    contents = [files.pop(name) for name in sorted(files)]
    for number, place in enumerate(order):
        files[f"{number}.dcm"] = contents[place]
        edit(files, f"{number}.dcm", InstanceNumber=int(number))


def upside_down(files):
    """Rows from the patient's back to the front and from left to right, as of a patient who lies prone."""
    for name, content in files.items():
        header = parse(content)
        rows, columns = header.Rows, header.Columns
        far = np.array(header.ImagePositionPatient, float)
        far += np.array([0.7 * (columns - 1), 0.8 * (rows - 1), 0])
        edit(
            files,
            name,
            ImagePositionPatient=far.tolist(),
            ImageOrientationPatient=[-1, 0, 0, 0, -1, 0],
            PixelData=np.ascontiguousarray(header.pixel_array[::-1, ::-1]).tobytes(),
        )


def lose_a_slice(files):
    del files["1-003.dcm"]


def store_one_twice(files):
    files["copy.dcm"] = files["1-002.dcm"]
    edit(files, "copy.dcm", SOPInstanceUID="1.2.3.4.5")


def as_enhanced(files):
    content = enhanced(files, sorted(files, reverse=True))
    measures = content.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.SliceThickness = 5
    files.clear()
    files["many.dcm"] = to_bytes(content)


CHANGES = [
    lambda files: None,
    sort_otherwise,
    upside_down,
    lambda files: rotate(files, 20),
    tilt,
    lose_a_slice,
    store_one_twice,
    as_enhanced,
]


def result_of(files, infection_of):
    """A segmented scan: marked is what lies at a place in the patient, and lungs to both sides."""
    image = read_series(files, "series")
    indices = np.indices(image.array.shape)[::-1].reshape(3, -1)
    places = (image.geometry.affine[:3, :3] @ indices + image.geometry.affine[:3, 3:]).T
    infection = np.array([infection_of(place) for place in places]).reshape(image.array.shape)
    left = (places[:, 0] > places[:, 0].mean()).reshape(infection.shape)
    return Result(
        name="a",
        path=Path("a.zip"),
        image=image,
        windowed=False,
        lungs=Lungs(left, ~left, np.zeros_like(left)),
        infection=infection,
        disagreement=np.zeros(infection.shape, np.uint8),
        numbers={},
        models=("scratch", "lungs"),
        networks=1,
        warnings=[],
    )


@pytest.mark.parametrize(
    "change",
    CHANGES,
    ids=[
        "as is",
        "sorted otherwise",
        "prone",
        "oblique",
        "tilted",
        "a slice is missing",
        "twice",
        "enhanced",
    ],
)
def test_a_dicom_seg_read_back_marks_the_same_places_in_the_patient(tmp_path, change):
    """Every pixel's place is computed from the header that the SEG itself has, independently of the writer."""
    files = series(random_scan((9, 12, 10)))
    change(files)
    affine = result_of(files, lambda place: False).image.geometry.affine
    corner = affine[:3, :3] @ [4, 5, 4] + affine[:3, 3]

    def infected(place):
        """In front of, to the right of and below a place: each direction is told apart."""
        return bool(place[0] < corner[0] + 0.2 and place[1] < corner[1] + 0.2 and place[2] < corner[2] + 0.2)

    result = result_of(files, infected)
    assert 0.01 < result.infection.mean() < 0.7
    dicom_seg.write_dicom_seg(tmp_path / "a.dcm", files, result)
    found = hd.seg.segread(tmp_path / "a.dcm")
    assert [segment.SegmentLabel for segment in found.SegmentSequence] == list(dicom_seg.SEGMENTS)
    expected = {number: set() for number in (1, 2, 3)}
    masks = dict(zip(expected, (result.infection, result.lungs.left, result.lungs.right), strict=True))
    counts = dict.fromkeys(expected, 0)
    near = (
        0.41 if change is tilt else 0.02
    )  # mm; tilted slices lie up to half a pixel beside the sheared grid
    for frame, pixels in zip(found.PerFrameFunctionalGroupsSequence, found.pixel_array, strict=True):
        number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for voxel in voxels_of(found, frame, pixels, result.image.geometry, near):
            assert masks[number][voxel], (number, voxel)
        counts[number] += int(pixels.sum())
    if change is tilt:  # the sheared grid is larger than the slices
        places = [
            parse(content).ImagePositionPatient + np.array([0.7 * column, 0.8 * row, 0])
            for content in files.values()
            for row, column in np.ndindex(12, 10)
        ]
        assert counts[1] == pytest.approx(sum(map(infected, places)), rel=0.1)
        assert counts[2] + counts[3] == 9 * 12 * 10
        return
    for number, mask in masks.items():
        assert counts[number] == np.delete(mask, list(result.image.filled), 0).sum()


def voxels_of(found, frame, pixels, geometry, near):
    """The voxels (z, y, x) of a grid at which the marked pixels of a frame lie."""
    shared = found.SharedFunctionalGroupsSequence[0]
    measures = (frame if "PixelMeasuresSequence" in frame else shared).PixelMeasuresSequence[0]
    plane = (frame if "PlaneOrientationSequence" in frame else shared).PlaneOrientationSequence[0]
    along, down = np.array(plane.ImageOrientationPatient, float).reshape(2, 3)
    start = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
    between_rows, between_columns = map(float, measures.PixelSpacing)
    for row, column in np.argwhere(pixels):
        place = start + column * between_columns * along + row * between_rows * down
        x, y, z = np.linalg.solve(geometry.affine[:3, :3], place - geometry.affine[:3, 3])
        voxel = tuple(np.rint([z, y, x]).astype(int))
        back = geometry.affine[:3, :3] @ voxel[::-1] + geometry.affine[:3, 3]
        assert np.abs(back - place).max() < near
        yield voxel


def test_a_dicom_seg_belongs_to_the_patient_and_is_not_for_clinical_use(tmp_path):
    files = series(random_scan((4, 6, 5)))
    edit(files, PatientName="Doe^Jane", PatientID="7")
    dicom_seg.write_dicom_seg(tmp_path / "a.dcm", files, result_of(files, lambda place: False))
    found, scan = pydicom.dcmread(tmp_path / "a.dcm"), parse(files["1-001.dcm"])
    assert (found.PatientID, found.Modality) == ("7", "SEG")
    assert found.StudyInstanceUID == scan.StudyInstanceUID
    assert found.FrameOfReferenceUID == scan.FrameOfReferenceUID
    assert found.SeriesInstanceUID != scan.SeriesInstanceUID
    assert NOT_CLINICAL in found.ContentDescription
    assert NOT_CLINICAL in found.SeriesDescription
    referred = {
        one.ReferencedSOPInstanceUID for one in found.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    }
    assert referred == {parse(content).SOPInstanceUID for content in files.values()}


def test_slices_without_what_a_dicom_seg_repeats_are_refused_in_one_line(tmp_path):
    files = series(random_scan((4, 6, 5)))
    edit(files, StudyInstanceUID=None)
    with refused_in_one_line("a.zip: no DICOM SEG of these slices: .*StudyInstanceUID"):
        dicom_seg.write_dicom_seg(tmp_path / "a.dcm", files, result_of(files, lambda place: False))
    assert list(tmp_path.iterdir()) == []


def test_the_files_of_a_series_are_those_of_the_scan(two_series):
    files = read_dicom_files(two_series, "1.2.9")
    assert len(files) == 4
    assert all(
        pydicom.dcmread(io.BytesIO(content)).SeriesInstanceUID == "1.2.9" for content in files.values()
    )
