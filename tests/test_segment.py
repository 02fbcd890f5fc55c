"""A user's own scans: found, read, refused, segmented by all folds, and described in numbers."""

import json
import re
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import torch
from torch import nn

from conftest import SMALL_NETWORK, describe, make_volume, refused_in_one_line
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.preprocessing import preprocess
from covidseg.device import Compute
from covidseg.evaluation.prediction import predict_cases
from covidseg.segment import NOT_CLINICAL, command, ensemble
from covidseg.segment import files as files_module
from covidseg.segment import run as run_module
from covidseg.segment.checks import check_lungs, check_scan, warn_of_scan
from covidseg.segment.lungs import Lungs, find_lungs
from covidseg.segment.models import best_model, find_model, mean_scores
from covidseg.segment.quantification import quantify
from covidseg.segment.scans import list_scans, read_scan, scan_name
from covidseg.training.network import build_network
from covidseg.training.weights import save_model
from covidseg.volumes import Volume, nifti_bytes, read_volume, write_volume
from dicom_edits import edit, random_scan, series

CPU = Compute(torch.device("cpu"), torch.float32)
PLAIN = {"step": 0.5, "mirror_axes": [], "tiles": 1}


def write_model(folder, labels, seed=4):
    """A small network with random weights."""
    network = build_network(SMALL_NETWORK, classes=len(labels) + 1, seed=seed)
    folder.mkdir(parents=True)
    save_model(folder / "model.safetensors", network, replace(describe(SMALL_NETWORK), labels=labels))
    return folder / "model.safetensors"


def scan(shape=(20, 24, 30), seed=0):
    """Noise in HU, from air to bone."""
    array = np.random.default_rng(seed).integers(-1000, 400, shape).astype(np.int16)
    return make_volume(array, spacing=(6.0, 3.0, 2.0))


def run(networks, image):
    prepared = ensemble.prepare(image, networks.description, windowed=False, name="a")
    return ensemble.segment(networks, prepared, inference=PLAIN, compute=CPU)


class Bright(nn.Module):
    """Finds voxels above a number of standard deviations: channel 1, and channel 2 in the half with large x."""

    def __init__(self, above, classes=2):
        super().__init__()
        self.above, self.classes = above, classes

    def forward(self, images):
        found = 20 * (images[:, 0] > self.above).float() - 10
        channels = [torch.zeros_like(found), found, found]
        if self.classes == 3:
            half = torch.arange(found.shape[-1]) >= found.shape[-1] // 2
            channels[1:] = [torch.where(half, -10.0, found), torch.where(half, found, -10.0)]
        return torch.stack(channels[: self.classes], 1)


def test_one_fold_gives_the_masks_of_the_pipeline_s_predict(tmp_path):
    weights = write_model(tmp_path / "model", {"1": "infection"})
    image, folder = scan(), CaseFolder(tmp_path / "covid20")
    write_volume(folder.image("a"), image)
    write_volume(folder.label("a"), replace(image, array=np.zeros(image.array.shape, np.uint8)))
    dataset = {"regions": {1: "infection"}, "intensity": {"*": "hounsfield"}}
    preprocess(
        dataset,
        cases=folder,
        target_spacing=(3.0, 1.5, 1.0),
        window=(-1250, 250),
        output=tmp_path / "preprocessed",
        workers=1,
    )
    predict_cases(
        weights,
        [tmp_path / "preprocessed" / "a"],
        output=tmp_path / "predictions",
        partial=tmp_path / "partial",
        inference=PLAIN,
        device="cpu",
        precision="float32",
        threads=1,
    )
    loaded = ensemble.load_ensemble([weights], CPU)
    found = run(loaded, image)
    expected = read_volume(tmp_path / "predictions" / "preprocessed" / "a.nii.gz").array
    assert expected.any()
    np.testing.assert_array_equal(found.labels, expected)
    assert not found.disagreement.any(), "one network cannot disagree with itself"


