"""CT series: sorted, complete, in Hounsfield units, chosen among other files."""

import io
import tarfile

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import MediaStorageDirectoryStorage, RTStructureSetStorage, SecondaryCaptureImageStorage

from conftest import refused_in_one_line
from covidseg.cases.dicom import read_series
from covidseg.cases.readers import load_case
from covidseg.errors import InputError
from dicom_edits import edit, enhanced, parse, random_scan, series, to_bytes

ARCHIVE = "LUNG1-001_dicom.tar.xz"


@pytest.fixture
def scan():
    return random_scan()


@pytest.fixture
def files(scan):
    """The scan's slices, from head to foot."""
    return series(scan)


def test_slices_are_sorted_and_rescaled(scan, files):
    read = read_series(dict(reversed(files.items())), "P1")
    np.testing.assert_array_equal(read.array, scan.array)
    assert read.array.dtype == np.int16
    assert read.geometry.differences(scan.geometry) == []
    assert (read.stored, read.filled, read.corrections, read.warnings) == ("", (), (), ())
    assert read.frame_of_reference == parse(files["1-001.dcm"]).FrameOfReferenceUID


@pytest.mark.parametrize(
    ("rows", "columns", "flipped"),
    [([1, 0, 0], [0, 0, -1], [0]), ([0, 1, 0], [0, 0, -1], [0]), ([-1, 0, 0], [0, -1, 0], [1, 2])],
)
def test_any_orientation_comes_out_upright_and_in_place(rows, columns, flipped):
    """ITK is the oracle: every voxel lies where ITK says."""
    scan = random_scan((4, 6, 5))
    files = series(scan)
    normal = np.cross(rows, columns)
    for place, name in enumerate(files):
        edit(
            files,
            name,
            ImageOrientationPatient=[*rows, *columns],
            ImagePositionPatient=(5.0 * place * normal).tolist(),
        )
    read = read_series(files, "P1")
    image = sitk.JoinSeries(
        [sitk.GetImageFromArray(parse(content).pixel_array) for content in files.values()]
    )
    image.SetSpacing((0.7, 0.8, 5.0))
    image.SetDirection(np.array([rows, columns, normal], float).T.ravel().tolist())
    for index in [(0, 0, 0), (4, 5, 3), (1, 3, 2)]:
        point = image.TransformIndexToPhysicalPoint(index)
        x, y, z = np.rint(np.linalg.inv(read.geometry.affine) @ [*point, 1])[:3].astype(int)
        assert read.array[z, y, x] == image[index] - 1024


def test_two_series_are_refused_with_the_files_of_each(files):
    edit(files, "1-001.dcm", SeriesInstanceUID="1.2.3", SeriesDescription="Thorax\n5 mm")
    message = (
        r"^P1: expected one DICOM series, found 2: 1\.2\.3 \(1 files such as P1:1-001\.dcm, Thorax 5 mm\); "
        r"[\d.]+ \(6 files such as P1:1-002\.dcm, no description\); choose one by `member` in datasets\.yaml$"
    )
    with refused_in_one_line(message):
        read_series(files, "P1")


def test_a_localiser_is_left_out_by_name(scan, files):
    files["scout.dcm"] = files["1-004.dcm"]
    edit(
        files, "scout.dcm", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
        ImageOrientationPatient=[1, 0, 0, 0, 0, -1],
    )  # fmt: skip
    read = read_series(files, "P1")
    np.testing.assert_array_equal(read.array, scan.array)
    assert read.warnings == ("left out: 1 localiser (P1:scout.dcm)",)


@pytest.mark.parametrize(
    ("storage", "name"),
    [
        (MediaStorageDirectoryStorage, "Media Storage Directory Storage"),
        (RTStructureSetStorage, "RT Structure Set Storage"),
        (SecondaryCaptureImageStorage, "Secondary Capture Image Storage"),
    ],
)
def test_files_of_other_kinds_are_left_out_by_name(scan, files, storage, name):
    other = parse(files["1-001.dcm"])
    other.SOPClassUID, other.SeriesInstanceUID = storage, "1.2.3"
    del other.PixelData, other.ImagePositionPatient
    files["other"] = to_bytes(other)
    read = read_series(files, "P1")
    np.testing.assert_array_equal(read.array, scan.array)
    assert read.warnings == (f"left out: 1 {name} (P1:other)",)


def test_the_first_of_several_files_left_out_is_named(files):
    for name in ("scout1.dcm", "scout2.dcm"):
        files[name] = files["1-004.dcm"]
        edit(files, name, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    assert read_series(files, "P1").warnings == ("left out: 2 localiser (P1:scout1.dcm)",)


def test_the_meta_group_says_the_kind_of_a_file_without_class(scan, files):
    """As in a DICOMDIR."""
    other = parse(files["1-001.dcm"])
    other.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    del other.SOPClassUID, other.PixelData, other.SeriesInstanceUID
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, other)
    files["DICOMDIR"] = buffer.getvalue()
    read = read_series(files, "P1")
    np.testing.assert_array_equal(read.array, scan.array)
    assert read.warnings == ("left out: 1 Media Storage Directory Storage (P1:DICOMDIR)",)


