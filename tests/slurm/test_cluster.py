"""The phantom pipeline through a real SLURM cluster (`make slurm-up`), and all that can happen to a training.

One run, in which every training meets a fault of its own: each model must still be the one of a run on this
machine that nothing disturbed, to the bit.
"""

import csv
import json
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import cluster
import pytest

from conftest import ROOT
from toy_workflow import SNAKEMAKE, change_yaml, make_toy

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(not cluster.is_up(), reason="no test cluster; `make slurm-up` starts one"),
]

EPOCHS = 20
# Seconds a training takes longer per epoch, so that there is time to interfere: by default, and of some.
DELAY, DELAYS = 2, {"scratch/fold2": 6, "pretrain-msd/fold0": 6}
SLOW = f"""
import time
from covidseg.training import train as training

row, delays = training._log_row, {DELAYS}


def slow_row(run, *arguments):
    time.sleep(delays.get(snakemake.params.experiment["name"] + f"/fold{{run.fold}}", {DELAY}))
    return row(run, *arguments)


training._log_row = slow_row

if __name__"""


def make_workflow(folder):
    """Two data sets, five trainings from scratch, one pre-training and one transfer; a state every second."""
    folder.mkdir()
    make_toy(folder)

    def experiments(content):
        content["experiments"] = {name: content["experiments"][name] for name in ("scratch", "body-finetune")}
        content["experiments"]["scratch"]["folds"] = 5
        content["experiments"]["body-finetune"]["folds"] = 1
        content["weak"] |= {"models": {}, "localisers": {}}

    def settings(content):
        content["training"] |= {"epochs": EPOCHS, "iterations": 4, "checkpoint_seconds": 1}
        content["phantom"]["cases"] = {"covid20": 20, "msd": 5}

    def artefacts(content):
        for name in [name for name in content if name != "wang2021"]:
            del content[name]
        content["wang2021"].pop("figure2")

    change_yaml(folder / "config" / "experiments.yaml", experiments)
    change_yaml(folder / "config" / "config.yaml", settings)
    change_yaml(folder / "config" / "artefacts.yaml", artefacts)
    return folder


def use_cluster(folder):
    """Slow the trainings down, and change in the profile what a site changes: times are shorter here."""

    def profile(content):
        content["configfile"] = ["config/config.yaml"]
        content["slurm-init-seconds-before-status-checks"] = 3
        content["slurm-keep-successful-logs"] = True
        content["set-resources"]["train"] |= {"runtime": 3, "slurm_extra": "'--signal=TERM@60'"}

    change_yaml(folder / "profiles" / "slurm" / "config.yaml", profile)
    shutil.copy(ROOT / "slurm", folder / "slurm", follow_symlinks=False)
    script = folder / "workflow" / "scripts" / "train.py"
    script.write_text(script.read_text().replace("\nif __name__", SLOW))


def ask(*command):
    return subprocess.run(command, capture_output=True, text=True, env=cluster.ENVIRONMENT).stdout.strip()


def wait_for(found, seconds=240):
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, ask("squeue") + ask("sinfo", "-N")
        time.sleep(0.5)
    return answer


@dataclass
class Run:
    """The run under way, and what is known of its trainings."""

    folder: Path
    output: Path
    process: subprocess.Popen = None
    jobs: dict = field(default_factory=dict)

    def start(self, *arguments):
        with open(self.output, "a") as file:
            command = [SNAKEMAKE, "--profile", "slurm", *arguments]
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=cluster.ENVIRONMENT, stdout=file, stderr=subprocess.STDOUT
            )

    def names(self):
        """Names of the cluster's jobs: each start of Snakemake has its own."""
        return ",".join(re.findall(r"SLURM run ID: (\S+)", self.output.read_text()))

    def log(self, model):
        name, fold = model.split("/")
        rule = "pretrain" if name.startswith("pretrain") else "train"
        path = self.folder / "logs" / rule / name / f"{fold}.log"
        return path.read_text() if path.exists() else ""

    def training(self, model):
        """Wait until a training is some epochs old; return its job and the job's node."""
        wait_for(lambda: f"epoch 3 of {EPOCHS}" in self.log(model))
        comment = f"rule_\\w+_wildcards_{model.replace('/fold', '_')}"
        pattern = re.compile(rf"(\d+)\|(n\d)\|{comment}$", re.MULTILINE)
        job, node = wait_for(
            lambda: pattern.search(ask("squeue", "-h", "-t", "R", "-o", "%i|%N|%k"))
        ).groups()
        self.jobs[model] = job
        return job, node


def nodes_are_up():
    return (
        len([line for line in ask("sinfo", "-h", "-N", "-p", "gpu", "-o", "%t").split() if line in UP]) == 2
    )


UP = ("idle", "mix", "alloc")


def lives(holder):
    """Whether the process that held a training lives, by its number in its node's own space."""
    space = holder["machine"].split()[-1]
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            text, its = status.read_text(), (status.parent / "ns" / "pid").readlink()
            number = re.search(r"^NSpid:.*\s(\d+)$", text, re.MULTILINE).group(1)
            if (str(its), number) == (space, str(holder["process"])) and "\tZ (zombie)" not in text:
                return True
    return False