class Constant(nn.Module):
    """The same probabilities of two classes everywhere."""

    def __init__(self, infected):
        super().__init__()
        self.logits = torch.tensor([1 - infected, infected]).log()

    def forward(self, images):
        return self.logits.view(1, 2, 1, 1, 1).expand(len(images), 2, *images.shape[2:])


@pytest.mark.parametrize(
    ("infected", "label", "disagreement"),
    [((0.9, 0.4, 0.4), 1, 67), ((0.6, 0.6, 0.1), 0, 67), ((0.7, 0.8, 0.9), 1, 0), ((0.1, 0.2, 0.8), 0, 33)],
)
def test_probabilities_of_the_folds_are_averaged_and_their_disagreement_is_told(
    infected, label, disagreement
):
    """The mean of 0.9, 0.4, 0.4 is 0.57: infected, though two of three networks say no."""
    description = replace(describe(SMALL_NETWORK), labels={"1": "infection"})
    folds = ensemble.Ensemble([Constant(one) for one in infected], description)
    found = run(folds, scan())
    assert (found.labels == label).all()
    assert (found.disagreement == disagreement).all()


def test_models_of_other_grids_are_no_ensemble(tmp_path):
    first = write_model(tmp_path / "a", {"1": "infection"})
    other = write_model(tmp_path / "b", {"1": "lesion"})
    with refused_in_one_line(rf"{other}: its labels is not that of .*a.model.safetensors"):
        ensemble.load_ensemble([first, other], CPU)


def test_a_model_of_another_architecture_or_project_is_refused_in_one_line(tmp_path):
    """The remedy is not to delete the user's model."""
    weights = write_model(tmp_path / "a", {"1": "infection"})
    content = json.loads(weights.with_suffix(".json").read_text())
    del content["plan"]
    weights.with_suffix(".json").write_text(json.dumps(content))
    with refused_in_one_line("lacks plan; expected a model that covidseg has trained"):
        ensemble.load_ensemble([weights], CPU)
    weights.with_suffix(".json").unlink()
    with refused_in_one_line("model.json: .*; expected a model that covidseg has trained"):
        ensemble.load_ensemble([weights], CPU)
    other = write_model(tmp_path / "b", {"1": "infection"})
    content = json.loads(other.with_suffix(".json").read_text())
    content["architecture"]["features"] = [4, 16]
    other.with_suffix(".json").write_text(json.dumps(content))
    with refused_in_one_line(f"{tmp_path}/b/model.* expected a model that covidseg has trained"):
        ensemble.load_ensemble([other], CPU)


def test_a_model_that_was_normalised_otherwise_is_refused(tmp_path):
    weights = write_model(tmp_path / "a", {"1": "infection"})
    content = json.loads(weights.with_suffix(".json").read_text())
    content["normalisation"]["scheme"] = "CTNormalization"
    weights.with_suffix(".json").write_text(json.dumps(content))
    with refused_in_one_line("its normalisation is 'CTNormalization', expected 'z-score over the scan'"):
        ensemble.load_ensemble([weights], CPU)


# Scans on disk