def test_an_image_of_another_modality_in_the_series_is_refused(files):
    edit(files, "1-003.dcm", Modality="PT")
    with refused_in_one_line(
        r"^P1:1-003\.dcm: image of modality PT in a CT series, expected CT images only$"
    ):
        read_series(files, "P1")


def test_files_without_any_ct_are_refused_by_kind(files):
    edit(files, Modality="MR")
    with refused_in_one_line("^P1: no CT image; there are: 7 image of modality MR$"):
        read_series(files, "P1")


@pytest.mark.parametrize("kept", [0, 100, 131, 132, 133, 400, -20])
def test_a_truncated_slice_is_refused_by_name(files, kept):
    files["1-003.dcm"] = files["1-003.dcm"][:kept]
    with refused_in_one_line(r"^P1:1-003\.dcm: (truncated or not a CT slice|no SeriesInstanceUID$)"):
        read_series(files, "P1")


def test_a_text_among_the_slices_is_refused_by_name(files):
    files["readme.txt"] = b"These are the slices of patient 1.\n" * 20
    with refused_in_one_line(r"^P1:readme\.txt: truncated or not a CT slice"):
        read_series(files, "P1")


@pytest.mark.parametrize("removed", ["preamble", "preamble and meta group"])
def test_slices_without_a_preamble_are_read(scan, files, removed):
    for name, content in files.items():
        meta = parse(content).file_meta.FileMetaInformationGroupLength
        files[name] = content[132:] if removed == "preamble" else content[132 + 12 + meta :]
    np.testing.assert_array_equal(read_series(files, "P1").array, scan.array)


def test_one_slice_is_no_volume(files):
    with refused_in_one_line(r"^P1:1-001\.dcm: 1 DICOM slice, expected at least 2"):
        read_series({"1-001.dcm": files["1-001.dcm"]}, "P1")


def test_no_file_is_no_volume():
    with refused_in_one_line("^P1: no CT image; there are: no file"):
        read_series({}, "P1")


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5, 6], [4, 0, 6, 1, 5, 3, 2]])
def test_enhanced_ct_is_read_in_any_order_of_frames(scan, files, order):
    names = [list(files)[index] for index in order]
    read = read_series({"all.dcm": to_bytes(enhanced(files, names))}, "P1")
    np.testing.assert_array_equal(read.array, scan.array)
    assert read.geometry.differences(scan.geometry) == []


def test_enhanced_ct_has_a_slope_per_frame(scan, files):
    content = enhanced(files, list(files))
    top = content.PerFrameFunctionalGroupsSequence[0].PixelValueTransformationSequence[0]
    top.RescaleSlope, top.RescaleIntercept = 2, -2048
    read = read_series({"all.dcm": to_bytes(content)}, "P1")
    np.testing.assert_array_equal(read.array[:-1], scan.array[:-1])
    np.testing.assert_array_equal(read.array[-1], 2 * scan.array[-1])


def test_enhanced_ct_lacks_a_frame(scan, files):
    content = enhanced(files, [name for name in files if name != "1-004.dcm"])
    read = read_series({"all.dcm": to_bytes(content)}, "P1")
    assert read.filled == (3,)
    assert read.array.shape == scan.array.shape


def test_enhanced_ct_names_the_frame_at_fault(files):
    content = enhanced(files, list(files))
    del content.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence
    with refused_in_one_line(r"^P1:all\.dcm, frame 3: no ImagePositionPatient$"):
        read_series({"all.dcm": to_bytes(content)}, "P1")


def test_enhanced_ct_with_too_few_groups_is_refused(files):
    content = enhanced(files, list(files))
    del content.PerFrameFunctionalGroupsSequence[2]
    with refused_in_one_line("^P1:all.dcm: NumberOfFrames is 7, but 6 functional groups are there"):
        read_series({"all.dcm": to_bytes(content)}, "P1")


@pytest.mark.parametrize("frames", [2, 7])
def test_frames_without_groups_are_refused(files, frames):
    content = enhanced(files, list(files)[:frames])
    del content.PerFrameFunctionalGroupsSequence
    with refused_in_one_line(f"^P1:all.dcm: {frames} frames, but no PerFrameFunctionalGroupsSequence"):
        read_series({"all.dcm": to_bytes(content)}, "P1")


