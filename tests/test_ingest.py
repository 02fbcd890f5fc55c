"""Archives of every kind to cases of one kind, and everything that may be wrong with them."""

import csv
import logging
import zipfile

import numpy as np
import pytest

from conftest import make_volume, refused_in_one_line
from covidseg.archives.origins import ARCHIVED
from covidseg.archives.phantom.cohort import make_case, ranks
from covidseg.archives.phantom.hosts import write_archive
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.ingest import ingest
from covidseg.cases.label_ids import remap
from covidseg.cases.orientation import EXCHANGED, MASKS_HEADER
from covidseg.cases.readers import list_cases
from covidseg.errors import InputError
from covidseg.volumes import nifti_bytes, read_volume

DATASET = {
    "images": {"archive": "own/images.zip", "member": "{case}.nii.gz", "format": "nifti"},
    "labels": {
        "archive": "own/labels.zip",
        "member": "{case}.nii.gz",
        "format": "nifti",
        "map": {0: 0, 1: 1, 7: 2, 9: 0},
    },
    "case_name": "{case}",
    "patient": r"p\d",
    "regions": {1: "lesion", 2: "infection"},
    "intensity": {"w*": "windowed", "*": "hounsfield"},
}


def scan(seed=0, **geometry):
    values = np.random.default_rng(seed).integers(-1000, 400, (4, 5, 6), dtype=np.int16)
    return make_volume(values, **geometry)


def label(*marked, **geometry):
    values = np.zeros((4, 5, 6), np.uint8)
    for place, value in marked:
        values[place] = value
    return make_volume(values, **geometry)


def write(raw, name, volumes, orientation="LPS"):
    (raw / "own").mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(raw / "own" / name, "w") as archive:
        for case, volume in volumes.items():
            archive.writestr(f"{case}.nii.gz", nifti_bytes(volume, orientation=orientation))


def run(tmp_path, images, labels, dataset=DATASET, left_out=None, **orientation):
    write(tmp_path / "raw", "images.zip", images)
    write(tmp_path / "raw", "labels.zip", labels, **orientation)
    return take(tmp_path, dataset, left_out=left_out or {})


def take(tmp_path, dataset=DATASET, *, names=None, left_out=(), listed=False):
    """Ingest what lies in the folder raw."""
    output, told = CaseFolder(tmp_path / "cases"), {"left_out": dict(left_out), "listed": listed}
    ingest(dataset, raw=tmp_path / "raw", names=names, output=output, workers=2, **told)
    return output.path


def refused(tmp_path, match, *args, **kwargs):
    with pytest.raises(InputError, match=match):
        run(tmp_path, *args, **kwargs)
    assert not (tmp_path / "cases").exists() or list((tmp_path / "cases").iterdir()) == []


def rows_of(output):
    with open(output / "cases.csv", newline="") as file:
        return {row["case"]: row for row in csv.DictReader(file)}


def test_labels_are_remapped_and_the_sheet_describes_the_case(tmp_path):
    marks = [((0, 0, 0), 1), ((1, 1, 1), 7), ((1, 1, 2), 7), ((2, 2, 2), 9)]
    output = run(tmp_path, {"p1_a": scan()}, {"p1_a": label(*marks)})
    stored = read_volume(output / "labels" / "p1_a.nii.gz").array
    assert stored[0, 0, 0] == 1
    assert stored[1, 1, 1] == stored[1, 1, 2] == 2
    assert stored.sum() == 5
    row = rows_of(output)["p1_a"]
    assert list(row) == [
        "case", "patient", "shape", "spacing_mm", "missing_slices", "hu_min", "hu_max", "voxels_lesion", "voxels_infection",
        "slices_lesion", "slices_infection", "lesions_lesion", "lesions_infection", "corrections", "warnings", "sha256", "voxel_sha256",
    ]  # fmt: skip
    assert (row["patient"], row["shape"], row["spacing_mm"]) == ("p1", "4x5x6", "3x1.5x1")
    assert (int(row["voxels_lesion"]), int(row["voxels_infection"])) == (1, 2)
    assert (int(row["slices_lesion"]), int(row["slices_infection"])) == (1, 1)
    assert (int(row["lesions_lesion"]), int(row["lesions_infection"])) == (1, 1)
    assert int(row["hu_min"]) == scan().array.min()