def write_series(folder, study, uid, slices=2):
    folder.mkdir(parents=True)
    files = series(random_scan((slices, 5, 4)))
    edit(files, StudyInstanceUID=study, SeriesInstanceUID=uid)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_scans_are_files_dicom_folders_and_folders_of_both(tmp_path):
    for name in ("a.nii.gz", "b.NRRD", "c.zip", "notes.txt", ".hidden.nii", "out/d.nii"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no DICOM")
    write_series(tmp_path / "d", "1.1", "1.1.1")
    for part, uid in (("ct", "1.2.1"), ("recon", "1.2.2")):
        write_series(tmp_path / "e" / "study" / part, "1.2", uid)
    assert list(list_scans([tmp_path], tmp_path / "out")) == ["a", "b", "c", "d", "e"]
    assert list_scans([tmp_path / "d"]) == {"d": tmp_path / "d"}
    assert list_scans([tmp_path / "e"]) == {"e": tmp_path / "e"}, "several series of one study are one scan"
    assert scan_name(Path("x/scan.tar.gz")) == "scan"


def test_patients_beside_a_text_file_are_scans_of_their_own(tmp_path):
    """As a download of an archive has them: LICENSE and metadata.csv beside the patients."""
    (tmp_path / "LICENSE").write_text("CC BY")
    for name in ("p1", "p2"):
        write_series(tmp_path / name / "study" / "ct", f"1.{name[1]}", f"1.{name[1]}.1")
    assert list(list_scans([tmp_path])) == ["p1", "p2"]


def test_scans_that_are_not_there_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with refused_in_one_line("nothing: no such file or folder"):
        list_scans([tmp_path / "nothing"])
    with refused_in_one_line("empty: no scan in this folder; give the folder of a DICOM series"):
        list_scans([tmp_path / "empty"])


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_itk_formats_are_read_as_nifti_is(tmp_path, suffix):
    image = scan()
    (tmp_path / "a.nii.gz").write_bytes(nifti_bytes(image, orientation="RAS"))
    sitk.WriteImage(sitk.ReadImage(str(tmp_path / "a.nii.gz")), str(tmp_path / f"a{suffix}"))
    found = read_scan(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(found.array, image.array)
    assert found.geometry.differences(image.geometry) == []
    assert found.stored == "RAS"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.nrrd", b"NRRD0004\nnonsense", "damaged, or not of this format"),
        ("a.mha", b"", "damaged, or not of this format"),
        ("a.jpg", b"x", "unknown format; can be read: .nii"),
        ("a.nii.gz", b"x", "a.nii.gz"),
        ("a.zip", b"x", "truncated or not an archive"),
    ],
)
def test_what_is_no_scan_is_refused_in_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with refused_in_one_line(message):
        read_scan(tmp_path / name)


# What a scan must be


@pytest.mark.parametrize(
    ("low", "high", "windowed", "message"),
    [
        (0, 255, False, "are no Hounsfield units; --intensity windowed takes grey levels"),
        (0, 4095, False, "expected Hounsfield units with air below -200"),
        (-60_000, 400, False, "voxels from -60000 to 400"),
        (-1000, 400, True, "expected 0 to 255 by --intensity windowed"),
    ],
)
def test_voxels_that_cannot_be_hu_are_refused(low, high, windowed, message):
    array = np.full((4, 4, 4), low, np.int32)
    array[0] = high
    with refused_in_one_line(f"scan: voxels from .*{message}|scan: {message}"):
        check_scan(make_volume(array), windowed=windowed, name="scan")


def test_hu_and_grey_levels_are_taken():
    check_scan(scan(), windowed=False, name="scan")
    grey = make_volume(np.arange(256, dtype=np.uint8).reshape(4, 8, 8))
    check_scan(grey, windowed=True, name="scan")


def test_hu_whose_intercept_is_missing_are_refused_whatever_stands_around_the_field():
    """Stored values of 24 (air) to 2000 (bone), and -2000 outside the measured field."""
    array = np.full((4, 10, 10), 24, np.int16)
    array[:, 2:8, 2:8] = 1100
    array[:, 0, 0] = -2000
    with refused_in_one_line("scan: voxels from -2000 to 1100, but 0.0% of them between -1100 and -200"):
        check_scan(make_volume(array), windowed=False, name="scan")


def both_sides(left, right):
    return Lungs(left, right, np.zeros_like(left))


def test_scans_far_from_the_training_and_short_ones_are_warned_of():
    geometry = make_volume(np.zeros((20, 5, 5)), spacing=(5.0, 0.7, 0.7)).geometry
    assert warn_of_scan(geometry, {"spacing": [1.0, 0.7, 0.7], "patch": [1, 1, 1]}) == [
        "spacing along z is 5 mm, far from the 1 mm of the training",
        "100 mm from the first to the last slice: only a part of the lungs",
    ]


