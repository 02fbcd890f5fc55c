"""Which way round a scan lies: headers and label ids that contradict each other, put right or refused."""

import logging
import zipfile
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from conftest import make_volume, refused_in_one_line
from covidseg.archives.phantom.cohort import make_case
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.ingest import ingest
from covidseg.cases.intensity import first_fitting
from covidseg.cases.orientation import (
    EXCHANGED,
    LABELS_HEADER,
    MASKS_HEADER,
    MIRRORED,
    edge_contrasts,
    label_under_lungs,
    opposite_axes,
    read_sides,
    scan_under_masks,
)
from covidseg.errors import InputError
from covidseg.volumes import Volume, nifti_bytes, parse_volume, read_volume, to_lps

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


@pytest.mark.parametrize(
    ("code", "other", "axes"),
    [
        ("LPS", "LAS", (1,)),
        ("LPS", "RAI", (2, 1, 0)),
        ("LPS", "PLS", ()),
        ("", "LAS", ()),
        ("PLS", "ALS", (1,)),
    ],
)
def test_the_axes_along_which_two_headers_contradict_each_other(code, other, axes):
    assert opposite_axes(code, other) == axes


@pytest.mark.parametrize(("wrong", "axes"), [("LAS", [1]), ("LAI", [1, 0]), ("RAI", [0, 1, 2])])
def test_the_scan_takes_the_masks_header_where_the_lungs_have_an_edge_then(wrong, axes):
    image, lungs, _ = thorax()
    turned = scan_under_masks(under_other_header(image, "LPS", wrong, axes), stored(lungs, "LPS"))
    np.testing.assert_array_equal(turned.array, image.array)
    assert turned.geometry.differences(lungs.geometry) == []
    assert (turned.corrections, turned.warnings, turned.stored) == ((MASKS_HEADER,), (), "")


@pytest.mark.parametrize("orientation", ["LPS", "LAS", "RAI", "PLS"])
def test_masks_stored_in_another_order_are_no_contradiction(orientation):
    image, lungs, _ = thorax()
    for ours, theirs in (("LPS", orientation), (orientation, "LPS")):
        kept = scan_under_masks(stored(image, ours), stored(lungs, theirs))
        np.testing.assert_array_equal(kept.array, image.array)
        assert (kept.corrections, kept.warnings) == ((), ())


def test_a_dicom_series_has_no_order_to_compare():
    image, lungs, _ = thorax()
    assert to_lps(nib.Nifti1Image(image.array.T, np.diag([-1.0, -1.0, 1.0, 1.0]))).stored == ""
    assert scan_under_masks(image, stored(lungs, "LAS")) is image


@pytest.mark.parametrize(
    "scale", [(1, 0), (255 / 1500, 1250 * 255 / 1500), (0.01, 7)], ids=["HU", "windowed", "grey"]
)
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_edge_decides_in_any_units(scale, mirrored):
    image, lungs, _ = thorax()
    image = replace(image, array=image.array * scale[0] + scale[1], stored="LAS")
    scan = replace(image, array=np.flip(image.array, 1)) if mirrored else image
    found = scan_under_masks(scan, replace(lungs, stored="LPS"))
    np.testing.assert_array_equal(found.array, image.array)
    assert found.corrections == ((MASKS_HEADER,) if mirrored else ())


def slim_chest():
    """A chest at the back of the scan: the mirrored lungs lie in the air in front of it, which is darker."""
    image, lungs, _ = thorax(np.s_[1:5, 6:9, 7:10], np.s_[1:5, 6:9, 1:4])
    image.array[:, :5] = -1000
    return image, lungs


def test_a_slim_patient_is_not_turned_front_to_back():
    image, lungs = slim_chest()
    inside = lungs.array > 0
    assert image.array[:, ::-1][inside].mean() < image.array[inside].mean(), "darker, as on LUNG1-001"
    kept = scan_under_masks(replace(image, stored="LPS"), replace(lungs, stored="LAS"))
    np.testing.assert_array_equal(kept.array, image.array)
    assert (kept.corrections, kept.warnings) == ((), ())