def test_image_and_label_stored_in_different_orientations_end_on_one_grid(tmp_path):
    marked = label(((3, 4, 1), 1))
    output = run(tmp_path, {"a": scan()}, {"a": marked}, orientation="RAI")
    image, stored = (read_volume(output / kind / "a.nii.gz") for kind in ("images", "labels"))
    assert image.geometry.differences(stored.geometry) == []
    np.testing.assert_array_equal(stored.array, marked.array)
    np.testing.assert_array_equal(image.array, scan().array)


def test_every_case_is_ingested(tmp_path):
    cases = {f"c{i}": scan(i) for i in range(5)}
    output = run(tmp_path, cases, {name: label(((0, 0, 0), 1)) for name in cases})
    assert sorted(rows_of(output)) == sorted(cases)
    for name, volume in cases.items():
        np.testing.assert_array_equal(read_volume(output / "images" / f"{name}.nii.gz").array, volume.array)


def test_an_empty_label_is_allowed_counted_and_warned_of(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        output = run(tmp_path, {"a": scan(), "b": scan(1)}, {"a": label(), "b": label(((0, 0, 0), 1))})
    assert "1 of 2 cases have an empty label lesion: a" in caplog.text
    assert rows_of(output)["a"]["voxels_lesion"] == "0"


def test_different_shapes_are_refused(tmp_path):
    other = make_volume(np.zeros((4, 5, 7), np.uint8))
    match = r"labels\.zip:a\.nii\.gz: image and label differ in shape \(4, 5, 6\) and \(4, 5, 7\)"
    refused(tmp_path, match, {"a": scan()}, {"a": other})


def test_different_spacings_are_refused(tmp_path):
    match = r"a\.nii\.gz: .*spacing \(3\.0, 1\.5, 1\.0\) and \(2\.0, 1\.5, 1\.0\) mm"
    refused(tmp_path, match, {"a": scan()}, {"a": label(spacing=(2.0, 1.5, 1.0))})


def test_different_positions_are_refused(tmp_path):
    refused(
        tmp_path, "position or direction, by 4 mm", {"a": scan()}, {"a": label(origin=(-10.0, -24.0, 5.0))}
    )


def test_a_label_id_outside_the_map_is_refused(tmp_path):
    match = r"labels\.zip:a\.nii\.gz: label id 3 in slice 2; the map has \[0, 1, 7, 9\]"
    refused(tmp_path, match, {"a": scan()}, {"a": label(((2, 0, 0), 3))})


def remapped(values, ids):
    return remap(make_volume(np.array(values)), ids, "case a", "label")


def test_values_that_are_ids_but_for_rounding_count_as_them_and_are_told_of():
    found = remapped([[[0, 1.0000001, 1.98], [-0.004, 1, 0.03]]], {0: 0, 1: 1, 2: 7})
    np.testing.assert_array_equal(found.array, [[[0, 1, 7], [0, 1, 0]]])
    assert found.array.dtype == np.uint8
    assert found.warnings == ("4 voxels of the label are no whole numbers and were rounded, by up to 0.03",)
    with refused_in_one_line(r"^case a: label id 0\.9 in slice 0; the map has \[0, 1, 2\]$"):
        remapped([[[0.9]]], {0: 0, 1: 1, 2: 7})


def test_masks_of_one_region_are_rounded_at_half():
    """As in PleThora's masks of effusions: the foreground is 0.9999 or 0.94, the background up to 0.06."""
    found = remapped([[[0.9999, 0.06, 0.94]], [[0.4999, 0.5001, 0]]], {0: 0, 1: 1})
    np.testing.assert_array_equal(found.array, [[[1, 0, 1]], [[0, 1, 0]]])
    assert found.warnings == ("5 voxels of the label are no whole numbers and were rounded, by up to 0.5",)


@pytest.mark.parametrize("value", [0.5, -0.06, 1.06, 2, -1, 255])
def test_values_that_are_neither_background_nor_region_are_refused(value):
    with refused_in_one_line(rf"^case a: label id {value:g} in slice 1; the map has \[0, 1\]$"):
        remapped([[[0, 1.0]], [[1, value]]], {0: 0, 1: 1})


def test_ids_that_are_no_neighbours_are_not_rounded_at_half():
    np.testing.assert_array_equal(remapped([[[0, 255, 254.96]]], {0: 0, 255: 1}).array, [[[0, 1, 1]]])
    with refused_in_one_line(r"label id 128 in slice 0; the map has \[0, 255\]"):
        remapped([[[0, 128]]], {0: 0, 255: 1})
    with refused_in_one_line(r"label id 254\.6 in slice 0; the map has \[0, 255\]"):
        remapped([[[0, 254.6]]], {0: 0, 255: 1})


def test_a_windowed_scan_that_leaves_its_range_a_little_is_clipped(tmp_path, caplog):
    values = np.linspace(0, 255, 120).reshape(4, 5, 6).astype(np.float32)
    values[0, 0, :3] = -0.001, 255.5, -1
    with caplog.at_level(logging.WARNING):
        output = run(tmp_path, {"w1": make_volume(values)}, {"w1": label(((2, 0, 0), 1))})
    stored = read_volume(output / "images" / "w1.nii.gz").array
    np.testing.assert_array_equal(stored, np.clip(values, 0, 255))
    assert "voxels from -1 to 255.5 were clipped to 0 to 255: 3" in rows_of(output)["w1"]["warnings"]
    values[0, 0, 0] = -1.01
    match = "voxels from -1.01 to 255.5, expected 0 to 255"
    refused(tmp_path / "more", match, {"w1": make_volume(values)}, {"w1": label()})


def test_a_mask_elsewhere_takes_its_scan_s_geometry_where_the_data_set_says_so(tmp_path, caplog):
    dataset = DATASET | {"labels": DATASET["labels"] | {"geometry": "image"}}
    marked = label(((2, 3, 4), 1), origin=(0.0, 0.0, 0.0))
    with caplog.at_level(logging.WARNING):
        output = run(tmp_path, {"a": scan()}, {"a": marked}, dataset)
    image, stored = (read_volume(output / kind / "a.nii.gz") for kind in ("images", "labels"))
    assert image.geometry.differences(stored.geometry) == []
    np.testing.assert_array_equal(stored.array, marked.array)
    assert "label took the geometry of the scan, which is 20 mm away" in rows_of(output)["a"]["warnings"]


def test_members_in_another_case_are_named(tmp_path):
    dataset = DATASET | {"images": DATASET["images"] | {"member": "CT_{case}.nii.gz"}}
    with pytest.raises(
        InputError,
        match=r"images\.zip: no file matches 'CT_{case}\.nii\.gz'; ct_a\.nii\.gz differs in upper and",
    ):
        run(tmp_path, {"ct_a": scan()}, {"a": label()}, dataset)


def test_voxels_that_are_not_finite_are_refused(tmp_path):
    values = scan().array.astype(np.float32)
    values[0, 0, 0] = np.nan
    refused(
        tmp_path,
        r"images\.zip:a\.nii\.gz: voxels that are NaN or infinite: 1",
        {"a": make_volume(values)},
        {"a": label()},
    )


def test_a_label_without_image_is_refused(tmp_path):
    refused(
        tmp_path,
        r"images\.zip:b\.nii\.gz: not there, but b has a label; or go on without the case: leave_out: \{b: reason\} of cases in",
        {"a": scan()},
        {"a": label(), "b": label()},
    )


def test_archives_without_a_fitting_member_are_refused(tmp_path):
    refused(tmp_path, r"labels\.zip: no file matches", {"a": scan()}, {})


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ("study,mask\na,yes\nb,\n", None),
        ("study,mask\na,yes\nb,yes\n", r"registry\.csv: 2 cases have masks by the registry, 1 are there; different: b"),
        ("study,mask\na,\n", r"0 cases have masks by the registry, 1 are there; different: a; correct `cases`"),
        ("study,file\na,yes\n", r"registry\.csv: no column mask; correct `registry` in datasets\.yaml"),
        ("", r"no column mask, study"),
    ],
)  # fmt: skip
def test_the_registry_must_list_the_labelled_cases(tmp_path, table, match):
    dataset = DATASET | {"registry": {"archive": "own/registry.csv", "case": "study", "mask": "mask"}}
    (tmp_path / "raw" / "own").mkdir(parents=True)
    (tmp_path / "raw" / "own" / "registry.csv").write_text("\ufeff" + table)
    if match:
        refused(tmp_path, match, {"a": scan()}, {"a": label()}, dataset)
    else:
        assert list(rows_of(run(tmp_path, {"a": scan()}, {"a": label()}, dataset))) == ["a"]