LARGE = make_volume(np.zeros((20, 100, 100), bool), spacing=(5.0, 2.0, 2.0))


@pytest.mark.parametrize(
    ("place", "cut"),
    [
        (np.s_[2:18, 20:80, 20:80], []),
        (np.s_[:10, 20:80, 20:80], ["lowest slice"]),
        (np.s_[10:, 20:80, 20:80], ["highest slice"]),
        (np.s_[2:18, :60, 20:80], ["front edge"]),
        (np.s_[2:18, 40:, 20:80], ["back edge"]),
        (np.s_[2:18, 20:80, :60], ["right edge"]),
        (np.s_[:, 20:80, 40:], ["lowest slice", "highest slice", "left edge"]),
    ],
)
def test_a_part_of_a_thorax_is_warned_of(place, cut):
    """x grows to the patient's left, y to the back, z to the head."""
    both = np.zeros(LARGE.array.shape, bool)
    both[place] = True
    middle = np.arange(100) < np.flatnonzero(both.any((0, 1))).mean()
    expected = [f"the lungs go on beyond the {end}, so volumes are of a part of them" for end in cut]
    assert check_lungs(both_sides(both & ~middle, both & middle), LARGE.geometry, name="scan") == expected


def test_a_slice_in_which_lungs_only_end_is_no_cut():
    """The outer slice has 1,600 voxels, the largest 10,000: less than CUT."""
    right, left = np.zeros((2, *LARGE.array.shape), bool)
    right[0, 30:70, 10:30] = left[0, 30:70, 60:80] = True
    right[5:15, :, 5:50] = left[5:15, :, 55:95] = True
    cut = check_lungs(both_sides(left, right), LARGE.geometry, name="scan")
    assert [words for words in cut if "slice" in words] == []


def test_one_lung_no_lungs_and_impossible_lungs():
    right, left = np.zeros((2, *LARGE.array.shape), bool)
    right[2:18, 20:80, 20:80] = True  # 57,600 voxels of 0.02 mL
    left[9, 20:30, 90] = True
    assert check_lungs(both_sides(left, right), LARGE.geometry, name="scan") == [
        "hardly a left lung found (0 mL): half a thorax?"
    ]
    whole = make_volume(right, spacing=(50.0, 2.0, 2.0)).geometry
    assert "lungs of 11522 mL" not in check_lungs(both_sides(left, right), whole, name="scan")[0]
    larger = make_volume(right, spacing=(60.0, 2.0, 2.0)).geometry
    assert "lungs of 13826 mL cannot be" in check_lungs(both_sides(left, right), larger, name="scan")[0]
    with refused_in_one_line(r"scan: no lungs found \(0 mL\)"):
        check_lungs(both_sides(left, left), LARGE.geometry, name="scan")


# Numbers


def test_volumes_shares_and_lesions_by_hand():
    """Voxels of 10 x 5 x 20 mm are 1 mL. x grows to the patient's left."""
    shape = (2, 10, 12)
    left, right, infection = (np.zeros(shape, bool) for _ in range(3))
    right[:, :, 1:4] = True  # 60 mL, around column 2
    left[:, :, 8:11] = True  # 60 mL, around column 9: the plane between the lungs is at 5.5
    infection[0, 0, 1:3] = True  # 2 mL in the right lung
    infection[0, 5, 7] = True  # 1 mL beside the left lung
    image = np.full(shape, -800, np.int16)
    image[infection] = -100
    disagreement = np.zeros(shape, np.uint8)
    disagreement[0, 5, 7], disagreement[1, 1, 1] = 40, 20  # the second one is outside the infection
    geometry = make_volume(image, spacing=(10.0, 5.0, 20.0)).geometry
    lungs = Lungs(left, right, np.zeros_like(left)).add(infection)
    found = quantify(image, lungs, infection, disagreement, geometry)
    assert found["lungs"]["right_lung"] == {
        "volume_ml": 60.0,
        "infection_ml": 2.0,
        "infection_percent": 3.33,
        "mean_hu": round((58 * -800 + 2 * -100) / 60, 1),
        "infection_mean_hu": -100.0,
    }
    assert found["lungs"]["left_lung"]["infection_ml"] == 1.0
    assert found["lungs"]["left_lung"]["volume_ml"] == 61.0
    assert found["lungs"]["both_lungs"]["infection_percent"] == round(300 / 121, 2)
    assert (found["lesions"], found["lesion_volumes_ml"]) == (2, [2.0, 1.0])
    assert found["infection_outside_lungs_ml"] == 1.0
    assert found["disagreement_percent"] == 33.33


