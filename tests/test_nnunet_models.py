"""nnU-Net itself: a network that it trains is a source, and a model of ours segments there as it does here."""

import json
import os
import subprocess

import numpy as np
import pytest

from conftest import ROOT
from covidseg.cases.nnunet import to_hounsfield
from covidseg.training.description import ModelDescription
from covidseg.training.weights import read_description
from covidseg.volumes import Volume, read_volume, write_volume
from toy_workflow import change_yaml, copy_toy, finished_toy, jobs_of, snakemake

pytestmark = pytest.mark.slow

WINDOW = (-1250, 250)
NETWORK = {  # that of config/config.yaml, in nnU-Net's words
    "spacing": [10.0, 7.5, 7.5],
    "patch_size": [8, 32, 32],
    "n_stages": 3,
    "features_per_stage": [8, 16, 32],
    "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
    "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
    "n_conv_per_stage": [2, 2, 1],
    "n_conv_per_stage_decoder": [1, 1],
}
SOURCE = {"paper": "wang2021", "title": "nnU-Net", "nnunet": "nnunet/results"}
MODEL = "Dataset501_Covid20/nnUNetTrainer__scratch__3d_fullres"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """The toy with its models and predictions, to which sources are added."""
    return copy_toy(finished_toy(tmp_path_factory), tmp_path_factory.mktemp("models") / "toy")


def environment(toy, **more):
    folders = {"nnUNet_raw": "results/nnunet_raw", "nnUNet_preprocessed": "nnunet/preprocessed"}
    folders |= {"nnUNet_results": "nnunet/results"}
    quick = {"nnUNet_n_proc_DA": "1", "nnUNet_compile": "f", "OMP_NUM_THREADS": "1"}
    return os.environ | {name: str(toy / path) for name, path in folders.items()} | quick | more


def run(command, toy, **more):
    done = subprocess.run(
        command, cwd=toy, env=environment(toy, **more), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


@pytest.fixture(scope="module")
def trained(nnunet, toy):
    """The toy after nnU-Net has trained on its cases with lungs and infection."""
    snakemake(toy, "results/nnunet_raw/Dataset503_Covid20Union")
    run([nnunet / "python", ROOT / "tests" / "nnunet_training.py", "503", json.dumps(NETWORK)], toy)
    return toy


def test_a_strategy_starts_from_what_nnunet_has_trained(trained):
    target = "results/predictions/body-finetune-medical/fold0"

    def add(sheet):
        sheet["sources"]["medical"] = SOURCE
        sheet["experiments"]["body-finetune"]["sources"].append("medical")

    change_yaml(trained / "config" / "experiments.yaml", add)
    jobs = jobs_of(snakemake(trained, "-n", target))
    added = {"import_nnunet": 1, "preprocess_nnunet": 1, "train_nnunet": 1, "predict": 1}
    assert jobs == added, "and nothing of any other model"
    snakemake(trained, target)
    models = trained / "results" / "models"
    source, own = (
        read_description(models / name / "fold0" / "model.safetensors", ModelDescription)
        for name in ("pretrain-medical", "body-finetune-medical")
    )
    plans = json.loads(next(trained.glob("nnunet/results/*/*/plans.json")).read_text())
    found = plans["foreground_intensity_properties_per_channel"]["0"]
    assert source.normalisation["window_hu"] == [found["percentile_00_5"], found["percentile_99_5"]]
    assert own.normalisation == source.normalisation
    assert source.labels == {"1": "left_lung", "2": "right_lung", "3": "infection"}
    assert own.lineage["pretrained"]["weights_sha256"] == source.weights_sha256
    assert own.parameters["encoder"]["new"] == 0
    assert own.parameters["head"]["loaded"] == 0, "three regions there, one here"
    assert list((trained / target / "covid20").glob("*.nii.gz"))


def hounsfield_scans(toy, folder, names):
    """Write scans for nnUNetv2_predict: what was published as grey levels is mapped back to HU."""
    for name in names:
        scan = read_volume(toy / "results" / "cases" / "covid20" / "images" / f"{name}.nii.gz")
        if name.startswith("radiopaedia"):
            scan = Volume(to_hounsfield(scan.array, WINDOW, windowed=True), scan.geometry)
        write_volume(folder / f"{name}_0000.nii.gz", scan)


def compare(toy, folder):
    """Return the Dice of nnU-Net's masks and ours over all cases, and the largest share of other voxels."""
    pairs = []
    for path in sorted(folder.glob("*.nii.gz")):
        own = toy / "results" / "predictions" / "scratch" / "fold0" / "covid20" / path.name
        pairs.append((read_volume(path).array > 0, read_volume(own).array > 0))
    both, all_ = (sum(int(f(*pair).sum()) for pair in pairs) for f in (np.logical_and, np.add))
    either = sum(int(a.sum() + b.sum()) for a, b in pairs)
    assert len(pairs) == 3
    assert all_
    return 2 * both / either, max((a != b).mean() for a, b in pairs)


def test_nnunet_segments_with_our_model_as_we_do(nnunet, toy, tmp_path):
    """With the class that the zip brings along; without it nnU-Net interpolates logits, and edges differ."""
    snakemake(toy, "export_model", "--config", "model=scratch")
    run(
        [nnunet / "nnUNetv2_install_pretrained_model_from_zip", "results/export/scratch/scratch_nnunet.zip"],
        toy,
    )
    predicted = sorted((toy / "results/predictions/scratch/fold0/covid20").glob("*.nii.gz"))
    names = [path.name.removesuffix(".nii.gz") for path in predicted]
    hounsfield_scans(toy, tmp_path / "scans", [names[0], names[1], names[-1]])
    model = toy / "nnunet" / "results" / MODEL
    command = [nnunet / "nnUNetv2_predict", "-d", "501", "-p", "scratch", "-c", "3d_fullres", "-f", "0"]
    command += ["-i", tmp_path / "scans", "-step_size", "1", "--disable_tta", "-device", "cpu"]
    command += ["-npp", "1", "-nps", "1", "--disable_progress_bar"]
    run([*command, "-o", tmp_path / "stock"], toy)
    (model / "plans.json").write_bytes((model / "plans_probabilities.json").read_bytes())
    run([*command, "-o", tmp_path / "same"], toy, PYTHONPATH=str(model))
    dice, share = compare(toy, tmp_path / "same")
    print(dice, share, compare(toy, tmp_path / "stock"))
    assert dice > 0.98
    assert share < 1e-3
    dice, share = compare(toy, tmp_path / "stock")
    assert dice > 0.8
    assert share < 1e-2
