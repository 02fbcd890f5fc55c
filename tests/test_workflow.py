"""The pipeline as a user runs it: from archives to artefacts, again, after changes, and after a stop."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from conftest import ROOT

SNAKEMAKE = Path(sys.executable).parent / "snakemake"
PARTS = ("Snakefile", "config", "envs", "profiles", "workflow")


def snakemake(folder, *arguments, check=True):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    done = subprocess.run(
        [SNAKEMAKE, *arguments], cwd=folder, capture_output=True, text=True, env=environment, timeout=600
    )
    output = done.stdout + done.stderr
    assert not check or done.returncode == 0, output[-6000:]
    return output if check else (done.returncode, output)


def jobs_of(output):
    """Job counts by rule from a dry run's table."""
    if "Nothing to be done" in output:
        return {}
    lines = output.split("Job stats:")[1].split("total")[0].splitlines()[3:]
    return {line.split()[0]: int(line.split()[1]) for line in lines if line.strip()}


def change_yaml(path, change):
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def make_toy(folder):
    """Copy the workflow and cut it down: two sources of data, two folds, some seconds of training."""
    for part in PARTS:
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / part)

    def settings(content):
        content["name"] = "toy"
        content["phantom"]["cases"] = {"covid20": 8, "msd": 5}
        content["training"] |= {"epochs": 2, "iterations": 2, "validation_patches": 2}
        content["inference"] |= {"step": 1.0}
        content["evaluation"]["bootstrap"] = 100

    def experiments(content):
        content["sources"] = {"msd": content["sources"]["msd"]}
        content["experiments"] = {name: content["experiments"][name] for name in ("scratch", "body-finetune")}
        content["experiments"]["body-finetune"]["sources"] = ["msd"]
        for row in content["experiments"].values():
            row["folds"] = 2

    def artefacts(content):
        wang = content.pop("wang2021")
        content.clear()
        content["wang2021"] = {name: wang[name] for name in ("table1", "figure2", "violin")}
        for name in ("table1", "violin"):
            wang[name]["rows"] = {"Train from scratch": "scratch", "Body Fine-tuning": "body-finetune"}
        wang["figure2"]["columns"] = {"Train from scratch": "scratch", "MSD": "body-finetune-msd"}

    change_yaml(folder / "config" / "config.yaml", settings)
    change_yaml(folder / "config" / "experiments.yaml", experiments)
    change_yaml(folder / "config" / "artefacts.yaml", artefacts)
    return folder


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = make_toy(tmp_path_factory.mktemp("toy"))
    (folder / "first_output.txt").write_text(snakemake(folder))
    return folder


@pytest.mark.parametrize("arguments", [[], ["--configfile", "config/paper.yaml"]])
def test_both_configurations_train_every_model_once_and_reach_every_artefact(arguments):
    output = snakemake(ROOT, "-n", "--forceall", *arguments)
    jobs = jobs_of(output)
    # scratch, three strategies x four sources, hybrid and multi-encoder, by five folds; three times five.
    assert (jobs["pretrain"], jobs["train"], jobs["collaborative"]) == (5, 5 * (1 + 3 * 4 + 2), 3 * 5)
    assert jobs["predict"] == jobs["score"] == 90
    models = re.findall(r"results/models/\S+/model\.safetensors", output)
    assert len(models) == len(set(models)) == 95
    for name in ("table1.csv", "table1.md", "table1.tex", "violin.svg", "violin.png"):
        assert f"results/paper/wang2021/{name}" in output


def test_progress_and_the_way_to_the_results_are_shown(toy):
    output = (toy / "first_output.txt").read_text()
    assert "of 28 steps" in output
    tail = output[output.index("Done (toy). Tables and figures:") :]
    assert "results/paper/wang2021/table1.md" in tail
    assert "results/paper/wang2021/violin.png" in tail
    log = (toy / "logs" / "train" / "scratch" / "fold0.log").read_text()
    assert "epoch 2 of 2: loss" in log
    assert re.search(r"done in \d+\.\d\d s, peak memory 0\.\d\d GiB$", log)


