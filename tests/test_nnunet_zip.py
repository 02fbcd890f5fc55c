"""nnU-Net itself segments with a model of ours as we do."""

import pytest

from conftest import ROOT
from covidseg.cases.nnunet import to_hounsfield
from covidseg.volumes import Volume, read_volume, write_volume
from nnunet_runs import run_nnunet
from toy_workflow import change_yaml, copy_toy, finished_toy, snakemake

pytestmark = pytest.mark.slow

WINDOW = (-1250, 250)
MODEL = "Dataset501_Covid20/nnUNetTrainer__scratch__3d_fullres"
PREDICTED = "results/predictions/scratch/fold0"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """The toy, with a model that has learned enough to find infections."""
    toy = copy_toy(finished_toy(tmp_path_factory), tmp_path_factory.mktemp("zip") / "toy")
    longer = {"epochs": 12, "iterations": 8}
    change_yaml(toy / "config" / "config.yaml", lambda content: content["training"].update(longer))
    snakemake(toy, PREDICTED)
    snakemake(toy, "export_model", "--config", "model=scratch")
    return toy


@pytest.fixture(scope="module")
def scans(toy, tmp_path_factory):
    """Three scans for nnU-Net: what was published as grey levels is mapped back to HU."""
    folder = tmp_path_factory.mktemp("scans")
    names = [path.name.removesuffix(".nii.gz") for path in sorted((toy / PREDICTED / "covid20").glob("*.gz"))]
    for name in (names[0], names[1], names[-1]):
        scan = read_volume(toy / "results" / "cases" / "covid20" / "images" / f"{name}.nii.gz")
        if name.startswith("radiopaedia"):
            scan = Volume(to_hounsfield(scan.array, WINDOW, windowed=True), scan.geometry)
        write_volume(folder / f"{name}_0000.nii.gz", scan)
    return folder


def compare(toy, folder):
    """Return the Dice of nnU-Net's masks and ours over all voxels, and the share of voxels that differ."""
    both = either = differ = voxels = 0
    for path in sorted(folder.glob("*.nii.gz")):
        own, found = (read_volume(one).array > 0 for one in (toy / PREDICTED / "covid20" / path.name, path))
        both, either = both + (own & found).sum(), either + own.sum() + found.sum()
        differ, voxels = differ + (own != found).sum(), voxels + own.size
    assert both > 1000
    return 2 * both / either, differ / voxels


def test_the_zip_is_installed_and_predicts_as_we_do(nnunet, toy, scans, tmp_path):
    """By the class of networks that the zip brings along, which returns probabilities."""
    archive = toy / "results" / "export" / "scratch" / "scratch_nnunet.zip"
    run_nnunet(toy, nnunet / "nnUNetv2_install_pretrained_model_from_zip", archive)
    model = toy / "nnunet" / "results" / MODEL
    program = ROOT / "tests" / "nnunet_prediction.py"
    run_nnunet(toy, nnunet / "python", program, model, scans, tmp_path / "stock")
    (model / "plans.json").write_bytes((model / "plans_probabilities.json").read_bytes())
    command = [
        "-d",
        "501",
        "-p",
        "scratch",
        "-c",
        "3d_fullres",
        "-f",
        "0",
        "-step_size",
        "1",
        "--disable_tta",
    ]
    command += ["-device", "cpu", "-npp", "1", "-nps", "1", "-i", scans, "-o", tmp_path / "same"]
    run_nnunet(toy, nnunet / "nnUNetv2_predict", *command, PYTHONPATH=str(model))
    dice, share = compare(toy, tmp_path / "same")
    assert dice > 0.98, share
    assert share < 1e-3, dice
    dice, share = compare(toy, tmp_path / "stock")
    assert dice > 0.8, "nnU-Net's own class: it interpolates logits, so edges differ"
    assert share < 1e-2
