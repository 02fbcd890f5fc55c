"""The pipeline under DVC: its stages, its metrics, its remotes, and that it agrees with Snakemake."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest
import yaml

import dag_sizes
from conftest import ROOT
from covidseg.config.kinds import KINDS
from covidseg.runs.code import imported
from covidseg.training.strategies import STRATEGIES
from covidseg.weak import SYSTEMS
from toy_workflow import change_yaml, copy_toy, finished_toy, jobs_of, snakemake

BINARIES = Path(sys.executable).parent
PARTS = (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore", "dvc.yaml")
STAGES = ["ingest", "preprocess", "train", "evaluate", "paper", "site"]
STORE = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
WHO = {
    f"GIT_{who}_{what}": "test@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


def run(folder, *command):
    environment = os.environ | STORE | WHO | {"PATH": f"{BINARIES}:{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dvc(folder, *arguments):
    return run(folder, "dvc", *arguments)


def git(folder, *arguments):
    return run(folder, "git", *arguments)


def stages_to_run(folder):
    return re.findall(r"Running stage '(\w+)'", dvc(folder, "repro", "--dry"))


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    """The toy's results in a repository of its own, under DVC; shared, and copied before anything runs there."""
    folder = copy_toy(finished_toy(tmp_path_factory), tmp_path_factory.mktemp("dvc") / "toy")
    for part in PARTS:
        (folder / part).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / part, folder / part)
    git(folder, "init", "--quiet")
    dvc(folder, "add", "data")
    dvc(folder, "commit", "--force")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "Lock")
    return folder


@pytest.fixture
def toy(committed, tmp_path):
    """A committed toy of the test's own."""
    return copy_toy(committed, tmp_path / "toy")


@pytest.fixture(scope="module")
def s3():
    """The address of a server with S3's interface on this machine, with a bucket."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [BINARIES / "moto_server", "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.1)
        client = boto3.client(
            "s3", endpoint_url=address, region_name=STORE["AWS_DEFAULT_REGION"],
            aws_access_key_id=STORE["AWS_ACCESS_KEY_ID"], aws_secret_access_key=STORE["AWS_SECRET_ACCESS_KEY"],
        )  # fmt: skip
        client.create_bucket(Bucket="covidseg")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


SCRIPTS = ROOT / "workflow" / "scripts"
# Modules that a script imports only where a job needs them.
CHOSEN_BY_A_JOB = {
    "ingest": ["covidseg/archives/phantom/hosts", "covidseg/archives/download", "covidseg/config/loading"],
    "train": [f"covidseg/training/strategies/{strategy.module}" for strategy in STRATEGIES.values()],
    "evaluate": [f"covidseg/weak/{system.module}" for system in SYSTEMS.values()],
    "paper": [f"covidseg/paper/{kind.module}" for kind in KINDS.values()],
    "site": [f"covidseg/site/{path.stem}" for path in SCRIPTS.glob("covidseg/site/*_part.py")]
    + ["covidseg/site/front"],
}


def code_of_stages():
    """Return stage -> the paths of code that it depends on."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert list(stages) == STAGES
    return {
        name: [path for path in stage["deps"] if path.startswith("workflow/scripts/")]
        for name, stage in stages.items()
    }


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_depends_on_the_code_that_it_runs_and_on_no_other(stage):
    places = [ROOT / path for path in code_of_stages()[stage]]
    scripts = [place.stem for place in places if place.parent == SCRIPTS]
    files = imported(SCRIPTS, [*scripts, *CHOSEN_BY_A_JOB.get(stage, [])])
    behind = {file: [place for place in places if file.is_relative_to(place)] for file in files}
    assert [file for file, found in behind.items() if not found] == []
    assert set(places) == {place for found in behind.values() for place in found}


def test_every_script_of_the_pipeline_belongs_to_a_stage():
    scripts = {path.stem for path in SCRIPTS.glob("*.py")}
    staged = {
        Path(path).stem for paths in code_of_stages().values() for path in paths if path.count("/") == 2
    }
    assert scripts - staged == {"export_nnunet", "rehearse", "workload"}, "which run by their names only"


def test_every_parameter_of_a_stage_is_one_of_the_configuration():
    sections = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    for stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values():
        for key in stage["params"][0]["config/config.yaml"]:
            value = sections
            for part in key.split("."):
                value = value[part]


@pytest.mark.slow
def test_after_a_run_there_is_nothing_to_do_and_touching_files_changes_that_in_neither(toy):
    assert "up to date" in dvc(toy, "status")
    for path in [*(toy / "workflow").rglob("*.*"), *(toy / "config").rglob("*.*")]:
        os.utime(path)
    assert "up to date" in dvc(toy, "status")
    assert stages_to_run(toy) == []
    assert "Running" not in dvc(toy, "repro")
    assert jobs_of(snakemake(toy, "-n")) == {}