def test_a_healthy_scan_without_hu_has_no_means():
    lung = np.ones((2, 4, 4), bool)
    nothing = np.zeros_like(lung)
    lungs = Lungs(lung, nothing, nothing)
    found = quantify(None, lungs, nothing, nothing.astype(np.uint8), make_volume(lung).geometry)
    assert found["lungs"]["both_lungs"]["infection_percent"] == 0
    assert found["lungs"]["both_lungs"]["mean_hu"] is None
    assert (found["lesions"], found["disagreement_percent"]) == (0, 0.0)


def test_infection_that_a_model_has_as_a_class_of_its_own_belongs_to_its_lungs():
    """Columns of the left lung: 8 to 10; of the right one: 1 to 3; the plane between lies at 5.5."""
    labels = np.zeros((1, 4, 12), np.uint8)
    labels[:, :, 8:11], labels[:, :, 1:4] = 1, 2
    labels[0, 0, [2, 9]] = 3
    lungs = find_lungs(labels, {"left_lung": 1, "right_lung": 2, "infection": 3})
    assert (np.count_nonzero(lungs.left), np.count_nonzero(lungs.right)) == (12, 12)
    assert not lungs.add(labels == 3).outside.any()


# Models


def test_the_best_model_by_cross_validation_is_the_default(tmp_path):
    models = tmp_path / "models"
    for name in ("a", "b"):
        write_model(models / name / "fold0", {"1": "infection"})
    write_model(models / "lungs" / "fold0", {"1": "left_lung", "2": "right_lung"})
    assert best_model(models, ("infection",)) == "b", "without scores the last by name"
    table = "experiment,split,region,metric,value\n"
    table += "a,test,infection,DSC,0.7\na,test,infection,DSC,0.5\nb,test,infection,DSC,0.55\n"
    table += "b,test,infection,NSD,0.99\nb,mosmed,infection,DSC,0.99\nb,test,infection,DSC,\n"
    (tmp_path / "scores.csv").write_text(table)
    assert mean_scores(tmp_path / "scores.csv", ("infection",)) == {"a": pytest.approx(0.6), "b": 0.55}
    assert best_model(models, ("infection",)) == "a"
    assert best_model(models, ("left_lung", "right_lung")) == "lungs"
    with refused_in_one_line("no model of heart; name one with --model"):
        best_model(models, ("heart",))


def test_a_model_is_found_by_name_by_folder_and_by_file(tmp_path):
    models = tmp_path / "models"
    paths = [write_model(models / "a" / f"fold{k}", {"1": "infection"}) for k in (0, 1)]

    def find(given):
        return find_model(given, ("infection",), models).weights

    assert find("a") == paths
    assert find(str(models / "a" / "fold1")) == paths[1:]
    assert find(str(paths[0])) == paths[:1]
    write_model(models / "hybrid-multi" / "fold0", {"1": "infection"})
    with refused_in_one_line("hybrid: no such model in .*; models: hybrid-multi, a"):
        find("hybrid")


# The command


