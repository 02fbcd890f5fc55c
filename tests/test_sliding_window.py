"""Sliding windows: nnU-Net's tiles and weights, MONAI as oracle, and a restart that repeats nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import nn

from conftest import SMALL_NETWORK, describe, describe_arrays, make_volume
from covidseg.cases.arrays import open_case, save_case
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.preprocessing import preprocess
from covidseg.cases.resampling import new_shape
from covidseg.device import Compute, choose_compute
from covidseg.evaluation import prediction
from covidseg.evaluation.scan_grid import labels_on_grid
from covidseg.evaluation.sliding_window import gaussian_weights, predict_probabilities, tile_starts
from covidseg.training.network import build_network
from covidseg.training.weights import save_model
from covidseg.volumes import Volume, read_volume, write_volume

FLOAT32 = Compute(torch.device("cpu"), torch.float32)
PLAIN = {"step": 0.5, "mirror_axes": [], "tiles": 3}


class Pointwise(nn.Module):
    """Logits that depend on each voxel alone: the result must not depend on the tiles."""

    def forward(self, tiles):
        return torch.cat([tiles, 0.5 - tiles, 0.3 * tiles], 1)


def predict(network, image, tile, inference):
    """Return the probabilities of a whole scan."""
    return torch.cat(
        list(predict_probabilities(network, image, tile, inference=inference, compute=FLOAT32)), 1
    )


def test_tiles_by_hand():
    assert tile_starts(56, 56, 0.5) == [0]
    assert tile_starts(40, 56, 0.5) == [0]
    assert tile_starts(57, 56, 0.5) == [0, 1]
    assert tile_starts(112, 56, 0.5) == [0, 28, 56]
    # ceil((100 - 56) / 28) + 1 = 3 tiles, evenly spaced over 44 voxels
    assert tile_starts(100, 56, 0.5) == [0, 22, 44]
    assert tile_starts(100, 50, 1.0) == [0, 50]


@pytest.mark.parametrize("step", [0.5, 0.75, 1.0])
@pytest.mark.parametrize(("length", "tile"), [(97, 32), (33, 32), (64, 7), (200, 56)])
def test_tiles_cover_the_axis_in_steps_that_are_short_enough(length, tile, step):
    starts = tile_starts(length, tile, step)
    assert starts[0] == 0
    assert starts[-1] == length - tile
    assert max(np.diff(starts)) <= max(1, round(step * tile)) + 1


def test_weights_are_nnunet_s():
    """A Gaussian of sigma tile / 8 around voxel tile // 2, 1 there and nowhere 0."""
    weights = gaussian_weights((8, 16, 32))
    assert weights[4, 8, 16] == 1
    assert weights[5, 8, 16].item() == pytest.approx(np.exp(-0.5), rel=1e-6)
    assert weights[4, 10, 20].item() == pytest.approx(np.exp(-1), rel=1e-6)
    assert weights.dtype == torch.float32
    assert weights.min() > 0
    odd = gaussian_weights((7, 9, 5))
    assert odd[3, 4, 2] == 1, "7 // 2, 9 // 2, 5 // 2"
    assert odd[4, 4, 2].item() == pytest.approx(np.exp(-0.5 * (8 / 7) ** 2), rel=1e-6)


@pytest.mark.parametrize("shape", [(9, 20, 21), (4, 8, 8), (3, 30, 5), (2, 3, 2)])
@pytest.mark.parametrize("axes", [[], [2], [0, 1, 2]])
def test_a_pointwise_network_is_blended_without_a_seam(shape, axes):
    image = torch.randn(shape)
    inference = {"step": 0.5, "mirror_axes": axes, "tiles": 4}
    found = predict(Pointwise(), image, (4, 8, 8), inference)
    expected = Pointwise()(image[None, None])[0].softmax(0)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert found.dtype == torch.float32


def test_equals_monai_with_the_same_tiles_and_weights():
    from monai.inferers import sliding_window_inference

    network = build_network(SMALL_NETWORK, classes=2, seed=1).eval()
    network.decoder.deep_supervision = False
    # A length at which nnU-Net's even spacing and MONAI's fixed one give the same tiles.
    image, tile = torch.randn(8, 32, 24), (4, 16, 16)
    ours = predict(network, image, tile, PLAIN)
    with torch.inference_mode():
        theirs = sliding_window_inference(
            image[None, None], tile, 4, lambda tiles: network(tiles).softmax(1), overlap=0.5,
            roi_weight_map=gaussian_weights(tile),
        )[0]  # fmt: skip
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_the_number_of_tiles_a_pass_changes_nothing():
    network = build_network(SMALL_NETWORK, classes=2, seed=1).eval()
    network.decoder.deep_supervision = False
    image = torch.randn(9, 30, 26)
    results = [predict(network, image, (4, 16, 16), PLAIN | {"tiles": tiles}) for tiles in (1, 2, 7)]
    torch.testing.assert_close(results[0], results[1], atol=1e-6, rtol=0)
    torch.testing.assert_close(results[0], results[2], atol=1e-6, rtol=0)