def test_a_scan_in_other_units_than_stated_is_refused(tmp_path):
    grey = make_volume(np.full((4, 5, 6), 100, np.int16))
    match = r"images\.zip:a\.nii\.gz: voxels from 100 to 100, expected Hounsfield"
    refused(tmp_path, match, {"a": grey}, {"a": label()})
    refused(tmp_path, "expected 0 to 255", {"w1": scan()}, {"w1": label()})


def test_a_truncated_member_is_refused_by_name(tmp_path):
    write(tmp_path / "raw", "labels.zip", {"a": label()})
    with zipfile.ZipFile(tmp_path / "raw" / "own" / "images.zip", "w") as archive:
        archive.writestr("a.nii.gz", nifti_bytes(scan())[:-30])
    with pytest.raises(InputError, match=r"images\.zip:a\.nii\.gz: truncated or not a NIfTI"):
        take(tmp_path)
    assert list((tmp_path / "cases").iterdir()) == []


def test_a_failed_run_keeps_the_last_good_cases(tmp_path):
    output = run(tmp_path, {"a": scan()}, {"a": label(((0, 0, 0), 1))})
    before = (output / "cases.csv").read_text()
    with pytest.raises(InputError):
        run(tmp_path, {"a": scan()}, {"a": label(((0, 0, 0), 3))})
    assert (output / "cases.csv").read_text() == before
    assert read_volume(output / "labels" / "a.nii.gz").array[0, 0, 0] == 1


