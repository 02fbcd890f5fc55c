"""`snakemake progress`: the state of every training, read from the files of a run that goes on or has gone."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from conftest import ROOT
from covidseg.config.in_use import models
from covidseg.runs.progress import Training, count_states, progress_table, trainings
from toy_workflow import SNAKEMAKE, change_yaml, make_toy, snakemake

SCRIPTS = ROOT / "workflow" / "scripts"
HEAD = "2026-01-01 10:00:00 INFO training of {}: strategy scratch, source none, fold {}\n"
EPOCH = "2026-01-01 10:00:00 INFO epoch {}: learning rate 0.3, loss {}, 9.9 s; {} of 20 epochs done, about 3 min 5 s left\n"
HOLD = """
import sys
from pathlib import Path
from covidseg.training.lease import leased
with leased(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def write_log(folder, training, text, rule="train"):
    path = (folder / "logs" / rule / training.place).with_suffix(".log")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


@contextmanager
def held(folder, training):
    """Another process that trains a model."""
    state = folder / "results" / "state" / training.place
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, state],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.communicate()


@pytest.fixture
def five():
    return [Training("scratch", "scratch", "none", fold) for fold in range(5)]


def table_of(found, folder):
    """Return fold -> state, epochs, loss and time left."""
    table = progress_table(found, folder).set_index("Fold")
    return {fold: tuple(row) for fold, row in table[["State", "Epochs done", "Loss", "Time left"]].iterrows()}


def test_the_states_of_trainings(five, tmp_path):
    done, _, stopped, failed, running = five
    for training in (done, stopped, failed, running):
        write_log(
            tmp_path,
            training,
            HEAD.format("scratch", training.fold) + EPOCH.format(0, 0.5, 1) + EPOCH.format(1, -0.25, 2),
        )
    touch(tmp_path / "results" / "models" / done.place / "model.safetensors")
    touch(tmp_path / "results" / "state" / stopped.place / "state.safetensors")
    with open(tmp_path / "logs" / "train" / "scratch" / "fold3.log", "a") as log:
        log.write("2026-01-01 10:00:00 ERROR epoch 2: the loss is nan\n")
    with held(tmp_path, running) as process:
        table = progress_table(five, tmp_path)
        assert table_of(five, tmp_path) == {
            0: ("done", "2 of 20", "-0.25", "–"),
            1: ("waiting", "–", "–", "–"),
            2: ("stopped", "2 of 20", "-0.25", "–"),
            3: ("failed", "2 of 20", "-0.25", "–"),
            4: ("running", "2 of 20", "-0.25", "3 min 5 s"),
        }
        assert list(table["Where"]) == ["–"] * 4 + [f"process {process.pid} on {os.uname().nodename}"]
        assert count_states(table) == "5 trainings: 1 running, 1 failed, 1 stopped, 1 waiting, 1 done"


def test_what_runs_comes_last(five, tmp_path):
    for training in five[3:]:
        touch(tmp_path / "results" / "models" / training.place / "model.safetensors")
    with held(tmp_path, five[0]):
        assert list(progress_table(five, tmp_path)["Fold"]) == [3, 4, 1, 2, 0]


def test_a_training_that_begins_anew_forgets_the_epochs_of_its_last_start(five, tmp_path):
    """A log may hold several starts; the process of one of them was killed."""
    old = HEAD.format("scratch", 0) + EPOCH.format(18, 0.1, 19)
    write_log(tmp_path, five[0], old)
    with held(tmp_path, five[0]) as process:
        assert table_of(five[:1], tmp_path)[0] == ("running", "19 of 20", "0.1", "3 min 5 s")
        write_log(tmp_path, five[0], old + HEAD.format("scratch", 0))
        assert table_of(five[:1], tmp_path)[0] == ("running", "–", "–", "–")
        process.kill()
        process.wait()
        assert table_of(five[:1], tmp_path)[0] == ("waiting", "–", "–", "–"), "its lock counts no longer"


def test_a_training_on_another_node_runs_as_long_as_it_renews_its_lock(five, tmp_path):
    lock = tmp_path / "results" / "state" / five[0].place / "lock"
    touch(lock)
    for seconds, state in ((60, "running"), (-5, "running"), (-20, "waiting")):
        os.utime(lock, (time.time() + seconds,) * 2)
        assert table_of(five[:1], tmp_path)[0][0] == state


def test_every_model_of_the_configuration_is_a_training(config):
    found = trainings(config)
    assert [str(training.place) for training in found] == models(config)
    assert Training("scratch", "scratch", "none", 4) in found
    assert Training("body-finetune-msd", "body-finetune", "msd", 0) in found
    assert Training("classifier", "classifier", "none", 0) in found


@pytest.mark.slow
def test_it_tells_of_a_run_that_goes_on_in_the_same_folder(tmp_path):
    toy = make_toy(tmp_path)
    change_yaml(toy / "config" / "config.yaml", lambda content: content["training"].update(epochs=20000))
    output = snakemake(toy, "progress")
    assert "11 trainings: 11 waiting" in output
    target = "results/models/scratch/fold0/model.safetensors"
    with open(toy / "output.txt", "w") as file:
        command = [SNAKEMAKE, target]
        process = subprocess.Popen(command, cwd=toy, stdout=file, stderr=file, start_new_session=True)
    log = toy / "logs" / "train" / "scratch" / "fold0.log"
    try:
        while not (log.exists() and "epochs done" in log.read_text()):
            assert process.poll() is None, (toy / "output.txt").read_text()
            time.sleep(0.1)
        output = snakemake(toy, "progress")
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
    assert "11 trainings: 1 running, 10 waiting" in output
    (line,) = (line for line in output.splitlines() if " running " in line and line.startswith("scratch"))
    assert " of 20000 " in line
    assert " min " in line
    assert "11 trainings: 1 stopped, 10 waiting" in snakemake(toy, "progress")
