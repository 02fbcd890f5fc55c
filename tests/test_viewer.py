"""What the pages of the cases and slices hold: the viewer's voxels, its files, errors and lesions."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

import viewer_data
from covidseg.errors import InputError
from covidseg.site import cases_part
from covidseg.site.case_errors import found_shares, number_lesions, slice_errors
from covidseg.site.case_files import read_shot
from covidseg.site.case_grid import Grid, coarse_lungs, find_lungs, view_box
from covidseg.site.case_packing import encode, pack_masks, pack_slices, value_table
from covidseg.site.case_page import choose_pair, lung_share
from covidseg.site.case_reading import prediction_files
from covidseg.site.file_names import case_page, safe_name
from covidseg.site.heat_levels import heat_codes, thresholds
from covidseg.weak.evaluation import LEVELS, count_pixels, slice_dice


def script(path):
    """The content that a script hands to the viewer."""
    return json.loads(re.fullmatch(r"covidseg\.receive\(\"[^\"]*\", (.*)\);\n", path.read_text())[1])


def unpack_masks(packed, size, count=1):
    codes = [np.concatenate([read_picture(one) for one in part]).reshape(size) for part in packed]
    return np.stack([codes[n // 8] >> n % 8 & 1 for n in range(count)]).astype(bool)


def read_picture(text):
    return np.asarray(Image.open(io.BytesIO(base64.b85decode(text))).convert("L"))


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("viewer")
    part = viewer_data.toy_part(folder, viewer_data.write_dataset(folder))
    part.path.mkdir(parents=True)
    return part, cases_part.make(part)


@pytest.mark.parametrize("name", ["coronacases_001", "a.b-c"])
def test_a_plain_name_stays_as_it_is(name):
    assert safe_name(name) == name


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "a/b", "..", "é", "a b", "a#b?c%d"])
def test_any_other_name_becomes_a_safe_file(name):
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*-[0-9a-f]{8}|-[0-9a-f]{8}", safe_name(name))


def test_names_that_differ_stay_different():
    assert len({safe_name(name) for name in ("a b", "a_b", "a/b", "a<b")}) == 4


def test_the_lungs_are_the_air_that_the_body_encloses():
    air = np.ones((4, 30, 40), bool)
    air[:, 5:25, 5:35] = False  # the body
    air[1:3, 8:20, 8:16] = air[1:3, 8:20, 22:30] = True  # two lungs
    air[1:3, 22:23, 18:19] = True  # a bubble
    lungs = find_lungs(air, (3.0, 3.0, 3.0))
    expected = np.zeros_like(air)
    expected[1:3, 8:20, 8:16] = expected[1:3, 8:20, 22:30] = True
    np.testing.assert_array_equal(lungs, expected)


def test_the_view_has_the_lungs_and_every_mask_with_a_margin():
    lungs, truth = np.zeros((20, 50, 60), bool), np.zeros((20, 50, 60), bool)
    lungs[5:10, 20:30, 20:40] = True
    truth[12, 25, 25] = True
    box = view_box([lungs, truth], [(slice(5, 6), slice(20, 21), slice(55, 60))], (5.0, 2.0, 1.0))
    assert box == (slice(3, 15), slice(15, 35), slice(10, 60))  # margins of 2, 5 and 10 voxels


def test_without_lungs_the_view_is_the_whole_scan():
    nothing = np.zeros((3, 4, 5), bool)
    assert view_box([nothing, nothing], [], (1.0, 1.0, 1.0)) == (slice(0, 3), slice(0, 4), slice(0, 5))


def test_a_large_plane_is_averaged_and_the_slices_stay():
    grid = Grid.around((slice(0, 2), slice(0, 3), slice(0, 5)), largest=3)
    assert (grid.factor, grid.shape) == (2, (2, 2, 3))
    values = np.arange(30).reshape(2, 3, 5)
    np.testing.assert_allclose(grid.reduce(values)[0], [[3, 5, 6.5], [10.5, 12.5, 14]])
    labels = np.zeros((2, 3, 5), np.uint8)
    labels[0, 0, 0:2] = 1  # half of the first voxel
    labels[0, 0, 2] = 3  # a quarter of the second
    labels[0, 0:2, 4] = 2  # all of the last: the edge is repeated
    np.testing.assert_array_equal(grid.reduce_labels(labels)[0], [[1, 0, 2], [0, 0, 0]])


@pytest.mark.parametrize("hu", [-1024, -600, -200, 0, 55, 300])
def test_values_come_back_within_a_step(hu):
    table = value_table("hounsfield", 0, 0)
    code = int(encode(np.array([hu]), table)[0])
    assert abs(table[code] - hu) <= (3.6 if hu < -200 else 2.6)


def test_published_grey_levels_keep_their_values():
    table = value_table("windowed", 38, 255)
    np.testing.assert_array_equal(encode(np.arange(256), table), np.arange(256))
    assert table == list(range(256))


def test_pictures_without_loss_and_masks_come_back_as_they_were():
    generator = np.random.default_rng(1)
    codes = generator.integers(0, 256, (3, 7, 11)).astype(np.uint8)
    for text, plane in zip(pack_slices(codes, lossless=True), codes, strict=True):
        picture = Image.open(io.BytesIO(base64.b85decode(text))).convert("L")
        np.testing.assert_array_equal(np.asarray(picture), plane)
    masks = generator.random((10, 3, 7, 11)) > 0.5
    np.testing.assert_array_equal(unpack_masks(pack_masks(list(masks)), (3, 7, 11), 10), masks)


def test_masks_with_more_rows_than_a_picture_allows_come_back():
    masks = np.random.default_rng(1).random((2, 70, 256, 3)) > 0.5
    packed = pack_masks(list(masks))
    assert [len(part) for part in packed] == [2]
    np.testing.assert_array_equal(unpack_masks(packed, (70, 256, 3), 2), masks)


def test_errors_are_counted_per_slice():
    truth, prediction = np.zeros((3, 2, 2), bool), np.zeros((3, 2, 2), bool)
    truth[0], prediction[0, 0] = True, True  # two missed
    prediction[2, 1] = True  # two wrong
    assert slice_errors(truth, prediction) == ([2, 0, 0], [0, 0, 2])


def test_lesions_come_largest_first_with_the_share_that_was_found():
    truth = np.zeros((4, 6, 8), bool)
    truth[0, 0, 0:2] = True  # 2 voxels
    truth[1:3, 3:5, 3:6] = True  # 12 voxels
    truth[3, 5, 7] = True  # 1 voxel: no lesion; it touches nothing
    numbers, lesions = number_lesions(truth, 0.5, 1.0)
    assert [(lesion.ml, lesion.voxel) for lesion in lesions] == [(6.0, (1, 3, 4)), (1.0, (0, 0, 0))]
    prediction = np.zeros_like(truth)
    prediction[1, 3:5, 3:6] = prediction[3, 5, 7] = True
    assert found_shares(numbers, prediction, 2) == [0.5, 0.0]


def test_an_annotation_without_lesion_has_no_lesions():
    numbers, lesions = number_lesions(np.zeros((2, 2, 2), bool), 1.0, 0.1)
    assert lesions == []
    assert found_shares(numbers, np.ones((2, 2, 2), bool), 0) == []


def test_the_share_of_the_lungs_needs_both_lungs_and_the_infection():
    assert lung_share({"left_lung": 50, "right_lung": 30, "infection": 20}) == 0.2
    assert lung_share({"infection": 20}) is None


def test_the_first_pair_is_the_first_method_and_the_best_of_the_others():
    scores = {
        (name, 0): {"infection": {"x": {"DSC": value}}}
        for name, value in (("one", 0.9), ("two", 0.5), ("three", 0.8))
    }
    methods = [{"experiment": name} for name in ("one", "two", "three")]
    assert choose_pair(methods, scores) == ["one", "three"]
    assert choose_pair(methods[:1], scores) == ["one", "one"]


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "ASL"])
def test_the_viewers_voxels_point_to_the_left_the_back_and_the_head(tmp_path, orientation):
    inputs = viewer_data.write_dataset(tmp_path, orientation=orientation)
    methods = [viewer_data.method("scratch", "Train from scratch")]
    case = viewer_data.NAMES[0]
    sources = prediction_files(inputs["predictions"], methods, "toy")[case]
    shot = read_shot(
        inputs["images"][0], inputs["labels"][0], case, sources,
        kind="hounsfield", regions=viewer_data.REGIONS, rule=viewer_data.RULE,
    )  # fmt: skip
    _, truth, first, _ = viewer_data.made_case()
    np.testing.assert_array_equal(shot.annotation.labels, truth[shot.grid.box])
    np.testing.assert_array_equal(shot.predictions[0].inside(shot.grid.box), first[shot.grid.box])
    assert shot.scan.geometry.spacing == viewer_data.SPACING


def test_a_page_per_case_and_the_search_entries(toy):
    part, entries = toy
    first, second = (part.site.folder / case_page("toy", case) for case in viewer_data.NAMES)
    assert first.is_file()
    assert second.is_file()
    assert [entry["title"] for entry in entries[1:]] == viewer_data.NAMES
    assert all((part.site.folder / entry["page"]).is_file() for entry in entries)
    text = first.read_text()
    assert "<img src=x" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "<i>data" not in text
    assert "a warning with &lt;b&gt;" in text


def test_the_viewers_files_hold_masks_errors_and_shares(toy):
    part, _ = toy
    folder = part.path / safe_name(viewer_data.NAMES[0])
    page = (part.path / f"{folder.name}.html").read_text()
    data = json.loads(re.search(r'id="case-data">(.*?)</script>', page, re.S)[1])
    content = script(folder / "scratch.js")
    assert sorted(content["folds"]) == ["0", "1"]
    errors = content["folds"]["0"]["infection"]
    start = data["start"]
    assert errors["missed"][9 - start[0]] == 24
    assert sum(errors["missed"]) == 24
    assert errors["wrong"][2 - start[0]] == 4
    assert sum(errors["wrong"]) == 4
    assert sorted(errors["found"]) == [0.5, 1.0]
    _, _, first, _ = viewer_data.made_case()
    box = tuple(slice(begun, begun + size) for begun, size in zip(start, data["size"], strict=True))
    np.testing.assert_array_equal(unpack_masks(content["masks"], data["size"])[0], first[box] == 1)
    assert data["scores"]["scratch/fold0"]["infection"][data["metrics"].index("DSC")] == pytest.approx(
        144 / 172, abs=1e-4
    )


def test_a_prediction_on_another_grid_is_an_error(tmp_path):
    inputs = viewer_data.write_dataset(tmp_path)
    path = tmp_path / "predictions/scratch/fold1/toy" / f"{viewer_data.NAMES[1]}.nii.gz"
    viewer_data.write(path, np.zeros((3, 4, 5), np.uint8), "LPS")
    part = viewer_data.toy_part(tmp_path, inputs)
    with pytest.raises(
        InputError, match=r"fold1/toy/case & 'two'.nii.gz: differs from the annotation in shape"
    ):
        cases_part.make(part)


def test_the_glass_lungs_keep_their_place():
    lungs = np.zeros((4, 20, 20), bool)
    lungs[1:3, 5:15, 5:15] = True
    coarse = coarse_lungs(lungs, (slice(0, 4), slice(0, 20), slice(0, 20)), (10.0, 2.5, 2.5))
    assert coarse.shape == (4, 10, 10)
    assert coarse[1, 2:7, 2:7].all()
    assert not coarse[0].any()


@pytest.mark.parametrize("chosen", [0.4, 0.03, 0.157])
def test_the_dice_of_a_page_is_the_dice_of_the_scores_at_every_threshold(chosen):
    generator = np.random.default_rng(3)
    heat = (generator.random((4, 20, 20)) ** 3 * LEVELS).astype(np.uint16)
    masks = generator.random((4, 20, 20)) > 0.7
    levels = thresholds(chosen)
    codes = heat_codes(heat, levels)
    assert round(chosen * LEVELS) in levels
    assert len(levels) < 256
    exact = slice_dice(count_pixels(heat, masks))
    for number, level in enumerate(levels, start=1):
        marked = codes >= number
        total = marked.sum((1, 2)) + masks.sum((1, 2))
        np.testing.assert_allclose(2 * (marked & masks).sum((1, 2)) / total, exact[:, level])
