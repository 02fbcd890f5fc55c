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
from dataclasses import dataclass
from pathlib import Path

import cluster
import pytest
from filelock import FileLock
from gates import environment_with_gates

from conftest import ROOT
from toy_workflow import SNAKEMAKE, change_yaml, make_toy

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(not cluster.is_up(), reason="no test cluster; `make slurm-up` starts one"),
]

EPOCHS = 20
PRETRAINING, TRANSFER = "pretrain-msd/fold0", "body-finetune-msd/fold0"
MODELS = (*(f"scratch/fold{fold}" for fold in range(5)), PRETRAINING, TRANSFER)


def make_workflow(folder):
    """Two data sets, five trainings from scratch, one pre-training and one transfer; a state after every epoch."""
    folder.mkdir()
    make_toy(folder)

    def experiments(content):
        content["experiments"] = {name: content["experiments"][name] for name in ("scratch", "body-finetune")}
        content["experiments"]["scratch"]["folds"] = 5
        content["experiments"]["body-finetune"]["folds"] = 1
        content["weak"] |= {"models": {}, "localisers": {}}

    def settings(content):
        content["training"] |= {"epochs": EPOCHS, "iterations": 4, "checkpoint_seconds": 0}
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
    """Change in the profile what a site changes."""

    def profile(content):
        content["configfile"] = ["config/config.yaml"]
        content["slurm-init-seconds-before-status-checks"] = 3
        content["slurm-keep-successful-logs"] = True

    change_yaml(folder / "profiles" / "slurm" / "config.yaml", profile)
    shutil.copy(ROOT / "slurm", folder / "slurm", follow_symlinks=False)


def ask(*command):
    return subprocess.run(command, capture_output=True, text=True, env=cluster.ENVIRONMENT).stdout.strip()


def wait_for(found, seconds=600):
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, ask("squeue") + ask("sinfo", "-N")
        time.sleep(0.5)
    return answer


@dataclass(frozen=True)
class Job:
    """A job of the cluster on the node that it runs on, and how often SLURM has queued the job again before."""

    number: str
    node: str
    restarts: int

    def column(self, name):
        """Return a column of SLURM's queue for the job, which may have ended."""
        return ask("squeue", "--noheader", "--states=all", f"--jobs={self.number}", f"--Format={name}:40")

    def queued_again(self):
        """Whether SLURM has taken the job from this node and queued it once more."""
        return int(self.column("RestartCnt")) > self.restarts and self.column("State") != "COMPLETING"


@dataclass
class Run:
    """The run under way. Each of its trainings waits in its fourth epoch until the test opens its gate."""

    folder: Path
    output: Path
    process: subprocess.Popen = None

    def start(self, *arguments):
        command = [SNAKEMAKE, "--profile", "slurm", *arguments]
        environment = environment_with_gates(self.gates, cluster.ENVIRONMENT)
        with open(self.output, "a") as file:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=file, stderr=subprocess.STDOUT
            )

    @property
    def gates(self):
        return self.folder / "gates"

    def open_gates(self, *models):
        for model in models:
            (self.gates / model).parent.mkdir(parents=True, exist_ok=True)
            (self.gates / model).touch()

    def training(self, model):
        """Wait until a training stands at its gate; return its job."""

        def waiting():
            with suppress(OSError, ValueError):  # there is no sign yet, or half of one
                sign = json.loads((self.gates / f"{model}.waiting").read_text())
                listed = ask("squeue", "-h", "-t", "R", "-O", "JobID:20,NodeList:20,RestartCnt:20")
                for number, node, restarts in map(str.split, listed.splitlines()):
                    if (number, node) == (sign["job"], sign["node"]) and lives(sign):
                        return Job(number, node, int(restarts))
            return None

        return wait_for(waiting)

    def wait_until_finished(self, rule, count):
        """Wait until Snakemake has reported that so many jobs of a rule are finished."""
        wait_for(lambda: self.output.read_text().count(f"] {rule} ") >= count)

    def names(self):
        """Names of the cluster's jobs: each start of Snakemake has its own."""
        return ",".join(re.findall(r"SLURM run ID: (\S+)", self.output.read_text()))

    def log(self, model):
        name, fold = model.split("/")
        rule = "pretrain" if name.startswith("pretrain") else "train"
        path = self.folder / "logs" / rule / name / f"{fold}.log"
        return path.read_text() if path.exists() else ""


def nodes_are_up():
    return (
        len([line for line in ask("sinfo", "-h", "-N", "-p", "gpu", "-o", "%t").split() if line in UP]) == 2
    )


UP = ("idle", "mix", "alloc")


def lives(holder):
    """Whether the process of a training lives, by its number in its node's own space."""
    space = holder["machine"].split()[-1]
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            text, its = status.read_text(), (status.parent / "ns" / "pid").readlink()
            number = re.search(r"^NSpid:.*\s(\d+)$", text, re.MULTILINE).group(1)
            if (str(its), number) == (space, str(holder["process"])) and "\tZ (zombie)" not in text:
                return True
    return False


# The three parts of the run. Each fault meets a training that stands at its gate, and the gate opens once SLURM
# has dealt with the fault: nothing here depends on how fast the machine is.


def disturb_jobs(run):
    """Cancel a training's job, requeue another one, and let the time of a third one run out."""
    run.open_gates("scratch/fold1")
    limited = run.training("scratch/fold2")
    # The profile lets SLURM send SIGTERM five minutes before the end.
    ask("scontrol", "update", f"JobId={limited.number}", "EndTime=now+4minutes")
    cancelled = run.training("scratch/fold0")
    ask("scancel", cancelled.number)
    wait_for(lambda: cancelled.column("State") == "CANCELLED")
    requeued = run.training("scratch/fold4")
    ask("scontrol", "requeue", requeued.number)
    wait_for(requeued.queued_again)
    wait_for(limited.queued_again)
    ask("scontrol", "update", f"JobId={limited.number}", "TimeLimit=1-0")
    run.open_gates("scratch/fold0", "scratch/fold2", "scratch/fold4")
    # After these four predictions no job runs until the other two trainings are finished.
    run.wait_until_finished("predict", 4)


