"""Folders of PNG slices with masks: their order, their grey levels, and everything that may be wrong with them."""

import csv
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from conftest import ROOT, make_volume, refused_in_one_line
from covidseg.cases.arrays import open_case
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.ingest import ingest
from covidseg.cases.intensity import window_of
from covidseg.cases.pictures import numbers
from covidseg.cases.preprocessing import preprocess
from covidseg.cases.readers import list_cases, load_case
from covidseg.config.schemas import check_schema, read_schema
from covidseg.errors import InputError
from covidseg.paper.views import show_slice
from covidseg.volumes import Volume, read_volume

DATASET = {
    "title": "Own slices",
    "images": {"archive": "own/slices.zip", "member": "*/{case}/ct/*.png", "format": "slices", "spacing": [5, 1.5, 0.75]},
    "labels": {"archive": "own/slices.zip", "member": "*/{case}/mask/*_mask.png", "format": "slices", "map": {0: 0, 255: 1}},
    "case_name": "{case}",
    "patient": ".*",
    "regions": {1: "infection"},
    "intensity": {"*": "grey"},
}  # fmt: skip
CT = np.arange(12, dtype=np.uint8).reshape(3, 4)
MASK = np.zeros((3, 4), np.uint8)
MASK[0, 3] = 255


def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "png")
    return buffer.getvalue()


def stack(names=("1", "2", "10"), case="a"):
    """Slices of 3 x 4 pixels whose first is the slice's number; the mask marks the upper right corner."""
    members = {}
    for name in names:
        picture = CT.copy()
        picture[0, 0] = int("0" + "".join(filter(str.isdecimal, name))) % 256
        members[f"r/{case}/ct/{name}.png"] = png(picture)
        members[f"r/{case}/mask/{name}_mask.png"] = png(MASK)
    return members


def pack(raw, members):
    (raw / "own").mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(raw / "own" / "slices.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return raw


def read(tmp_path, members, dataset=DATASET):
    return load_case(dataset, pack(tmp_path / "raw", members), "a")


def test_the_schema_takes_it():
    described = {
        "homepage": "h",
        "licence": "l",
        "archives": {"slices.zip": {"address": None}},
        "split": "random",
    }
    schema = read_schema(ROOT / "config" / "schemas" / "datasets.schema.yaml")
    check_schema({"own": DATASET | described}, "datasets.yaml", schema)


def test_slices_are_stacked_by_number_on_an_lps_grid(tmp_path):
    """The archive holds 4, 10, 7; the voxel of row 2 and column 3 of slice 7 lies 2.25 mm left, 3 mm back, 5 mm up."""
    image, label, lungs = read(tmp_path, stack(("4", "10", "7")))
    assert lungs is None
    assert image.array.dtype == np.uint8
    assert image.array[:, 0, 0].tolist() == [4, 7, 10]
    assert list(image.slices) == ["4", "7", "10"]
    np.testing.assert_array_equal(image.array[1, 1:], CT[1:])
    assert image.geometry.spacing == (5, 1.5, 0.75)
    assert (image.geometry.affine @ [3, 2, 1, 1]).tolist() == [2.25, 3, 5, 1]
    assert label.geometry.differences(image.geometry) == []
    assert np.argwhere(label.array == 255).tolist() == [[0, 0, 3], [1, 0, 3], [2, 0, 3]]


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        (["10", "9", "8"], ["8", "9", "10"]),
        (["IM-0001-0010", "IM-0001-0009"], ["IM-0001-0009", "IM-0001-0010"]),
        (["s2_of_3", "s1_of_3", "s3_of_3"], ["s1_of_3", "s2_of_3", "s3_of_3"]),
        (["11", "1", "6"], ["1", "6", "11"]),
        (["10", "1", "2"], ["1", "2", "10"]),
        (["only"], ["only"]),
    ],
)
def test_numbers_in_names_order_the_slices(tmp_path, names, ordered):
    image, _, _ = read(tmp_path, stack(names))
    assert list(image.slices) == ordered