def test_mirroring_averages_all_flips():
    class Sided(nn.Module):
        def forward(self, tiles):
            ramp = torch.linspace(-1, 1, tiles.shape[-1]).expand_as(tiles)
            return torch.cat([tiles * 0, ramp], 1)

    inference = {"step": 0.5, "mirror_axes": [2], "tiles": 1}
    found = predict(Sided(), torch.zeros(4, 8, 8), (4, 8, 8), inference)
    ramp = torch.linspace(-1, 1, 8)
    expected = (ramp.sigmoid() + (-ramp).sigmoid()) / 2
    torch.testing.assert_close(found[1, 0, 0], expected)


def test_labels_go_back_to_the_scan_s_own_grid():
    probabilities = torch.zeros(3, 4, 6, 6)
    probabilities[0] = 0.4
    probabilities[1, :2] = 0.6
    probabilities[2, 2:] = 0.6
    geometry = make_volume(np.zeros((8, 12, 18)), spacing=(1.0, 1.0, 1.0)).geometry
    labels = labels_on_grid(
        [probabilities], geometry, depth=4, box=(slice(None),) * 3, target_spacing=(2.0, 2.0, 3.0)
    )
    assert labels.shape == (8, 12, 18)
    assert labels.dtype == np.uint8
    assert (labels[:4] == 1).all()
    assert (labels[4:] == 2).all()


def test_the_first_of_the_most_probable_classes_counts():
    probabilities = torch.tensor([[0.4, 0.2], [0.4, 0.4], [0.2, 0.4]]).reshape(3, 1, 1, 2)
    geometry = make_volume(np.zeros((1, 1, 2))).geometry
    labels = labels_on_grid(
        [probabilities], geometry, depth=1, box=(slice(None),) * 3, target_spacing=geometry.spacing
    )
    assert labels.tolist() == [[[0, 1]]]


