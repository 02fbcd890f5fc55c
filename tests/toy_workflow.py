"""A small copy of the workflow, and how the tests run Snakemake in it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from html import unescape
from pathlib import Path

import filelock
import yaml

from conftest import ROOT
from papers import leave_additions_out

SNAKEMAKE = Path(sys.executable).parent / "snakemake"
PARTS = ("Snakefile", "CITATION.cff", "config", "docs", "envs", "profiles", "workflow")
FIRST_OUTPUT = "first_output.txt"
EXPERIMENTS = ("scratch", "body-finetune", "task1-union", "task3-msd")
WEAK = ("weak-full", "classifier", "cam")


def snakemake(folder, *arguments, check=True):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    done = subprocess.run(
        [SNAKEMAKE, *arguments], cwd=folder, capture_output=True, text=True, env=environment, timeout=600
    )
    output = done.stdout + done.stderr
    assert not check or done.returncode == 0, output[-6000:]
    return output if check else (done.returncode, output)


def stop_in_epoch_three(folder, target):
    """Start a training of 60 epochs in a toy, as on the command line, and press Ctrl-C after epoch 3; returns its log."""
    change_yaml(folder / "config" / "config.yaml", lambda content: content["training"].update(epochs=60))
    log = folder / "logs" / "train" / Path(target).relative_to("results/models").parent.with_suffix(".log")
    log.unlink()
    process = subprocess.Popen(
        [SNAKEMAKE, target],
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not (log.exists() and "3 of 60 epochs done" in log.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) != 0
    return log


def svg_text(path):
    """Return all text in an SVG, without spaces and line breaks."""
    found = re.findall(r"<(?:text|tspan)[^>]*>([^<>]*)</", path.read_text())
    return re.sub(r"\s", "", unescape("".join(found)))


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


def documented_data_set():
    """The data set, source and experiment that config/local/README.md shows, and docs/data.md explains."""
    text = (ROOT / "config" / "local" / "README.md").read_text()
    return yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1])


def copy_parts(source, target):
    """Copy what a checkout has, without what a run made of it."""
    for part in PARTS:
        if (source / part).is_dir():
            # Another process may be writing its compiled modules just now.
            shutil.copytree(source / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source / part, target / part)


def papers_checkout(folder):
    """Copy the checkout without what a user has added to the papers."""
    copy_parts(ROOT, folder)
    leave_additions_out(folder / "config")
    return folder


def make_toy(folder):
    """Copy the workflow and cut it down: two folds, some seconds of training, six models.

    One from scratch, one transfer strategy, one network for lungs and infection, one trained on two data sets;
    two that learn from image-level labels.
    """
    papers_checkout(folder)

    def sections(content):
        content["name"] = "toy"
        content["phantom"]["cases"] = {
            "covid20": 8, "covid20-union": 8, "msd": 5, "mosmed": ["study_0255"], "capepoint": 3,
        }  # fmt: skip
        content["training"] |= {"epochs": 2, "iterations": 2, "validation_patches": 2}
        content["inference"] |= {"step": 1.0}
        counts = {"train_normal": 8, "train_lesion": 6, "test_lesion": 4}
        content["weak"] |= {"epochs": 1, "iterations": 2, "volume_slices": 6, "slices": counts}
        content["evaluation"]["bootstrap"] = 100

    def experiments(content):
        content["sources"] = {"msd": content["sources"]["msd"]}
        content["experiments"] = {name: content["experiments"][name] for name in EXPERIMENTS}
        content["experiments"]["body-finetune"]["sources"] = ["msd"]
        content["experiments"]["scratch"]["evaluate"] = {"covid20": "test"}
        content["experiments"]["task3-msd"]["evaluate"] = {"msd": "validation", "covid20": "test"}
        for row in content["experiments"].values():
            row["folds"] = 2
        for part in ("models", "localisers"):
            weak = content["weak"][part]
            content["weak"][part] = {name: weak[name] for name in WEAK if name in weak}

    def artefacts(content):
        wang, ma, yang = (content.pop(paper) for paper in ("wang2021", "ma2021", "yang2021"))
        content.clear()
        shown = ("table1", "figure2", "violin", "parameters", "claims")
        content["wang2021"] = {name: wang[name] for name in shown}
        content["ma2021"] = {
            name: ma[name]
            for name in ("figure1", "datasets", "table9", "figure4", "figure5", "volumes", "agreement")
        }
        content["yang2021"] = {name: yang[name] for name in ("numbers", "figure2", "figure3")}
        yang["numbers"]["rows"] = yang["figure2"]["localisers"] = {"Decomposition": "weak-full", "CAM": "cam"}
        shown = {"MSD": ["msd"], "COVID-19-CT-Seg": ["covid20-union"]}
        ma["figure1"]["datasets"] = ma["datasets"]["datasets"] = shown
        rows = {"Task1-Separate": "scratch", "Task1-Union": "task1-union", "Task3-MSD": "task3-msd"}
        ma["table9"]["rows"] = ma["figure4"]["rows"] = ma["figure5"]["columns"] = rows
        ma["volumes"]["rows"] = ma["agreement"]["rows"] = rows
        for name in ("table1", "violin", "parameters"):
            wang[name]["rows"] = {"Train from scratch": "scratch", "Body Fine-tuning": "body-finetune"}
        wang["figure2"]["columns"] = {"Train from scratch": "scratch", "MSD": "body-finetune-msd"}

    def claims(content):
        claim = content["wang2021"]["msd-gain"]
        claim["comparisons"] = [{"a": "body-finetune-msd", "b": "scratch", "above": 0}]
        content.clear()
        content["wang2021"] = {"msd-gain": claim}

    change_yaml(folder / "config" / "config.yaml", sections)
    change_yaml(folder / "config" / "experiments.yaml", experiments)
    change_yaml(folder / "config" / "artefacts.yaml", artefacts)
    change_yaml(folder / "config" / "claims.yaml", claims)
    return folder


def finished_toy(temporary):
    """Return the toy after its first run, made once for all of pytest's processes; a test changes a copy of it.

    Args:
        temporary: pytest's `tmp_path_factory`.
    """
    shared = temporary.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "finished_toy"
    with filelock.FileLock(shared / "finished_toy.lock"):
        if not (folder / FIRST_OUTPUT).exists():
            folder.mkdir()
            output = snakemake(make_toy(folder))
            (folder / FIRST_OUTPUT).write_text(output)
    return folder


def state_of(folder):
    """Return what changes when any file below a folder does."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def copy_toy(toy, target):
    """Copy a toy as it is, times of files included, so that nothing is to be done in the copy."""
    return shutil.copytree(toy, target, symlinks=True)