@pytest.mark.parametrize("names", [("7.5", "-12.5", "-2.5"), ("4", "-9", "0"), ("+5", "-5", "+0")])
def test_positions_with_a_sign_are_stacked_from_the_lowest_up(tmp_path, names):
    """The lowest position is the first slice, in the scan and in its mask."""
    members = {}
    for name in names:
        level = round(100 + float(name))
        members[f"r/a/ct/{name}.png"] = png(np.full((3, 4), level, np.uint8))
        members[f"r/a/mask/{name}_mask.png"] = png(np.full((3, 4), 2 * level, np.uint8))
    image, label, _ = read(tmp_path, members)
    assert image.array[:, 0, 0].tolist() == sorted(round(100 + float(name)) for name in names)
    assert label.array[:, 0, 0].tolist() == [2 * level for level in image.array[:, 0, 0].tolist()]
    assert list(image.slices) == list(label.slices) == sorted(names, key=float)


@pytest.mark.parametrize("pattern", ["*/{case}/ct/scan*.png", "*/{case}/ct/scan-*.png", "*/{case}/ct/*.png"])
def test_a_hyphen_that_separates_is_no_sign_wherever_the_pattern_ends(tmp_path, pattern):
    members = {
        f"r/a/{place}": png(np.full((3, 4), n, np.uint8))
        for n in (9, 10, 11)
        for place in (f"ct/scan-{n}.png", f"mask/scan-{n}_mask.png")
    }
    images = DATASET["images"] | {"member": pattern}
    labels = DATASET["labels"] | {"member": pattern.replace("ct", "mask").replace(".png", "_mask.png")}
    image, _, _ = read(tmp_path, members, DATASET | {"images": images, "labels": labels})
    assert image.array[:, 0, 0].tolist() == [9, 10, 11]


@pytest.mark.parametrize(
    ("names", "warnings"),
    [
        (("1", "2", "4", "5"), ("slice 4 follows slice 2, elsewhere the step is 1",)),
        (("-5", "-2.5", "2.5"), ("slice 2.5 follows slice -2.5, elsewhere the step is 2.5",)),
        (("0.7", "1.4", "2.1"), ()),
    ],
)
def test_a_gap_in_the_numbers_is_warned_of(tmp_path, names, warnings):
    image, _, _ = read(tmp_path, stack(names))
    assert image.warnings == warnings


def test_digits_that_are_no_numbers_are_text():
    assert numbers("cm²_07") == ["cm²_", 7, ""]


def test_cases_of_flat_folders_are_told_apart(tmp_path):
    dataset = DATASET | {
        "images": DATASET["images"] | {"member": "ct/{case}_*.png"},
        "labels": DATASET["labels"] | {"member": "mask/{case}_*.png"},
        "case_name": "own_{case}",
    }
    members = {
        f"{kind}/{case}_{n}.png": png(MASK + n)
        for kind in ("ct", "mask")
        for case in ("p_1", "p_2")
        for n in (1, 2)
    }
    raw = pack(tmp_path, members)
    assert list_cases(dataset, raw, None, left_out={}).cases == ["own_p_1", "own_p_2"]
    image, _, _ = load_case(dataset, raw, "own_p_2")
    assert image.slices["2"].endswith("slices.zip:ct/p_2_2.png")
    assert image.array[:, 0, 0].tolist() == [1, 2]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_white_is_255_however_it_is_stored(tmp_path, mode):
    members = stack()
    for name in members:
        if "mask" in name:
            buffer = io.BytesIO()
            Image.fromarray(MASK).convert(mode).save(buffer, "png")
            members[name] = buffer.getvalue()
    assert np.unique(read(tmp_path, members)[1].array).tolist() == [0, 255]


def test_sixteen_bits_keep_their_values_up_to_the_arrays_trained_on(tmp_path):
    levels = [np.array([[0, 1000], [40000, 65535]], np.uint16), np.array([[7, 7], [7, 7]], np.uint16)]
    members = {f"r/a/ct/{z}.png": png(picture) for z, picture in enumerate(levels)}
    members |= {f"r/a/mask/{z}_mask.png": png(np.full((2, 2), z * 255, np.uint8)) for z in range(2)}
    ingest(
        DATASET,
        raw=pack(tmp_path / "raw", members),
        names=None,
        output=CaseFolder(tmp_path / "cases"),
        workers=1,
    )
    stored = read_volume(tmp_path / "cases" / "images" / "a.nii.gz").array
    np.testing.assert_array_equal(stored, np.stack(levels))
    preprocess(
        DATASET,
        cases=CaseFolder(tmp_path / "cases"),
        target_spacing=(5, 1.5, 0.75),
        window=(-1250, 250),
        output=tmp_path / "ready",
        workers=1,
    )
    found = open_case(tmp_path / "ready" / "a")
    values = np.stack(levels).astype(float)
    np.testing.assert_allclose(found.image, (values - values.mean()) / values.std(), atol=2e-3)
    np.testing.assert_array_equal(found.label, [[[0, 0], [0, 0]], [[1, 1], [1, 1]]])