@pytest.mark.slow
def test_another_learning_rate_trains_again_in_both(toy):
    change_yaml(
        toy / "config" / "config.yaml", lambda content: content["training"].update(learning_rate=0.123)
    )
    assert stages_to_run(toy) == ["train"], "and what depends on its models, once they are others"
    jobs = jobs_of(snakemake(toy, "-n"))
    assert {rule: jobs[rule] for rule in ("pretrain", "train")} == {
        rule: dag_sizes.TOY[rule] for rule in ("pretrain", "train")
    }
    assert "preprocess" not in jobs


@pytest.mark.slow
def test_editing_a_figure_draws_it_again_in_both_and_nothing_else(toy):
    with open(toy / "workflow" / "scripts" / "covidseg" / "paper" / "violin.py", "a") as file:
        file.write("\nEDITED = True\n")
    violins = dag_sizes.TOY["violin"]
    drawn = {"violin": violins, "site_paper": violins, "site": 1, "all": 1}
    assert jobs_of(snakemake(toy, "-n")) == drawn
    assert stages_to_run(toy) == ["paper", "site"]
    before = (toy / "results" / "paper" / "ma2021" / "figure5.png").stat().st_mtime_ns
    violin = toy / "results" / "paper" / "wang2021" / "violin.png"
    violin.write_bytes(b"old")
    os.utime(violin, (0, 0))
    dvc(toy, "repro")
    assert violin.stat().st_size > 500
    assert (toy / "results" / "paper" / "ma2021" / "figure5.png").stat().st_mtime_ns == before
    assert "up to date" in dvc(toy, "status")


@pytest.mark.slow
def test_metrics_are_the_mean_scores_of_every_strategy_and_are_compared_with_a_commit(toy):
    shown = json.loads(dvc(toy, "metrics", "show", "--json"))
    path = toy / "results" / "metrics.json"
    metrics = json.loads(path.read_text())
    assert shown[""]["data"]["results/metrics.json"]["data"] == metrics
    assert set(metrics) == {"scratch", "body-finetune-msd", "task3-msd"}
    metrics["scratch"]["DSC"] += 0.25
    path.write_text(json.dumps(metrics))
    difference = json.loads(dvc(toy, "metrics", "diff", "--json", "HEAD"))
    assert difference["results/metrics.json"]["scratch.DSC"]["diff"] == pytest.approx(0.25)


@pytest.mark.slow
def test_plots_show_the_strategies_and_the_violins(toy, tmp_path):
    dvc(toy, "plots", "show", "--out", str(tmp_path))
    page = (tmp_path / "index.html").read_text()
    for text in ("Mean DSC", "Mean NSD", "body-finetune-msd", "violin.png"):
        assert text in page


@pytest.mark.slow
def test_a_clone_without_data_fetches_what_data_dvc_says(toy, tmp_path):
    git(tmp_path, "clone", "--quiet", str(toy), "clone")
    clone = tmp_path / "clone"
    snakemake(clone, "fetched")
    dvc(clone, "commit", "data.dvc")
    assert "up to date" in dvc(clone, "status", "data.dvc")
    assert git(clone, "status", "--short") == ""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["local", "s3"])
def test_data_and_models_come_back_from_a_remote_to_a_clone_that_predicts(kind, toy, tmp_path, request):
    clone, remote = tmp_path / "clone", ["remote", "add", "--local", "--default", "store"]
    git(tmp_path, "clone", "--quiet", str(toy), str(clone))
    for folder in (toy, clone):
        if kind == "local":
            dvc(folder, *remote, "--force", str(tmp_path / "remote"))
        else:
            dvc(folder, *remote, "--force", "s3://covidseg/toy")
            dvc(folder, "remote", "modify", "--local", "store", "endpointurl", request.getfixturevalue("s3"))
    dvc(toy, "push")
    dvc(clone, "pull")
    assert "up to date" in dvc(clone, "status")
    snakemake(clone, "--touch")
    assert jobs_of(snakemake(clone, "-n")) == {}
    predicted = "results/predictions/scratch/fold0"
    snakemake(clone, "--force", predicted)
    for path in (toy / predicted).rglob("*.nii.gz"):
        assert (clone / path.relative_to(toy)).read_bytes() == path.read_bytes()
    assert "up to date" in dvc(clone, "status")
    assert git(clone, "status", "--short") == ""