@pytest.fixture
def threshold_models(tmp_path, monkeypatch):
    """Models of infection and lungs on disk, whose networks find what is bright."""
    models = tmp_path / "models"
    labels = {"infection": {"1": "infection"}, "lungs": {"1": "left_lung", "2": "right_lung"}}
    for name, ids in labels.items():
        write_model(models / name / "fold0", ids)

    def load(path):
        lungs = "lungs" in str(path)
        plan = {"spacing": [6.0, 10.0, 10.0], "patch": [16, 32, 32]}
        description = replace(
            describe(SMALL_NETWORK), labels=labels["lungs" if lungs else "infection"], plan=plan
        )
        return Bright(0.5 if lungs else 2.2, classes=3 if lungs else 2), description

    monkeypatch.setattr(ensemble, "load_model", load)
    return models


def chest(shape=(40, 32, 32)):
    """A block that is brighter than its surroundings, with a brighter one inside: 6 x 10 x 10 mm per voxel."""
    array = np.full(shape, -1000, np.int16)
    array[5:35, 6:26, 6:26] = -300
    array[15:20, 10:16, 8:12] = 200
    return make_volume(array, spacing=(6.0, 10.0, 10.0))


def test_the_command_writes_masks_on_the_file_s_own_grid_and_numbers(tmp_path, threshold_models):
    image = chest()
    (tmp_path / "scan.nii.gz").write_bytes(nifti_bytes(image, orientation="RAS"))
    output = tmp_path / "out"
    arguments = [
        "segment",
        str(tmp_path / "scan.nii.gz"),
        "-o",
        str(output),
        "--models",
        str(threshold_models),
    ]
    words = [*arguments, "--precision", "float32", "--threads", "1", "--series", "1.2"]
    assert command.main(words) == 0
    folder, own = output / "scan", nib.load(tmp_path / "scan.nii.gz")
    names = {path.name for path in folder.iterdir()}
    masks = {"infection.nii.gz", "lungs.nii.gz", "disagreement.nii.gz"}
    assert names == masks | {"quantification.json", "report.pdf", "report.png", "viewer"}
    for name in masks:
        mask = nib.load(folder / name)
        np.testing.assert_allclose(mask.affine, own.affine)
        assert mask.shape == own.shape
        assert NOT_CLINICAL in str(mask.header["descrip"])
    infection = read_volume(folder / "infection.nii.gz").array
    assert infection[17, 13, 10] == 1
    assert infection[17, 20, 20] == 0
    numbers = json.loads((folder / "quantification.json").read_text())
    assert numbers["note"] == NOT_CLINICAL
    voxel = 6 * 10 * 10 / 1000
    assert numbers["lungs"]["both_lungs"]["infection_ml"] == pytest.approx(infection.sum() * voxel, abs=0.01)
    row = pd.read_csv(output / "quantification.csv").iloc[0]
    assert row["scan"] == "scan"
    assert row["both_lungs_infection_ml"] == numbers["lungs"]["both_lungs"]["infection_ml"]
    assert row["note"] == NOT_CLINICAL
    assert row["warnings"] == "--series is of no use, since the scan is no DICOM"
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")


def watched(monkeypatch, *names):
    """Watch functions of the module `run`, which go on as before."""
    for name in names:
        monkeypatch.setattr(run_module, name, Mock(wraps=getattr(run_module, name)))
    return [getattr(run_module, name) for name in names]


def test_a_scan_is_prepared_once_for_models_of_one_grid(tmp_path, threshold_models, monkeypatch):
    write_volume(tmp_path / "scan.nii.gz", chest())
    calls = watched(monkeypatch, "prepare", "segment")
    words = ["segment", str(tmp_path / "scan.nii.gz"), "--precision", "float32", "--threads", "1"]
    assert command.main([*words, "-o", str(tmp_path / "out"), "--models", str(threshold_models)]) == 0
    assert [call.call_count for call in calls] == [1, 2]