def moved(volume, rows, fill):
    """The volume, its content moved towards the back by a number of rows, with air or nothing in front."""
    array = np.full_like(volume.array, fill)
    array[:, rows:] = volume.array[:, :-rows]
    return replace(volume, array=array)


@pytest.mark.parametrize("windowed", [False, True])
@pytest.mark.parametrize("added", [0, 400], ids=["healthy", "badly aerated"])
@pytest.mark.parametrize("rows", [1, 10, 20])
def test_phantoms_are_turned_where_their_header_is_wrong_and_only_there(windowed, added, rows):
    case = make_case("covid20", "radiopaedia_1", seed=5, rank=0.3)
    image, lungs = moved(case.image, rows, -1000), moved(case.lungs, rows, 0)
    image = replace(image, array=np.where(lungs.array, image.array + added, image.array))
    if windowed:
        image = replace(
            image, array=((np.clip(image.array, -1250, 250) + 1250) * (255 / 1500)).astype(np.int16)
        )
    lungs = replace(lungs, stored="LPS")
    right = scan_under_masks(replace(image, stored="LAS"), lungs)
    wrong = scan_under_masks(replace(image, array=np.flip(image.array, 1), stored="LAS"), lungs)
    assert (right.corrections, wrong.corrections) == ((), (MASKS_HEADER,))
    for found in (right, wrong):
        np.testing.assert_array_equal(found.array, image.array)
        assert found.warnings == ()


@pytest.mark.parametrize("values", ["stripes", "bright lungs", "no lungs", "lungs everywhere"])
def test_a_scan_whose_edge_does_not_decide_stays_with_a_warning(values):
    image, lungs, _ = thorax()
    scan = {
        "stripes": np.broadcast_to(np.where(np.arange(12) % 2, -900, 300).astype(np.int16), SHAPE),
        "bright lungs": np.where(lungs.array, 900, 30).astype(np.int16),
    }.get(values, image.array)
    masks = {"no lungs": np.zeros(SHAPE, np.uint8), "lungs everywhere": np.ones(SHAPE, np.uint8)}
    lungs = replace(lungs, array=masks.get(values, lungs.array), stored="LAS")
    kept = scan_under_masks(replace(image, array=scan, stored="LPS"), lungs)
    np.testing.assert_array_equal(kept.array, scan)
    assert kept.corrections == ()
    assert kept.warnings == (
        "scan (LPS) and lungs (LAS) have opposite directions by header, and the voxels do not decide",
    )


def test_a_scan_of_another_spacing_is_not_turned_but_refused(tmp_path):
    """5 mm would become 1 mm."""
    image, lungs, label = thorax()
    thick = make_volume(np.flip(image.array, 1), spacing=(5.0, 1.5, 1.0))
    masks = [nifti_bytes(mask, orientation="LPS") for mask in (lungs, label)]
    with refused_in_one_line(r"differ in spacing \(5\.0, 1\.5, 1\.0\) and \(3\.0, 1\.5, 1\.0\) mm"):
        run(tmp_path, {"a1": [nifti_bytes(thick, orientation="LAS"), *masks]})


def contradicting(label_stored, label):
    """The label of a scan with the wrong header LAS, whose lungs have LPS."""
    image, lungs, _ = thorax()
    scan = scan_under_masks(under_other_header(image, "LPS", "LAS", [1]), stored(lungs, "LPS"))
    assert scan.corrections == (MASKS_HEADER,)
    return label_under_lungs(replace(label, stored=label_stored), stored(lungs, "LPS"), scan, "case a")


def infection():
    array = np.zeros(SHAPE, np.uint8)
    array[2, 2, 8] = 1  # in the left lung; mirrored front to back, outside
    return make_volume(array)


def test_a_label_with_the_wrong_header_of_its_scan_is_turned_along():
    as_read = replace(infection(), array=np.flip(infection().array, 1))
    turned = contradicting("LAS", as_read)
    np.testing.assert_array_equal(turned.array, infection().array)
    assert turned.corrections == (LABELS_HEADER,)


@pytest.mark.parametrize("header", ["LPS", "LAS"])
def test_a_label_with_a_right_header_stays(header):
    kept = contradicting(header, infection())
    np.testing.assert_array_equal(kept.array, infection().array)
    assert kept.corrections == ()


