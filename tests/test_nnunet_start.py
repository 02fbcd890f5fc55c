"""A network that nnU-Net itself trains on our cases is a source, from which our strategies start."""

import json

import pytest

from conftest import ROOT
from covidseg.training.description import ModelDescription
from covidseg.training.weights import read_description
from nnunet_runs import run_nnunet
from toy_workflow import change_yaml, copy_toy, finished_toy, jobs_of, snakemake

pytestmark = pytest.mark.slow

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


@pytest.fixture(scope="module")
def trained(nnunet, tmp_path_factory):
    """The toy after nnU-Net has trained on its cases with lungs and infection."""
    toy = copy_toy(finished_toy(tmp_path_factory), tmp_path_factory.mktemp("source") / "toy")
    snakemake(toy, "results/nnunet_raw/Dataset503_Covid20Union")
    program = ROOT / "tests" / "nnunet_source.py"
    run_nnunet(toy, nnunet / "python", program, "503", json.dumps(NETWORK))
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
    assert "Exception" not in snakemake(trained, target)
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