@pytest.mark.slow
def test_one_model_of_lungs_and_infection_runs_once_with_the_masks_of_the_pipeline(tmp_path, monkeypatch):
    labels = {"1": "left_lung", "2": "right_lung", "3": "infection"}
    models = write_model(tmp_path / "models" / "all" / "fold0", labels).parents[2]
    write_volume(tmp_path / "scan.nii.gz", scan())
    calls = watched(monkeypatch, "prepare", "segment")
    words = ["segment", str(tmp_path / "scan.nii.gz"), "--precision", "float32", "--threads", "1"]
    assert command.main([*words, "-o", str(tmp_path / "out"), "--models", str(models)]) == 0
    assert [call.call_count for call in calls] == [1, 1]
    folder = tmp_path / "out" / "scan"
    infection, lungs = (read_volume(folder / f"{name}.nii.gz").array for name in ("infection", "lungs"))
    found = run(ensemble.load_ensemble([models / "all/fold0/model.safetensors"], CPU), scan())
    np.testing.assert_array_equal(infection, found.labels == 3)
    for side in (1, 2):
        np.testing.assert_array_equal((lungs == side) & (infection == 0), found.labels == side)
    assert lungs[infection == 1].all()


@pytest.mark.slow
def test_a_fault_in_one_scan_stops_no_other_one_and_leaves_nothing(
    tmp_path, threshold_models, monkeypatch, capsys
):
    for name in ("a", "b"):
        write_volume(tmp_path / f"{name}.nii.gz", chest())
    write = files_module.write_viewer

    def fault(folder, result):
        if result.name == "a":
            raise OSError("disk\nfull")
        write(folder, result)

    monkeypatch.setattr(files_module, "write_viewer", fault)
    words = [
        "segment",
        *(str(tmp_path / f"{name}.nii.gz") for name in "ab"),
        "--precision",
        "float32",
        "--threads",
        "1",
    ]
    assert command.main([*words, "-o", str(tmp_path / "out"), "--models", str(threshold_models)]) == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"b", "quantification.csv"}
    assert "ERROR not segmented: a: OSError: disk full\n" in capsys.readouterr().err


def test_bad_scans_stop_no_other_one(tmp_path, threshold_models, capsys):
    folder = tmp_path / "scans"
    folder.mkdir()
    write_volume(folder / "b.nii.gz", chest())
    write_volume(
        folder / "c.nii.gz", Volume(np.zeros((4, 4, 4), np.int16), make_volume(np.zeros((4, 4, 4))).geometry)
    )
    (folder / "a.nii.gz").write_bytes(b"damaged")
    output = tmp_path / "out"
    assert command.main(["segment", str(folder), "-o", str(output), "--models", str(threshold_models)]) == 1
    printed = capsys.readouterr().err
    assert "1 of 3 scans segmented" in printed
    assert re.findall(r"ERROR not segmented: (\w+): ", printed) == ["a", "c"]
    assert {path.name for path in output.iterdir()} == {"b", "quantification.csv"}


def test_what_cannot_be_done_is_one_line_and_status_2(tmp_path, threshold_models, capsys):
    write_volume(tmp_path / "scan.nii.gz", chest())
    common = [
        "segment",
        str(tmp_path / "scan.nii.gz"),
        "-o",
        str(tmp_path / "out"),
        "--precision",
        "float32",
        "--threads",
        "1",
    ]
    assert command.main([*common, "--models", str(tmp_path / "none")]) == 2
    printed = capsys.readouterr().err
    assert printed.endswith("no model of infection; name one with --model or --lungs\n")
    assert printed.count("\n") == 1
    assert command.main([*common, "--models", str(threshold_models), "--model", "lungs"]) == 2
    assert "lungs: this model does not know infection; choose another one" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_real_dicom_series_is_segmented(tmp_path, real_data, threshold_models):
    """134 slices of 512 x 512; what the threshold networks find is nonsense, on the right grid."""
    path = real_data / "LUNG1-001_dicom.tar.xz"
    output = tmp_path / "out"
    arguments = ["segment", str(path), "-o", str(output), "--models", str(threshold_models)]
    assert command.main([*arguments, "--threads", "1"]) == 0
    mask = read_volume(output / "LUNG1-001_dicom" / "infection.nii.gz")
    assert mask.geometry.differences(read_scan(path).geometry) == []