def several():
    """Two pictures in one file."""
    buffer = io.BytesIO()
    Image.fromarray(CT).save(buffer, "gif", save_all=True, append_images=[Image.fromarray(CT + 1)])
    return buffer.getvalue()


def without(*names):
    return {name: content for name, content in stack().items() if name not in names}


@pytest.mark.parametrize(
    ("members", "match"),
    [
        (without("r/a/mask/2_mask.png"), r"slices\.zip:r/a/ct/2\.png: no mask of this slice, nor of 0 others"),
        (without("r/a/ct/2.png", "r/a/ct/10.png"), r"slices\.zip:r/a/mask/2_mask\.png: no image of this slice, nor of 1 others"),
        (stack(("2", "1", "02")), r"r/a/ct/2\.png: no number tells this slice from the next"),
        (stack(("1", "01")), r"r/a/ct/1\.png: no number tells this slice from the next"),
        (stack(("low", "high")), r"r/a/ct/high\.png: no number tells this slice from the next"),
        (stack() | {"r2/a/ct/2.png": png(CT)}, r"slices\.zip: r/a/ct/2\.png and r2/a/ct/2\.png are the same slice"),
        (stack() | {"r/a/ct/2.png": png(CT[:2])}, r"r/a/ct/2\.png: 4 x 2 pixels of 8 bits, the first slice 4 x 3 pixels of 8 bits"),
        (stack() | {"r/a/ct/2.png": png(CT.astype(np.uint16))}, r"r/a/ct/2\.png: 4 x 3 pixels of 16 bits, the first slice 4 x 3 pixels of 8"),
        (stack() | {"r/a/ct/2.png": png(CT)[:-30]}, r"slices\.zip:r/a/ct/2\.png: truncated or no picture"),
        (stack() | {"r/a/ct/2.png": png(CT)[:8] + b"\0\0\0\3" + png(CT)[12:]}, r"2\.png: truncated or no picture"),
        (stack() | {"r/a/ct/2.png": b""}, r"slices\.zip:r/a/ct/2\.png: truncated or no picture"),
        (stack() | {"r/a/ct/2.png": b"no picture"}, r"r/a/ct/2\.png: truncated or no picture"),
        (stack() | {"r/a/ct/2.png": several()}, r"r/a/ct/2\.png: has 2 pictures, expected 1; save each slice"),
        (stack() | {"r/a/ct/2.png": png(CT)[:16] + b"\0\0\xff\xff" * 2 + png(CT)[24:]}, r"r/a/ct/2\.png: truncated or no picture"),
        (stack() | {"r/a/ct/2.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n"}, r"r/a/ct/2\.png: truncated or no picture"),
        (stack(("1", "1.5", "1.25")), r"slices\.zip:r/a/ct/1\.png: the point in the numbers of the slices can be a decimal point"),
        (stack() | {"r/a/mask/2_mask.png": png(np.dstack([MASK, MASK, MASK * 0]))}, r"2_mask\.png: has colours or transparency \(mode RGB\); save"),
        (stack() | {"r/a/mask/2_mask.png": png(np.dstack([MASK, MASK, MASK, MASK]))}, r"2_mask\.png: has colours or transparency \(mode RGBA\)"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_stack_is_said(tmp_path, members, match):
    with refused_in_one_line(match):
        read(tmp_path, members)


@pytest.mark.parametrize(
    ("members", "match"),
    [
        ({"r/readme.txt": b"nothing"}, r"slices\.zip: no file matches '\*/\{case\}/mask/\*_mask\.png'"),
        ({name: content for name, content in stack().items() if "mask" in name} | stack(case="b"), r"slices\.zip:\*/a/ct/\*\.png: not there, but a has a label; or go on"),
        (stack() | {f"r/a/mask/{n}_mask.png": png(MASK[:, :2]) for n in (1, 2, 10)}, r"slices\.zip:.*: image and label differ in shape \(3, 3, 4\) and \(3, 3, 2\)"),
        (stack() | {"r/a/mask/2_mask.png": png(MASK // 2)}, r"slices\.zip:\*/a/mask/\*_mask\.png: label id 127 in slice 1; the map has \[0, 255\]"),
        ({name: png(MASK) if "mask" in name else png(CT * 0 + 9) for name in stack()}, r"slices\.zip:\*/a/ct/\*\.png: voxels from 9 to 9, expected more than one grey level"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_nothing_written(tmp_path, members, match):
    with pytest.raises(InputError, match=match):
        ingest(
            DATASET,
            raw=pack(tmp_path / "raw", members),
            names=None,
            output=CaseFolder(tmp_path / "cases"),
            workers=1,
        )
    assert not (tmp_path / "cases").exists() or list((tmp_path / "cases").iterdir()) == []


def test_lungs_of_two_grey_levels_verify_the_sides(tmp_path):
    """The patient's left is on the right of the picture, so the left lung (200) has the higher columns."""
    halves = np.repeat(np.array([[100, 0, 200, 200]], np.uint8), 3, axis=0)
    members = stack() | {f"r/a/lungs/{n}.png": png(halves) for n in (1, 2, 10)}
    lungs = {"archive": "own/slices.zip", "member": "*/{case}/lungs/*.png", "format": "slices"}
    raw = pack(tmp_path / "raw", members)
    for ids, correction in (
        ({200: 1, 100: 2}, ""),
        ({200: 2, 100: 1}, "scan and labels mirrored left to right"),
    ):
        dataset = DATASET | {"lungs": lungs | {"map": {0: 0, **ids}}, "sides": {"*": "labels"}}
        ingest(dataset, raw=raw, names=None, output=CaseFolder(tmp_path / "cases"), workers=1)
        with open(tmp_path / "cases" / "cases.csv", newline="") as file:
            (row,) = csv.DictReader(file)
        assert (row["shape"], row["spacing_mm"], row["voxels_infection"]) == ("3x3x4", "5x1.5x0.75", "3")
        assert row["corrections"] == correction


def test_grey_levels_are_shown_from_the_darkest_to_the_brightest_and_whole():
    scan = Volume(
        np.array([[[100, 300]], [[200, 500]]], np.uint16), make_volume(np.zeros((2, 1, 2))).geometry
    )
    assert window_of(DATASET, "a", scan.array, (-1250, 250)) == (100, 500)
    image, box = show_slice(scan, 1, DATASET, "a", (-1250, 250))
    assert image.tolist() == [[63.75, 255]]
    assert box == (slice(None), slice(None))


REAL = DATASET | {
    "images": {"archive": "covid_ct_slices", "member": "{case}/ct/*.png", "format": "slices", "spacing": [1.5, 1.5, 1.5]},
    "labels": {"archive": "covid_ct_slices", "member": "{case}/covid/*.png", "format": "slices", "map": {0: 0, 255: 1}},
}  # fmt: skip
LUNGS = REAL | {"labels": REAL["labels"] | {"member": "{case}/lungs/*.png"}}


@pytest.mark.slow
def test_three_real_cases(real_data, tmp_path):
    """Infection lies in the lungs and is brighter than they are, and the patient lies as LPS says."""
    ingest(REAL, raw=real_data, names=None, output=CaseFolder(tmp_path), workers=2)
    with open(tmp_path / "cases.csv", newline="") as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    shapes = {"coronacases_003": 118, "coronacases_004": 113, "coronacases_006": 70}
    assert {case: row["shape"] for case, row in rows.items()} == {
        c: f"{n}x256x256" for c, n in shapes.items()
    }
    assert [int(row["voxels_infection"]) for row in rows.values()] == [320302, 35465, 38514]
    for case in rows:
        image, label = (read_volume(tmp_path / kind / f"{case}.nii.gz") for kind in ("images", "labels"))
        assert image.geometry.differences(label.geometry) == []
        lungs = load_case(LUNGS, real_data, case)[1].array > 0
        infection = label.array == 1
        assert infection.any((1, 2)).all(), "every slice has some"
        assert lungs[infection].mean() > 0.99
        assert image.array[infection].mean() > image.array[lungs & ~infection].mean() + 30
        assert lungs[:, :, :128].sum() > lungs[:, :, 128:].sum(), "the right lung, the larger, comes first"
        bone = image.array[:, :, 116:140] > 200
        assert bone[:, 112:160].sum() > 2 * bone[:, 32:80].sum(), "the spine lies behind the sternum"
        lower, upper = lungs[: len(lungs) // 8], lungs[-(len(lungs) // 8) :]
        assert lower.sum() < upper.sum() or case == "coronacases_004", "from the bases of the lungs up"