def sides(length):
    """Slices of an axis, with odd and even offsets and lengths."""
    ends = st.tuples(st.integers(0, length // 2), st.integers(length // 2 + 1, length))
    return ends.map(lambda side: slice(*side))


ratios = st.tuples(*[st.sampled_from([0.71, 0.83, 1.0, 1.3, 1.4])] * 3)  # no axis is resampled apart


@settings(deadline=None, max_examples=40)
@given(st.tuples(sides(9), sides(15), sides(17)), ratios, st.integers(0, 99), st.integers(1, 20))
def test_labels_of_a_cropped_scan_land_on_the_right_voxels_of_the_scan(box, ratio, seed, slab):
    """As SciPy interpolates at the place of every voxel's centre; around the crop is background."""
    geometry = make_volume(np.zeros((9, 15, 17)), spacing=(1.1, 0.9, 1.0)).geometry
    target = tuple(s * r for s, r in zip(geometry.spacing, ratio, strict=True))
    crop = [side.stop - side.start for side in box]
    lesion = np.random.default_rng(seed).random(new_shape(crop, geometry.spacing, target)).astype(np.float32)
    slabs = torch.from_numpy(np.stack([1 - lesion, lesion])).split(slab, 1)
    labels = labels_on_grid(slabs, geometry, depth=len(lesion), box=box, target_spacing=target)

    centres = np.argwhere(np.ones(crop)) + 0.5
    places = centres * (np.array(lesion.shape) / crop) - 0.5
    expected = ndimage.map_coordinates(lesion, places.T, order=1, mode="nearest").reshape(crop)
    clear = np.abs(expected - 0.5) > 1e-4
    np.testing.assert_array_equal(labels[box][clear], (expected > 0.5)[clear])
    labels[box] = 0
    assert not labels.any()


@pytest.fixture
def model(tmp_path):
    network = build_network(SMALL_NETWORK, classes=2, seed=4)
    save_model(tmp_path / "model.safetensors", network, describe(SMALL_NETWORK))
    return tmp_path / "model.safetensors"


def run(model, folders, output, partial):
    prediction.predict_cases(
        model,
        folders,
        output=output,
        partial=partial,
        inference=PLAIN,
        device="cpu",
        precision="float32",
        threads=1,
    )


def test_predictions_lie_on_the_scans_grids(model, tmp_path):
    image = np.random.default_rng(0).standard_normal((5, 20, 22)).astype(np.float16)
    scan = make_volume(np.zeros((7, 15, 33)), spacing=(2.2, 2.0, 0.7), origin=(7.0, -3.0, 99.0))
    folder = tmp_path / "covid20" / "a"
    folder.parent.mkdir()
    save_case(folder, image, np.zeros(image.shape, np.uint8), describe_arrays(scan.geometry))
    run(model, [folder], tmp_path / "out", tmp_path / "partial")
    written = read_volume(tmp_path / "out" / "covid20" / "a.nii.gz")
    assert written.geometry.differences(scan.geometry) == []
    assert written.array.dtype == np.uint8
    assert written.array.any()


@pytest.mark.parametrize(
    ("corner", "spacing"),
    [((3, 5, 7), (2.0, 1.0, 1.0)), ((1, 0, 12), (2.7, 1.3, 0.9)), ((0, 9, 1), (3.1, 0.8, 1.1))],
)
def test_a_lesion_of_a_padded_scan_is_found_where_it_is(model, tmp_path, monkeypatch, corner, spacing):
    """From the padded scan through the cropped arrays and back: a network that sees the bright voxels."""
    body = tuple(slice(first, first + length) for first, length in zip(corner, (8, 21, 25), strict=True))
    lesion = tuple(slice(side.start + 3, side.start + 7) for side in body)
    scan, truth = np.full((12, 34, 41), -2048, np.int16), np.zeros((12, 34, 41), np.uint8)
    scan[body], scan[lesion], truth[lesion] = -900, 100, 1
    image = make_volume(scan, spacing=spacing, origin=(7.0, -3.0, 99.0))
    write_volume(tmp_path / "cases" / "images" / "a.nii.gz", image)
    write_volume(tmp_path / "cases" / "labels" / "a.nii.gz", Volume(truth, image.geometry))
    dataset = {"intensity": {"*": "hounsfield"}, "regions": {1: "lesion"}}
    preprocess(
        dataset, cases=CaseFolder(tmp_path / "cases"), target_spacing=(3.0, 1.5, 1.0), window=(-1250, 250),
        output=tmp_path / "ready", workers=1,
    )  # fmt: skip
    case = open_case(tmp_path / "ready" / "a")
    assert case.description.box == body
    middle = (float(case.image.max()) + float(case.image.min())) / 2
    monkeypatch.setattr(
        prediction, "predict_probabilities",
        lambda network, image, tile, **_: [torch.stack([image * 0 + middle, image]).float()],
    )  # fmt: skip
    run(model, [tmp_path / "ready" / "a"], tmp_path / "out", tmp_path / "partial")
    written = read_volume(tmp_path / "out" / "ready" / "a.nii.gz")
    ingested = read_volume(tmp_path / "cases" / "images" / "a.nii.gz").geometry
    np.testing.assert_array_equal(written.geometry.affine, ingested.affine)
    assert written.geometry.shape == ingested.shape
    overlap = 2 * (written.array & truth).sum() / (written.array.sum() + truth.sum())
    assert overlap > 0.8
    centres = [np.argwhere(mask).mean(0) for mask in (written.array, truth)]
    assert np.abs(np.subtract(*centres)).max() <= 0.5


def test_a_restart_after_a_crash_repeats_no_case(model, training_folders, tmp_path, monkeypatch):
    done, original = [], prediction.predict_probabilities

    def crashing(*arguments, **keywords):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(1)
        return original(*arguments, **keywords)

    paths = tmp_path / "out", tmp_path / "partial"
    monkeypatch.setattr(prediction, "predict_probabilities", crashing)
    with pytest.raises(KeyboardInterrupt):
        run(model, training_folders, *paths)
    assert not paths[0].exists(), "nothing half-done stands under the final name"
    done.clear()
    run(model, training_folders, *paths)
    assert len(done) == 1, "two of three cases were there already"
    assert sorted(file.name for file in (paths[0] / "blobs").iterdir()) == [
        f"case_{i}.nii.gz" for i in range(3)
    ]
    whole = tmp_path / "whole"
    done.clear()
    monkeypatch.undo()
    run(model, training_folders, whole, tmp_path / "other")
    for name in ("case_0", "case_1", "case_2"):
        assert (whole / "blobs" / f"{name}.nii.gz").read_bytes() == (
            paths[0] / "blobs" / f"{name}.nii.gz"
        ).read_bytes()


def test_a_case_that_is_left_out_since_the_crash_is_in_no_prediction(
    model, training_folders, tmp_path, monkeypatch
):
    paths = tmp_path / "out", tmp_path / "partial"
    monkeypatch.setattr(prediction, "replace_directory", lambda source, target: None)  # killed at the end
    run(model, training_folders, *paths)
    monkeypatch.undo()
    run(model, training_folders[1:], *paths)
    assert sorted(file.name for file in (paths[0] / "blobs").iterdir()) == ["case_1.nii.gz", "case_2.nii.gz"]


def test_another_model_does_not_go_on_with_the_first_one_s_cases(model, training_folders, tmp_path):
    partial = tmp_path / "partial"
    leftover = partial / "0123" / "blobs" / "case_0.nii.gz"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"of another model")
    run(model, training_folders[:1], tmp_path / "out", partial)
    assert (tmp_path / "out" / "blobs" / "case_0.nii.gz").read_bytes() != b"of another model"


def test_words_for_devices_and_precisions():
    assert choose_compute("cpu", "float32", threads=1) == FLOAT32
    assert choose_compute("cpu", "bfloat16", threads=1).precision == torch.bfloat16
    automatic = choose_compute("auto", "auto", threads=1)
    assert automatic.device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert str(FLOAT32) == "CPU with 1 thread, float32"