def test_a_label_in_the_lungs_either_way_is_refused_where_the_scan_s_header_was_wrong():
    both = infection()
    both.array[2, 7, 8] = 1
    with refused_in_one_line(r"^case a: label \(LAS\) and lungs \(LPS\) .* 50% or 50% of .*same header$"):
        contradicting("LAS", both)
    empty = replace(both, array=np.zeros(SHAPE, np.uint8))
    assert contradicting("LAS", empty).corrections == ()


def test_sides_are_read_in_patient_space():
    for exchanged in (False, True):
        _, lungs, _ = thorax(exchanged=exchanged)
        sides = read_sides(lungs.array)
        assert sides.agree != exchanged
        assert sides.left_is_smaller != exchanged


@pytest.mark.parametrize(
    ("kept", "absent"), [({1}, "right lung"), ({2}, "left lung"), (set(), "left lung or right lung")]
)
def test_a_case_without_a_lung_is_ingested_with_a_warning(tmp_path, caplog, kept, absent):
    """After a pneumonectomy, for example; the other case of the data set is verified as usual."""
    image, lungs, label = thorax(exchanged=True)
    one = replace(lungs, array=np.where(np.isin(lungs.array, list(kept)), lungs.array, 0).astype(np.uint8))
    with caplog.at_level(logging.WARNING):
        output = run(tmp_path, {"a1": [nifti_bytes(volume) for volume in (image, one, label)], "a2": files()})
    assert f"no voxel is labelled {absent}, so left and right are unverified" in caplog.text
    found_image, found_label = read(output, "a1")
    np.testing.assert_array_equal(found_image, image.array)
    np.testing.assert_array_equal(found_label, label.array)


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
    assert read_sides(np.where(found_label == 3, 1, found_label)).agree
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


@pytest.mark.parametrize("wrong", [False, True], ids=["a right header", "the wrong header of the scan"])
def test_each_mask_is_settled_with_its_scan(tmp_path, wrong):
    """The scan has a wrong header LAS and the lungs have LPS; the label has LAS, right or wrong."""
    image, lungs, label = thorax()
    scan = nifti_bytes(Volume(np.flip(image.array, 1), image.geometry), orientation="LAS")
    as_stored = replace(label, array=np.flip(label.array, 1)) if wrong else label
    masks = [nifti_bytes(lungs), nifti_bytes(as_stored, orientation="LAS")]
    output = run(tmp_path, {"a1": [scan, *masks]})
    found_image, found_label = read(output, "a1")
    np.testing.assert_array_equal(found_image, image.array)
    np.testing.assert_array_equal(found_label, label.array)
    assert (LABELS_HEADER in (output / "cases.csv").read_text()) == wrong


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


@pytest.mark.parametrize(("brighter", "told"), [(20, True), (200, False)])
def test_a_difference_of_a_few_hu_is_chance(brighter, told):
    """What lies where the mirrored lungs would lie is brighter than the lungs by 20 or by 200 HU.

    The two contrasts differ by once to twice as much. A fifth of the voxels is dark, so the standard deviation
    is some 330 HU, and the margin some 66 HU.
    """
    image, lungs, _ = thorax(np.s_[1:5, 1:4, 7:10], np.s_[1:5, 1:4, 1:4])
    image.array[np.flip(lungs.array, 1) > 0] = -800 + brighter
    kept = scan_under_masks(replace(image, stored="LPS"), replace(lungs, stored="LAS"))
    np.testing.assert_array_equal(kept.array, image.array)
    assert (kept.warnings != ()) == told


def test_the_edge_is_one_voxel_wide_where_slices_are_thick():
    """Slices of 10 mm, of which the middle one is all lung: 30 HU around it and -800 HU inside."""
    lungs = np.zeros((3, 4, 4), bool)
    lungs[1] = True
    image = make_volume(np.where(lungs, -800, 30).astype(np.int16), spacing=(10.0, 1.0, 1.0))
    assert edge_contrasts(image, lungs, (0,)) == (830.0, 830.0)
    assert edge_contrasts(image, np.zeros_like(lungs), (0,)) == (0.0, 0.0)
    assert edge_contrasts(image, np.ones_like(lungs), (0,)) == (0.0, 0.0)