def disturb(run):
    """Bring on all faults, one after the other, each to a training in its middle."""
    job, _ = run.training("scratch/fold0")
    ask("scancel", job)
    job, _ = run.training("scratch/fold4")
    ask("scontrol", "requeue", job)
    _, node = run.training("scratch/fold3")
    cluster.crash(node)
    wait_for(lambda: "down" in ask("sinfo", "-h", "-n", node, "-p", "gpu", "-o", "%T"))
    cluster.start_node(node)
    wait_for(nodes_are_up)
    _, node = run.training("pretrain-msd/fold0")
    orphan = json.loads((run.folder / "results/state/pretrain-msd/fold0/holder.json").read_text())
    assert lives(orphan)
    cluster.cut_off(node)
    # Its log is no witness: the job's next process begins a new one.
    wait_for(lambda: not lives(orphan))
    assert not (run.folder / "results/models/pretrain-msd/fold0/model.safetensors").exists()
    cluster.crash(node)
    cluster.start_node(node)
    run.training("body-finetune-msd/fold0")
    run.process.send_signal(signal.SIGKILL)
    run.process.wait()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = make_workflow(tmp_path_factory.mktemp("local") / "toy")
    subprocess.run([SNAKEMAKE], cwd=folder, check=True, capture_output=True, timeout=600)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = make_workflow(tmp_path_factory.mktemp("cluster") / "toy")
    use_cluster(folder)
    cluster.restart_nodes()  # whatever an earlier test, interrupted, has left
    wait_for(nodes_are_up)
    run = Run(folder, folder / "output.txt")
    try:
        run.start()
        disturb(run)
        run.start("--unlock")
        assert run.process.wait(timeout=60) == 0
        run.start()
        assert run.process.wait(timeout=400) == 0, run.output.read_text()[-4000:]
    finally:
        run.process.kill()
        ask("scancel", "--user=root")
    return run


MODELS = [*(f"scratch/fold{fold}" for fold in range(5)), "pretrain-msd/fold0", "body-finetune-msd/fold0"]


def accounted(run, model, what):
    """By the accounting, a value of every run of every job that trained a model: (job, value)."""
    columns = f"--format=JobID,{what}%100,Comment%100"
    query = ("sacct", "--noheader", "--parsable2", "--allocations", "--duplicates", "--name", run.names())
    rows = [line.split("|") for line in ask(*query, columns).splitlines()]
    training = re.compile(rf"rule_(pre)?train_wildcards_{model.replace('/fold', '_')}")
    return [(job, value) for job, value, comment in rows if training.fullmatch(comment)]


def states_of(run, model):
    """What each job that trained a model ended as, run for run."""
    states = {}
    for job, state in accounted(run, model, "State"):
        states.setdefault(job, []).append(state)
    return states


@pytest.mark.parametrize("model", MODELS)
def test_every_training_had_a_gpu(run, model):
    trainings = [resources for _, resources in accounted(run, model, "AllocTRES") if resources]
    assert trainings
    assert all("gres/gpu=1" in resources for resources in trainings)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_that_of_an_undisturbed_run(run, undisturbed, model):
    weights = Path("results", "models", model, "model.safetensors")
    assert (run.folder / weights).read_bytes() == (undisturbed / weights).read_bytes()
    tables = []
    for folder in (run.folder, undisturbed):
        with open(folder / weights.with_name("log.csv"), newline="") as file:
            tables.append([row | {"seconds": None} for row in csv.DictReader(file)])
    assert tables[0] == tables[1]


def test_the_scores_are_the_same(run, undisturbed):
    lines = [
        [
            line
            for line in (folder / "results" / "scores.csv").read_text().splitlines()
            if ",time," not in line
        ]
        for folder in (run.folder, undisturbed)
    ]
    assert lines[0] == lines[1]
    assert len(lines[0]) == 1 + (5 * 16 + 16) * 7


@pytest.mark.parametrize("model", MODELS)
def test_no_training_began_twice(run, model):
    """The log is the last process's, which went on from a state unless nothing disturbed it."""
    log = run.log(model)
    if model == "scratch/fold1":
        assert f"epoch 1 of {EPOCHS}:" in log or "resumed at epoch" in log, "its node may have crashed"
    elif model != "body-finetune-msd/fold0":
        assert f"epoch 1 of {EPOCHS}:" not in log
        assert "resumed at epoch" in log
    assert not (run.folder / "results" / "state" / model).exists(), "nothing is left of it after the run"


def test_a_cancelled_training_is_tried_again(run):
    first, second = states_of(run, "scratch/fold0").values()
    assert first[-1].startswith("CANCELLED")
    assert second[-1] == "COMPLETED"


@pytest.mark.parametrize("model", ["scratch/fold2", "scratch/fold3", "scratch/fold4", "pretrain-msd/fold0"])
def test_time_limit_node_and_requeue_cost_no_attempt(run, model):
    """SLURM runs the same job again, and Snakemake goes on waiting for it."""
    (states,) = states_of(run, model).values()
    assert states[-1] == "COMPLETED"
    assert len(states) > 1
    assert set(states[:-1]) <= {"REQUEUED", "NODE_FAIL"}


def test_the_next_run_waits_for_what_a_killed_one_left_running(run):
    log, output = run.log("body-finetune-msd/fold0"), run.output.read_text()
    assert re.search(r"Jobs of an earlier run, trainings that this run waits for: \d+", output)
    assert re.search(r"process \d+ on n\d \(SLURM job \d+\) trains this model; waiting for it", log)
    assert "trained by another process meanwhile" in log
