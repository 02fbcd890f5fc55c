"""Segmentations of cases: on the scans' grids, one case read and written beside the next; restarts."""

import errno

import numpy as np
import pytest
import torch

from conftest import SMALL_NETWORK, describe, describe_arrays, make_volume
from covidseg.cases.arrays import open_case, save_case
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.preprocessing import preprocess
from covidseg.evaluation import prediction
from covidseg.training.network import build_network
from covidseg.training.weights import save_model
from covidseg.volumes import Volume, read_volume, write_volume

PLAIN = {"step": 0.5, "mirror_axes": [], "tiles": 3}


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


def test_a_segmentation_that_cannot_be_written_ends_the_job(model, training_folders, tmp_path, monkeypatch):
    def full(path, volume):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(prediction, "write_volume", full)
    with pytest.raises(OSError, match="No space left"):
        run(model, training_folders, tmp_path / "out", tmp_path / "partial")
    assert not (tmp_path / "out").exists()
