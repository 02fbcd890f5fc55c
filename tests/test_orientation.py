"""Which way round a scan lies: headers and label ids that contradict each other, put right or refused."""

import logging
import zipfile

import numpy as np
import pytest

from conftest import make_volume
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.ingest import ingest
from covidseg.cases.intensity import first_fitting
from covidseg.cases.orientation import EXCHANGED, MASKS_HEADER, MIRRORED, read_sides, scan_under_masks
from covidseg.errors import InputError
from covidseg.volumes import Volume, nifti_bytes, parse_volume, read_volume

SHAPE = (6, 10, 12)
LEFT, RIGHT = np.s_[1:5, 2:6, 7:10], np.s_[1:5, 2:7, 1:4]  # x grows to the left; the left lung is the smaller
DATASET = {
    "title": "Ours",
    "images": {"archive": "own/images.zip", "member": "{case}.nii.gz", "format": "nifti"},
    "labels": {"archive": "own/labels.zip", "member": "{case}.nii.gz", "format": "nifti", "map": {0: 0, 1: 1, 2: 2, 3: 3}},
    "lungs": {"archive": "own/lungs.zip", "member": "{case}.nii.gz", "format": "nifti", "map": {0: 0, 1: 1, 2: 2}},
    "sides": {"a*": "header", "b*": "labels", "*": "refuse"},
    "case_name": "{case}",
    "patient": ".*",
    "regions": {1: "left_lung", 2: "right_lung", 3: "infection"},
    "intensity": {"*": "hounsfield"},
}  # fmt: skip


def thorax(left=LEFT, right=RIGHT, exchanged=False):
    """A scan with dark lungs off the middle, its lungs, and its label with an infected voxel."""
    image = np.full(SHAPE, 30, np.int16)
    lungs = np.zeros(SHAPE, np.uint8)
    for number, box in ((1, left), (2, right)):
        image[box] = -800
        lungs[box] = 3 - number if exchanged else number
    label = lungs.copy()
    label[2, 3, 8] = 3
    return (make_volume(array) for array in (image, lungs, label))


def stored(volume, orientation):
    return parse_volume(nifti_bytes(volume, orientation=orientation), "x")


def under_other_header(volume, orientation, wrong, axes):
    """Store voxels as `orientation` would, behind a header that says `wrong`; axes (z, y, x) differ."""
    return stored(Volume(np.flip(volume.array, axes), volume.geometry), wrong)


@pytest.mark.parametrize(("wrong", "axes"), [("LAS", [1]), ("LAI", [1, 0]), ("RAI", [0, 1, 2])])
def test_the_scan_takes_the_masks_header_where_its_lungs_are_darker_so(wrong, axes):
    image, lungs, _ = thorax()
    turned = scan_under_masks(under_other_header(image, "LPS", wrong, axes), stored(lungs, "LPS"))
    np.testing.assert_array_equal(turned.array, image.array)
    assert turned.geometry.differences(lungs.geometry) == []


@pytest.mark.parametrize("orientation", ["LPS", "LAS", "RAI", "PLS"])
def test_masks_stored_in_another_order_are_no_contradiction(orientation):
    image, lungs, _ = thorax()
    assert scan_under_masks(stored(image, "LPS"), stored(lungs, orientation)) is None
    assert scan_under_masks(stored(image, orientation), stored(lungs, "LPS")) is None


def test_a_dicom_series_has_no_order_to_compare():
    image, lungs, _ = thorax()
    assert scan_under_masks(image, stored(lungs, "LAS")) is None


def test_sides_are_read_in_patient_space():
    for exchanged in (False, True):
        _, lungs, _ = thorax(exchanged=exchanged)
        sides = read_sides(lungs.array, "case")
        assert sides.agree != exchanged
        assert sides.left_is_smaller != exchanged


@pytest.mark.parametrize(("label", "side"), [(1, "left"), (2, "right")])
def test_a_missing_lung_is_refused(label, side):
    _, lungs, _ = thorax()
    with pytest.raises(
        InputError, match=f"a: no voxel is labelled {side} lung, so the sides cannot be verified"
    ):
        read_sides(np.where(lungs.array == label, 0, lungs.array), "a")