def test_artefacts_and_scores_are_there_and_complete(toy):
    names = ["table1.csv", "table1.md", "table1.tex", "table1.html"]
    for name in (*names, "figure2.svg", "figure2.png", "violin.svg", "violin.png"):
        assert (toy / "results" / "paper" / "wang2021" / name).stat().st_size > 500
    with open(toy / "results" / "scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * (4 * 7 + 1), "experiments x folds x (test cases x metrics + the time)"
    with open(toy / "results" / "paper" / "wang2021" / "table1.csv", newline="") as file:
        cells = list(csv.DictReader(file))
    assert {(cell["row"], cell["source"]) for cell in cells} == {
        ("Train from scratch", "none"),
        ("Body Fine-tuning", "MSD"),
    }
    splits = json.loads((toy / "results" / "splits.json").read_text())
    assert [len(fold["test"]) for fold in splits["covid20"][:2]] == [4, 4]


def test_a_model_tells_where_it_comes_from(toy):
    models = toy / "results" / "models"
    description = json.loads((models / "body-finetune-msd" / "fold1" / "model.json").read_text())
    parent = json.loads((models / "pretrain-msd" / "fold0" / "model.json").read_text())
    splits = json.loads((toy / "results" / "splits.json").read_text())
    lineage = description["lineage"]
    assert lineage["pretrained"] == {"experiment": "pretrain-msd", "weights_sha256": parent["weights_sha256"]}
    assert lineage["training_cases"] == [f"covid20/{case}" for case in splits["covid20"][1]["train"]]
    assert description["labels"] == {"1": "infection"}
    assert description["schedule"] == {"epochs": 2, "first_epoch": 0, "epoch_max": 2}
    assert parent["schedule"] == {"epochs": 2, "first_epoch": 0, "epoch_max": 4}
    assert description["plan"] == {"spacing": [10.0, 7.5, 7.5], "patch": [8, 32, 32]}
    log = (toy / "logs" / "train" / "body-finetune-msd" / "fold1.log").read_text()
    assert "loaded from results/models/pretrain-msd/fold0/model.safetensors: 32 tensors" in log
    assert "new: 4 tensors" in log
    assert "frozen: 0 tensors" in log


def test_a_second_run_does_nothing(toy):
    assert "Nothing to be done" in snakemake(toy)


def test_touching_every_file_reruns_nothing(toy):
    time.sleep(1.1)
    for part in PARTS:
        for path in [toy / part, *(toy / part).rglob("*")]:
            os.utime(path)
    assert "Nothing to be done" in snakemake(toy, "-n")


def after_editing(toy, module):
    path = toy / "workflow" / "scripts" / module
    original = path.read_text()
    path.write_text(original + "\n# edited\n")
    try:
        return set(jobs_of(snakemake(toy, "-n"))) - {"all"}
    finally:
        path.write_text(original)


def test_editing_the_plots_reruns_only_the_plots(toy):
    assert after_editing(toy, "covidseg/violin.py") == {"violin"}


def test_editing_the_metrics_scores_again_without_training(toy):
    assert after_editing(toy, "covidseg/metrics.py") == {"score", "collect", "table", "violin", "visual"}


def test_editing_the_losses_trains_again_without_ingesting(toy):
    expected = {"pretrain", "train", "predict", "score", "collect", "table", "violin", "visual"}
    assert after_editing(toy, "covidseg/losses.py") == expected


def test_a_new_strategy_trains_nothing_anew(toy):
    assert after_editing(toy, "covidseg/strategies/__init__.py") == set()
    assert after_editing(toy, "covidseg/strategies/hybrid.py") == set()


def test_editing_a_strategy_trains_its_own_models_again(toy):
    module = "covidseg/strategies/body_finetune.py"
    expected = {"train", "predict", "score", "collect", "table", "violin", "visual"}
    assert after_editing(toy, module) == expected


def test_another_learning_rate_trains_again(toy):
    path = toy / "config" / "config.yaml"
    original = path.read_text()
    change_yaml(path, lambda content: content["training"].update(learning_rate=0.123))
    jobs = jobs_of(snakemake(toy, "-n"))
    path.write_text(original)
    assert (jobs["pretrain"], jobs["train"]) == (1, 4)
    assert "preprocess" not in jobs


def test_another_configuration_does_not_overwrite_the_results(toy):
    path = toy / "config" / "config.yaml"
    original = path.read_text()
    change_yaml(path, lambda content: content.update(name="other", seed=1))
    code, output = snakemake(toy, check=False)
    path.write_text(original)
    assert code != 0
    assert "hold configuration 'toy', this run is 'other': use another checkout" in output
    assert "Traceback" not in output
    assert "Nothing to be done" in snakemake(toy)


def test_the_same_training_gives_the_same_bytes(toy):
    model = toy / "results" / "models" / "scratch" / "fold0" / "model.safetensors"
    before = model.read_bytes()
    snakemake(toy, "--force", str(model.relative_to(toy)))
    assert model.read_bytes() == before


@pytest.mark.parametrize(
    ("sheet", "change", "message"),
    [
        ("config", {"trainig": {}}, "config/config.yaml: top level: unknown key 'trainig'; allowed: name"),
        ("experiments", {"sources": 3}, "experiments.yaml: sources: 3 is not of type object"),
    ],
)
def test_a_typo_is_refused_before_any_job(toy, sheet, change, message):
    path = toy / "config" / f"{sheet}.yaml"
    original = path.read_text()
    change_yaml(path, lambda content: content.update(change))
    code, output = snakemake(toy, check=False)
    path.write_text(original)
    assert code != 0
    assert message in output
    assert "Traceback" not in output
    assert "Job stats" not in output


def test_a_damaged_archive_stops_the_run_in_one_line(toy):
    path = toy / "data" / "raw" / "msd" / "Task06_Lung.tar"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    code, output = snakemake(toy, "results/cases/msd/cases.csv", check=False)
    assert code != 0
    assert "data/raw/msd/Task06_Lung.tar: truncated or not an archive" in output
    assert "Traceback" not in output
    assert not (toy / "results" / "cases" / "msd" / "cases.csv").exists()


def test_an_interrupted_run_goes_on_where_it_was(toy):
    """Ctrl-C in the middle of a training, then the same command again."""
    change_yaml(toy / "config" / "config.yaml", lambda content: content["training"].update(epochs=60))
    target = "results/models/scratch/fold1/model.safetensors"
    log = toy / "logs" / "train" / "scratch" / "fold1.log"
    log.unlink()
    process = subprocess.Popen(
        [SNAKEMAKE, target],
        cwd=toy,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (log.exists() and "epoch 3 of 60" in log.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=30) != 0
    assert not (toy / target).exists()
    assert (toy / "results" / "state" / "scratch" / "fold1" / "state.safetensors").exists()
    snakemake(toy, target)
    assert "resumed at epoch" in log.read_text()
    assert (toy / target).exists()
    assert not (toy / "results" / "state" / "scratch" / "fold1").exists()
