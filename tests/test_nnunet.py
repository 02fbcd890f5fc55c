"""The cases and folds as nnU-Net v2 reads them, and nnU-Net itself on them."""

import json
import os
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import torch

import dag_sizes
from conftest import ROOT, make_volume
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.intensity import to_window
from covidseg.cases.nnunet import export, to_hounsfield
from covidseg.errors import InputError
from covidseg.volumes import read_volume, write_volume
from toy_workflow import copy_toy, finished_toy, jobs_of, papers_checkout, snakemake

WINDOW = (-1250, 250)
DATASET = {
    "title": "Two hosts' scans",
    "homepage": "https://example.org/scans",
    "licence": "CC BY 4.0",
    "patient": r"\w\d",
    "regions": {1: "left_lung", 2: "infection"},
    "intensity": {"w*": "windowed", "*": "hounsfield"},
}
FOLDS = [{"train": ["w1"], "test": ["h1", "h2"]}, {"train": ["h1"], "test": ["h2", "w1"]}]


@pytest.fixture
def cases(tmp_path):
    """Three cases of the folds and one outside them, in HU (h) and windowed (w)."""
    for seed, name in enumerate(["h1", "h2", "h3", "w1"]):
        generator = np.random.default_rng(seed)
        low, high = (0, 256) if name == "w1" else (-1400, 600)
        values = generator.integers(low, high, (4, 5, 6), dtype=np.int16)
        folder = tmp_path / "cases"
        write_volume(folder / "images" / f"{name}.nii.gz", make_volume(values, origin=(seed, -20.0, 5.0)))
        label = generator.integers(0, 3, (4, 5, 6), dtype=np.uint8)
        write_volume(folder / "labels" / f"{name}.nii.gz", make_volume(label, origin=(seed, -20.0, 5.0)))
    return tmp_path / "cases"


def run(cases, folds=FOLDS, dataset=DATASET, name="Dataset501_Scans"):
    output = cases.parent / "nnunet_raw" / name
    export(
        dataset, folds, cases=CaseFolder(cases), window=WINDOW, config_name="toy", output=output, workers=2
    )
    return output


def content(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def read_json(path):
    return json.loads(path.read_text())


@pytest.mark.parametrize("dtype", [np.int16, np.float64])
def test_every_scan_is_in_hounsfield_units_of_the_window_by_hand(dtype):
    hounsfield = np.array([[[-2000, -1250, -1024, 37, 250, 3000]]], dtype)
    found = to_hounsfield(hounsfield, WINDOW, windowed=False)
    assert found.dtype == np.int16
    assert found.ravel().tolist() == [-1250, -1250, -1024, 37, 250, 250]
    # 1500 HU in 255 steps: 5.88 HU each.
    grey = np.array([[[0, 1, 51, 102, 254, 255]]], dtype)
    assert to_hounsfield(grey, WINDOW, windowed=True).ravel().tolist() == [-1250, -1244, -950, -650, 244, 250]


def test_a_data_set_is_written_as_nnunet_names_and_describes_it(cases):
    """Without the case that is in no fold: nnU-Net would plan by it."""
    output = run(cases)
    names = ["h1", "h2", "w1"]
    expected = ["dataset.json", "splits_final.json"]
    expected += [f"imagesTr/{name}_0000.nii.gz" for name in names]
    expected += [f"labelsTr/{name}.nii.gz" for name in names]
    assert content(output) == sorted(expected)
    assert read_json(output / "dataset.json") == {
        "name": "Dataset501_Scans",
        "numTraining": 3,
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "left_lung": 1, "infection": 2},
        "file_ending": ".nii.gz",
        "description": "Two hosts' scans, written by covidseg, configuration 'toy'. Whole HU, clipped to -1250 to "
        "250. Scans published as 0 to 255 of this window are mapped back to HU.",
        "reference": "https://example.org/scans",
        "licence": "CC BY 4.0",
        "converted_by": "covidseg",
    }
    assert read_json(output / "splits_final.json") == [
        {"train": ["w1"], "val": ["h1", "h2"]},
        {"train": ["h1"], "val": ["h2", "w1"]},
    ]