def run(tmp_path, cases, dataset=DATASET):
    (tmp_path / "raw" / "own").mkdir(parents=True)
    for place, kind in enumerate(("images", "lungs", "labels")):
        with zipfile.ZipFile(tmp_path / "raw" / "own" / f"{kind}.zip", "w") as archive:
            for case, volumes in cases.items():
                archive.writestr(f"{case}.nii.gz", volumes[place])
    ingest(dataset, raw=tmp_path / "raw", names=None, output=CaseFolder(tmp_path / "cases"), workers=1)
    return tmp_path / "cases"


def files(exchanged=False, orientation="LPS", **boxes):
    return [nifti_bytes(volume, orientation=orientation) for volume in thorax(exchanged=exchanged, **boxes)]


def read(output, case):
    return (read_volume(output / kind / f"{case}.nii.gz").array for kind in ("images", "labels"))


def test_left_and_right_are_exchanged_where_the_header_is_believed(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        output = run(tmp_path, {"a1": files(exchanged=True), "a2": files()})
    image, _, label = thorax()
    for case in ("a1", "a2"):
        found_image, found_label = read(output, case)
        np.testing.assert_array_equal(found_image, image.array)
        np.testing.assert_array_equal(found_label, label.array)
    assert f"cases: {EXCHANGED} in 1 of 2 cases, listed in cases.csv" in caplog.text
    rows = (output / "cases.csv").read_text().splitlines()
    assert EXCHANGED in rows[1]
    assert EXCHANGED not in rows[2]


def test_scan_and_labels_are_mirrored_where_the_labels_are_believed(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        output = run(tmp_path, {"b1": files(exchanged=True)})
    image, lungs, _ = thorax()
    found_image, found_label = read(output, "b1")
    np.testing.assert_array_equal(found_image, image.array[:, :, ::-1])
    np.testing.assert_array_equal(found_label > 0, (lungs.array > 0)[:, :, ::-1])
    assert read_sides(np.where(found_label == 3, 1, found_label), "b1").agree
    assert f"cases: {MIRRORED} in 1 of 1 cases" in caplog.text


def test_a_contradiction_that_nobody_settles_is_refused(tmp_path):
    match = r"labels\.zip:c1\.nii\.gz: the lung labelled left lies on the patient's right; look at .*datasets\.yaml"
    with pytest.raises(InputError, match=match):
        run(tmp_path, {"c1": files(exchanged=True)})
    assert list((tmp_path / "cases").iterdir()) == []


def test_a_wrong_header_is_put_right_before_the_sides_are_read(tmp_path):
    image, lungs, label = thorax()
    mirrored = nifti_bytes(Volume(np.flip(image.array, 1), image.geometry), orientation="LAS")
    masks = [nifti_bytes(mask, orientation="LPS") for mask in (lungs, label)]
    output = run(tmp_path, {"c1": [mirrored, *masks]})
    found_image, found_label = read(output, "c1")
    np.testing.assert_array_equal(found_image, image.array)
    np.testing.assert_array_equal(found_label, label.array)
    assert MASKS_HEADER in (output / "cases.csv").read_text()


def test_a_group_whose_left_lungs_are_the_larger_is_warned_of(tmp_path, caplog):
    """Header and labels agree, and both are mirrored."""
    small = np.s_[1:5, 2:6, 1:4]
    large = np.s_[1:5, 2:7, 7:10]
    cases = {f"c{i}": files(left=large, right=small) for i in range(4)} | {
        "a1": files(left=large, right=small)
    }
    with caplog.at_level(logging.WARNING):
        run(tmp_path / "few", cases)
    assert "larger" not in caplog.text, "four cases are too few to judge by"
    with caplog.at_level(logging.WARNING):
        run(tmp_path / "enough", cases | {"c4": files(left=large, right=small), "c5": files()})
    assert (
        "cases: the left lung is the larger one in 5 of 6 cases *, which the heart makes unlikely"
        in caplog.text
    )


def test_a_case_that_no_pattern_fits_is_refused():
    with pytest.raises(
        InputError, match=r"case c1: fits none of the patterns a\*, b\* in datasets\.yaml; add '\*'"
    ):
        first_fitting({"a*": "x", "b*": "y"}, "c1")