@pytest.mark.parametrize(
    "keyword",
    ["SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope",
     "RescaleIntercept", "PixelData", "Rows", "BitsStored", "PhotometricInterpretation"],
)  # fmt: skip
@pytest.mark.parametrize("empty", [False, True])
def test_an_absent_element_is_named(files, keyword, empty):
    content = parse(files["1-005.dcm"])
    content[keyword].value = None
    if not empty:
        delattr(content, keyword)
    files["1-005.dcm"] = to_bytes(content)
    with refused_in_one_line(rf"^P1:1-005\.dcm: no {keyword}$"):
        read_series(files, "P1")


def test_an_absent_transfer_syntax_is_named(files):
    content = parse(files["1-005.dcm"])
    del content.file_meta.TransferSyntaxUID
    buffer = io.BytesIO()
    content.save_as(buffer, implicit_vr=False, little_endian=True)
    files["1-005.dcm"] = buffer.getvalue()
    with refused_in_one_line(r"^P1:1-005\.dcm: no TransferSyntaxUID$"):
        read_series(files, "P1")


@pytest.mark.parametrize(
    ("keyword", "value", "message"),
    [
        ("PixelSpacing", [0.8, 0], r"PixelSpacing is \[0.8, 0.0\], expected 0.1 to 20.0 mm"),
        ("PixelSpacing", [0.8], "PixelSpacing is 0.8, expected 2 finite number"),
        ("ImagePositionPatient", [0, 0], r"ImagePositionPatient is \[0.0, 0.0\], expected 3 finite number"),
        ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0], "two directions of length 1 at a right angle"),
        ("ImageOrientationPatient", [0, 0, 0, 0, 0, 0], "two directions of length 1 at a right angle"),
        ("RescaleSlope", 0, "RescaleSlope is 0"),
    ],
)
def test_an_unfit_element_is_named(files, keyword, value, message):
    edit(files, "1-005.dcm", **{keyword: value})
    with refused_in_one_line(rf"^P1:1-005\.dcm: .*{message}"):
        read_series(files, "P1")


@pytest.mark.parametrize("value", [b"xyz ", b"nan ", b"inf ", b"1\\2 "])
def test_a_number_that_is_none_is_named(files, value):
    slope = b"\x28\x00\x53\x10DS\x04\x00"
    files["1-005.dcm"] = files["1-005.dcm"].replace(slope + b"1.0 ", slope + value)
    with refused_in_one_line(r"^P1:1-005\.dcm: .*(RescaleSlope is .*expected 1 finite number|xyz)"):
        read_series(files, "P1")


def test_the_message_names_the_member_in_the_users_archive(tmp_path, files):
    """Not a temporary file."""
    edit(files, "1-002.dcm", RescaleSlope=None)
    with tarfile.open(tmp_path / "scans.tar", "w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"P1/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    dataset = {
        "images": {"archive": "scans.tar", "member": "{case}/*.dcm", "format": "dicom"},
        "case_name": "{case}",
    }
    with refused_in_one_line(f"^{tmp_path}/scans.tar:P1/1-002.dcm: no RescaleSlope$"):
        load_case(dataset, tmp_path, "P1")


def test_missing_slices_are_refused_if_the_data_set_says_so(tmp_path, files):
    folder = tmp_path / "scans" / "P1"
    folder.mkdir(parents=True)
    for name, content in files.items():
        if name != "1-004.dcm":
            (folder / name).write_bytes(content)
    dataset = {
        "images": {"archive": "scans", "member": "{case}/*.dcm", "format": "dicom"},
        "case_name": "{case}",
        "missing_slices": "refuse",
    }
    with pytest.raises(InputError, match=r"P1/1-007\.dcm: its series lacks slices at 20 mm"):
        load_case(dataset, tmp_path, "P1")


@pytest.mark.slow
def test_a_real_series_reads_as_by_itk(real_data, tmp_path):
    with tarfile.open(real_data / ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "LUNG1-001" / "image"
    read = read_series({file.name: file.read_bytes() for file in folder.iterdir()}, "LUNG1-001")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
    image = reader.Execute()
    np.testing.assert_array_equal(read.array, sitk.GetArrayFromImage(image))
    assert read.geometry.affine[:3, 3].tolist() == list(image.GetOrigin())
    assert read.geometry.spacing == pytest.approx(image.GetSpacing()[::-1], abs=1e-5)


@pytest.mark.parametrize(("cosine", "fits"), [("0.9999", True), ("0.9990", False)])
def test_directions_are_unit_vectors_but_for_rounding(scan, files, cosine, fits):
    """Their lengths squared are 0.9998 and 0.998; the tolerance is 0.001."""
    edit(files, ImageOrientationPatient=["1", "0", "0", "0", cosine, "0"])
    if fits:
        np.testing.assert_array_equal(read_series(files, "P1").array, scan.array)
        return
    with refused_in_one_line("two directions of length 1 at a right angle"):
        read_series(files, "P1")