def test_images_and_labels_stay_on_their_grid(cases):
    """Read by SimpleITK, as nnU-Net does."""
    output = run(cases)
    for name in ("h1", "h2", "w1"):
        image = sitk.ReadImage(output / "imagesTr" / f"{name}_0000.nii.gz")
        label = sitk.ReadImage(output / "labelsTr" / f"{name}.nii.gz")
        original = sitk.ReadImage(cases / "images" / f"{name}.nii.gz")
        for other in (label, original):
            for geometry in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
                assert getattr(image, geometry)() == getattr(other, geometry)()
        truth = read_volume(cases / "labels" / f"{name}.nii.gz").array
        np.testing.assert_array_equal(sitk.GetArrayFromImage(label), truth)


def test_a_test_case_that_the_split_by_patient_leaves_out_is_in_the_other_folds(cases):
    output = run(cases, [FOLDS[0] | {"test": ["h1"]}, FOLDS[1]])
    assert (output / "imagesTr" / "h2_0000.nii.gz").exists()
    assert [fold["val"] for fold in read_json(output / "splits_final.json")] == [["h1"], ["h2", "w1"]]


def test_a_patient_who_trains_and_tests_is_told_of(cases):
    output = run(cases, dataset=DATASET | {"patient": r"\w"})
    description = read_json(output / "dataset.json")["description"]
    assert "patient h is in training and test of folds 1 (h1, h2)" in description


def test_folds_stay_ours_where_a_small_phantom_trains_on_no_case_of_some(cases):
    """Without the file nnU-Net would divide the cases by itself, and train on test cases."""
    output = run(cases, [*FOLDS, {"train": [], "test": ["h1", "h2", "w1"]}])
    assert [fold["train"] for fold in read_json(output / "splits_final.json")] == [["w1"], ["h1"], []]


def test_a_test_set_has_nothing_to_train_on(cases):
    output = run(cases, [{"train": [], "test": ["h1", "h2"]}])
    names = ["imagesTs/h1_0000.nii.gz", "imagesTs/h2_0000.nii.gz", "labelsTs/h1.nii.gz", "labelsTs/h2.nii.gz"]
    assert content(output) == ["dataset.json", *names]
    assert read_json(output / "dataset.json")["numTraining"] == 0


def test_label_ids_with_gaps_are_refused(cases):
    match = r"Two hosts' scans: label ids \[1, 3\]; nnU-Net takes no gaps: number the regions from 1"
    with pytest.raises(InputError, match=match):
        run(cases, dataset=DATASET | {"regions": {1: "left_lung", 3: "infection"}})
    assert not content(cases.parent / "nnunet_raw")


def test_grey_levels_that_are_no_hu_are_refused(cases):
    with pytest.raises(InputError, match=r"Two hosts' scans: its grey levels have no known relation to HU"):
        run(cases, dataset=DATASET | {"intensity": {"h1": "hounsfield", "*": "grey"}})
    assert not content(cases.parent / "nnunet_raw")


def test_a_damaged_case_leaves_the_last_export_as_it_was(cases):
    output = run(cases)
    before = content(output)
    damaged = cases / "images" / "h2.nii.gz"
    damaged.write_bytes(damaged.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"h2\.nii\.gz: truncated"):
        run(cases)
    assert content(output) == before
    assert [path.name for path in output.parent.iterdir()] == [output.name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["config", "paper"])
def test_both_configurations_export_every_data_set_that_an_experiment_uses(name, tmp_path):
    checkout, chosen = papers_checkout(tmp_path), ("--configfile", f"config/{name}.yaml")
    output = snakemake(checkout, "-n", "--forceall", "export_nnunet", *chosen)
    jobs = jobs_of(output)
    assert jobs.keys() == {"download", "ingest", "split", "nnunet_dataset", "export_nnunet"}
    assert jobs["ingest"] == jobs["split"] == jobs["nnunet_dataset"] == dag_sizes.DATASETS
    for folder in (
        "Dataset501_Covid20",
        "Dataset502_Covid20Lung",
        "Dataset508_NsclcLung",
        "Dataset509_Mosmed",
    ):
        assert f"results/nnunet_raw/{folder}" in output