COVID = ["coronacases_001", "radiopaedia_10_85902_3", "radiopaedia_7_85703_0"]


@pytest.mark.parametrize(
    ("name", "host", "cases", "corrections"),
    [
        pytest.param("covid20", "covid20", COVID, ["", MASKS_HEADER, MASKS_HEADER], marks=pytest.mark.slow),
        pytest.param(
            "covid20-lung", "covid20", COVID, ["", MASKS_HEADER, MASKS_HEADER], marks=pytest.mark.slow
        ),
        ("covid20-union", "covid20", COVID, ["", MASKS_HEADER, MASKS_HEADER]),
        ("msd", "msd", ["lung_001", "lung_003"], ["", ""]),
        ("structseg", "structseg", ["train_1", "train_12"], ["", ""]),
        ("structseg-lung", "structseg", ["train_1", "train_12"], [EXCHANGED, EXCHANGED]),
        ("nsclc", "nsclc", ["LUNG1-001", "LUNG1-005"], ["", ""]),
        ("nsclc-lung", "nsclc", ["LUNG1-001", "LUNG1-005"], ["", ""]),
        ("mosmed", "mosmed", ["study_0255", "study_0256"], ["", ""]),
    ],
)
def test_each_host_s_phantom_archives_give_the_drawn_cases(config, tmp_path, name, host, cases, corrections):
    """Whatever header or label ids the host's files have: scan and labels end up as they were drawn."""
    dataset, seed = config.datasets[name], 5
    raw = tmp_path / "raw"
    (raw / host).mkdir(parents=True)
    for kind in set(ARCHIVED) & dataset.keys():
        for case in cases:
            archive = dataset[kind]["archive"].format(case=case)
            write_archive(raw / archive, host, archive.split("/")[1], cases=cases, cohort=cases, seed=seed)
    assert list_cases(dataset, raw, cases, left_out={}).cases == sorted(cases)
    take(tmp_path, dataset, names=cases)
    place = ranks(tuple(cases), seed)
    for case in cases:
        drawn = make_case(host, case, seed=seed, rank=place[case])
        lesion, lungs = drawn.lesion.array, drawn.lungs.array
        truth = {"lung": lungs, "union": np.where(lesion, 3, lungs)}.get(name.partition("-")[2], lesion)
        image = read_volume(tmp_path / "cases" / "images" / f"{case}.nii.gz")
        stored = read_volume(tmp_path / "cases" / "labels" / f"{case}.nii.gz")
        assert image.geometry.differences(drawn.image.geometry) == []
        np.testing.assert_array_equal(stored.array, truth)
        if case.startswith("radiopaedia"):
            windowed = ((np.clip(drawn.image.array, -1250, 250) + 1250.0) * (255 / 1500)).astype(np.int16)
            np.testing.assert_array_equal(image.array, windowed)
        else:
            np.testing.assert_array_equal(image.array, drawn.image.array)
    rows = rows_of(tmp_path / "cases")
    assert [rows[case]["corrections"] for case in cases] == corrections
    if host == "covid20":
        patients = ["coronacases_001", "radiopaedia_10_85902", "radiopaedia_7_85703"]
        assert [rows[case]["patient"] for case in cases] == patients