def disturb_nodes(run):
    """Crash the node of one training, and cut off the node of another, which becomes an orphan.

    No other job may run then: SLURM 22.05 loses the GPU of a job that starts or ends while its node dies, and
    the job fails when it is queued again.
    """
    crashed, _ = run.training("scratch/fold3"), run.training(PRETRAINING)
    cluster.crash(crashed.node)
    wait_for(lambda: "down" in ask("sinfo", "-h", "-n", crashed.node, "-p", "gpu", "-o", "%T"))
    cluster.start_node(crashed.node)
    wait_for(nodes_are_up)
    wait_for(crashed.queued_again)
    cut_off, _ = run.training(PRETRAINING), run.training("scratch/fold3")
    orphan = json.loads((run.folder / "results" / "state" / PRETRAINING / "holder.json").read_text())
    assert lives(orphan)
    cluster.cut_off(cut_off.node)
    # Its log is no witness: the job's next process begins a new one.
    wait_for(lambda: not lives(orphan))
    assert not (run.folder / "results" / "models" / PRETRAINING / "model.safetensors").exists()
    wait_for(cut_off.queued_again)
    cluster.crash(cut_off.node)
    cluster.start_node(cut_off.node)
    wait_for(nodes_are_up)
    run.open_gates("scratch/fold3", PRETRAINING)
    run.wait_until_finished("train", 5)


def disturb_snakemake(run):
    """Kill Snakemake while a training runs, and start it again."""
    run.training(TRANSFER)
    run.process.send_signal(signal.SIGKILL)
    run.process.wait()
    run.start("--unlock")
    assert run.process.wait(timeout=60) == 0
    run.start()
    wait_for(lambda: "trains this model; waiting for it" in run.log(TRANSFER))
    run.open_gates(TRANSFER)
    assert run.process.wait(timeout=600) == 0, run.output.read_text()[-4000:]


@pytest.fixture(scope="module")
def local_run(tmp_path_factory):
    """The same workflow on this machine, where nothing disturbs it; it runs beside the cluster's."""
    folder = make_workflow(tmp_path_factory.mktemp("local") / "toy")
    with open(folder / "output.txt", "w") as file:
        process = subprocess.Popen([SNAKEMAKE], cwd=folder, stdout=file, stderr=subprocess.STDOUT)
    yield folder, process
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def undisturbed(local_run):
    folder, process = local_run
    assert process.wait(timeout=600) == 0, (folder / "output.txt").read_text()[-4000:]
    return folder


@pytest.fixture(scope="module")
def whole_cluster():
    """The cluster, which tests/slurm/test_head.py uses too, for these tests alone."""
    with FileLock(cluster.FOLDER / "tests.lock"):
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory, local_run, whole_cluster):
    folder = make_workflow(tmp_path_factory.mktemp("cluster") / "toy")
    use_cluster(folder)
    cluster.restart_nodes()  # whatever an earlier test, interrupted, has left
    wait_for(nodes_are_up)
    taken = ask("sinfo", "-h", "-N", "-p", "gpu", "-O", "GresUsed:40").split()
    assert all(":0(" in gpus for gpus in taken), (
        "SLURM has lost GPUs to an earlier test: start the cluster anew"
    )
    run = Run(folder, folder / "output.txt")
    try:
        run.start()
        disturb_jobs(run)
        disturb_nodes(run)
        disturb_snakemake(run)
    finally:
        run.process.kill()
        ask("scancel", "--user=root")
    return run


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
    assert len(lines[0]) == 1 + (5 * 16 + 16) * 16, (
        "of every case: 7 metrics of masks, 9 of volumes and lesions"
    )


@pytest.mark.parametrize("model", MODELS)
def test_no_training_began_twice(run, model):
    """The log is the last process's, which went on from a state unless nothing disturbed it."""
    log = run.log(model)
    if model == "scratch/fold1":
        assert "epoch 0:" in log, "nothing disturbed it"
    elif model != TRANSFER:
        assert "epoch 0:" not in log
        assert "resumed at epoch" in log
    assert not (run.folder / "results" / "state" / model).exists(), "nothing is left of it after the run"


def test_a_cancelled_training_is_tried_again(run):
    first, second = states_of(run, "scratch/fold0").values()
    assert first[-1].startswith("CANCELLED")
    assert second[-1] == "COMPLETED"


@pytest.mark.parametrize("model", ["scratch/fold2", "scratch/fold3", "scratch/fold4", PRETRAINING])
def test_time_limit_node_and_requeue_cost_no_attempt(run, model):
    """SLURM runs the same job again, and Snakemake goes on waiting for it."""
    (states,) = states_of(run, model).values()
    assert states[-1] == "COMPLETED"
    assert len(states) > 1
    assert set(states[:-1]) <= {"REQUEUED", "NODE_FAIL"}


def test_the_next_run_waits_for_what_a_killed_one_left_running(run):
    log, output = run.log(TRANSFER), run.output.read_text()
    assert re.search(r"Jobs of an earlier run, trainings that this run waits for: \d+", output)
    assert re.search(r"process \d+ on n\d \(SLURM job \d+\) trains this model; waiting for it", log)
    assert "trained by another process meanwhile" in log