# What follows runs the rule on the phantom's data sets, and nnU-Net on what it wrote.
UNION, MSD, MOSMED = "Dataset503_Covid20Union", "Dataset504_Msd", "Dataset509_Mosmed"


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    """A checkout in which three data sets are exported."""
    folder = papers_checkout(tmp_path_factory.mktemp("export"))
    output = snakemake(folder, *(f"results/nnunet_raw/{name}" for name in (UNION, MSD, MOSMED)))
    assert "results/paper" not in output, "nothing was drawn"
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "name"), [(UNION, "covid20-union"), (MSD, "msd"), (MOSMED, "mosmed")])
def test_nnunet_gets_the_voxels_that_the_networks_see(workflow, folder, name):
    """But for the half unit by which whole HU are off: 0.085 of 255 grey levels."""
    ingested, written = workflow / "results" / "cases" / name, workflow / "results" / "nnunet_raw" / folder
    part = "Ts" if name == "mosmed" else "Tr"
    files = sorted((ingested / "images").glob("*.nii.gz"))
    assert sorted(path.name for path in (written / f"labels{part}").iterdir()) == [
        path.name for path in files
    ]
    for path in files:
        original = torch.from_numpy(read_volume(path).array)
        windowed = name == "covid20-union" and path.name.startswith("radiopaedia")
        seen = to_window(original, None if windowed else WINDOW)
        case = path.name.removesuffix(".nii.gz")
        exported = read_volume(written / f"images{part}" / f"{case}_0000.nii.gz").array
        assert exported.min() < -1000
        np.testing.assert_allclose(to_window(torch.from_numpy(exported), WINDOW), seen, atol=0.086)


@pytest.mark.slow
def test_the_folds_are_those_of_the_pipeline(workflow, config):
    results = workflow / "results"
    for folder, name in ((UNION, "covid20-union"), (MSD, "msd")):
        folds = read_json(results / "splits" / f"{name}.json")[name]
        expected = [{"train": fold["train"], "val": fold["test"]} for fold in folds]
        assert read_json(results / "nnunet_raw" / folder / "splits_final.json") == expected
    published = config.splits["Task1_COVID_datasplit.pkl"]
    written = read_json(results / "nnunet_raw" / UNION / "splits_final.json")
    for fold, truth in zip(written, published, strict=True):
        assert set(fold["train"]) == set(truth["train"])
        assert set(fold["val"]) == set(truth["val"])


def run_nnunet(nnunet, raw, folder, *command):
    """Run a program with nnU-Net's folders: the raw data, and what it makes of them below `folder`."""
    folders = {"nnUNet_raw": raw, "nnUNet_preprocessed": folder / "preprocessed", "nnUNet_results": folder}
    environment = os.environ | {name: str(path) for name, path in folders.items()}
    done = subprocess.run(
        [nnunet / command[0], *command[1:]], env=environment, capture_output=True, text=True, timeout=600
    )
    return done.returncode, done.stdout + done.stderr


PLAN = ("nnUNetv2_plan_and_preprocess", "--verify_dataset_integrity", "-npfp", "1", "-np", "1", "--no_pbar")


def test_nnunet_s_environment_brings_nothing_that_the_pipeline_pins():
    """Above all no second torch."""
    pinned = [
        {
            line.partition("==")[0].lower().replace("_", "-")
            for line in path.read_text().splitlines()
            if "==" in line
        }
        for path in (ROOT / "envs" / "nnunet.txt", ROOT / "envs" / "requirements.txt")
    ]
    assert "nnunetv2" in pinned[0]
    assert "torch" in pinned[1]
    assert not pinned[0] & pinned[1]


@pytest.mark.slow
def test_nnunet_accepts_the_data_set_and_loads_the_same_folds(nnunet, workflow, tmp_path):
    raw = workflow / "results" / "nnunet_raw"
    status, output = run_nnunet(nnunet, raw, tmp_path, *PLAN, "-d", "503", "-c", "3d_fullres")
    assert status == 0, output[-3000:]
    assert "verify_dataset_integrity Done" in output
    assert "mismatch" not in output
    program = ROOT / "tests" / "nnunet_program.py"
    status, output = run_nnunet(nnunet, raw, tmp_path, "python", program, UNION, "5")
    assert status == 0, output[-3000:]
    loaded = json.loads(output.splitlines()[-1])
    folds = read_json(workflow / "results" / "splits" / "covid20-union.json")["covid20-union"]
    expected = [{"train": fold["train"], "val": fold["test"]} for fold in folds]
    assert [{part: sorted(cases) for part, cases in fold.items()} for fold in loaded] == expected
    every = {case: found for fold in loaded for cases in fold.values() for case, found in cases.items()}
    assert len(every) == 20
    for found in every.values():
        assert set(found["labels"]) - {-1} == {0, 1, 2, 3}, "-1 is nnU-Net's own: 0 HU at the edge"
    lungs = [found["lungs"] for found in every.values()]
    assert max(lungs) - min(lungs) < 1, "one unit: with windowed scans taken for HU they lie 2 apart"


@pytest.mark.slow
def test_nnunet_refuses_a_label_that_dataset_json_does_not_list(nnunet, workflow, tmp_path):
    """The check bites."""
    shutil.copytree(workflow / "results" / "nnunet_raw" / MSD, tmp_path / "raw" / MSD)
    path = sorted((tmp_path / "raw" / MSD / "labelsTr").iterdir())[-1]
    label = read_volume(path)
    label.array[0, 0, 0] = 2
    write_volume(path, label)
    status, output = run_nnunet(nnunet, tmp_path / "raw", tmp_path, *PLAN, "-d", "504", "--no_pp")
    assert status != 0
    assert f"Unexpected labels found in file {path}" in output
    assert "verify_dataset_integrity Done" not in output


# The round trip: nnU-Net trains and predicts on an export of the toy, and its predictions are scored in the toy.
COVID20 = "Dataset501_Covid20"
OWN = """
experiments:
  nnU-Net:
    paper: wang2021
    predictions: nnunet/fold{fold}/{case}.nii.gz
    train: [covid20]
    evaluate: {covid20: test}
artefacts:
  wang2021:
    table1: {rows: {nnU-Net v2: nnU-Net}}
"""
PREDICT = (
    "-c",
    "3d_fullres",
    "-f",
    "0",
    "-device",
    "cpu",
    "--disable_tta",
    "-step_size",
    "1",
    "-npp",
    "1",
    "-nps",
    "1",
)


@pytest.fixture(scope="module")
def round_trip(nnunet, tmp_path_factory):
    """A toy in whose folder nnU-Net has predicted the test cases of fold 0 after a short training."""
    toy = copy_toy(finished_toy(tmp_path_factory), tmp_path_factory.mktemp("round") / "toy")
    snakemake(toy, f"results/nnunet_raw/{COVID20}")
    raw, folder = toy / "results" / "nnunet_raw", toy.parent / "nnunet"
    images = folder / "images"
    images.mkdir(parents=True)
    for case in read_json(raw / COVID20 / "splits_final.json")[0]["val"]:
        shutil.copy(raw / COVID20 / "imagesTr" / f"{case}_0000.nii.gz", images)
    for command in (
        (*PLAN, "-d", "501", "-c", "3d_fullres"),
        ("python", ROOT / "tests" / "nnunet_training.py", COVID20, "0"),
        ("nnUNetv2_predict", "-d", "501", "-i", images, "-o", toy / "nnunet" / "fold0", *PREDICT),
    ):
        status, output = run_nnunet(nnunet, raw, folder, *command)
        assert status == 0, output[-3000:]
    return toy


@pytest.mark.slow
def test_nnunet_s_predictions_stand_in_table_1_beside_ours(round_trip):
    (round_trip / "config" / "local" / "nnunet.yaml").write_text(OWN)
    output = snakemake(round_trip, "results/paper/wang2021/table1.md")
    assert "train results" not in output
    scores = pd.read_csv(round_trip / "results" / "scores.csv", dtype={"fold": str})
    found = scores[(scores.experiment == "nnU-Net") & (scores.metric == "DSC")].set_index("case")["value"]
    test = read_json(round_trip / "results" / "splits" / "covid20.json")["covid20"][0]["test"]
    assert sorted(found.index) == sorted(test)
    for case in test:
        files = (round_trip / "nnunet/fold0", round_trip / "results/cases/covid20/labels")
        own, truth = (sitk.GetArrayFromImage(sitk.ReadImage(folder / f"{case}.nii.gz")) for folder in files)
        dsc = 2 * int(((own == 1) & (truth == 1)).sum()) / int((own == 1).sum() + (truth == 1).sum())
        assert found[case] == pytest.approx(dsc, abs=1e-8)
    assert found.max() > 0, "all is background: equal scores of 0 would show nothing"
    rows = pd.read_csv(round_trip / "results/paper/wang2021/table1.csv", keep_default_na=False)
    averages = rows[(rows.fold == "avg") & (rows.metric == "DSC")].set_index("row")
    assert float(averages.ours_mean["nnU-Net v2"]) == pytest.approx(found.mean(), abs=1e-8)
    assert averages.status.to_dict() == dict.fromkeys(
        ("Train from scratch", "Body Fine-tuning", "nnU-Net v2"), "run"
    )
