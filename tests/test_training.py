"""Training: it learns, it stops and resumes without a trace, and only once at a time."""

import dataclasses
import platform
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch

from conftest import ROOT
from covidseg.errors import InputError
from covidseg.training.strategies.base import Schedule
from training_program import assert_same_model, interrupt, make_run, rows, start

PROGRAM = ROOT / "tests" / "training_program.py"


@pytest.fixture(scope="module")
def undisturbed(training_folders, tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed")
    start(make_run(training_folders[:2], training_folders[2:]), output)
    return output


def launch(folders, output, *arguments):
    output.mkdir(exist_ok=True)
    command = [sys.executable, PROGRAM, folders[0].parent, output, *map(str, arguments)]
    environment = {"PYTHONPATH": f"{ROOT / 'workflow' / 'scripts'}:{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    )


def wait_for(process, text):
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"{text!r} never came: {process.stderr.read()}")


def test_files_and_log_of_a_finished_run(undisturbed):
    files = ["log.csv", "model.json", "model.safetensors"]
    assert sorted(file.name for file in undisturbed.iterdir()) == [*files, "state"]
    assert not list((undisturbed / "state").glob("*.safetensors"))
    for name in files:
        assert (undisturbed / name).samefile(undisturbed / "state" / "finished" / name), "no second copy"
    table = rows(undisturbed)
    assert [int(row["epoch"]) for row in table] == [0, 1, 2, 3]
    rates = [0.05 * (1 - epoch / 4) ** 0.9 for epoch in range(4)]
    assert [float(row["learning_rate"]) for row in table] == pytest.approx(rates)
    assert [row["validation_dice"] == "" for row in table] == [True, False, True, False]


def test_the_log_has_the_seconds_of_a_timed_run_alone(undisturbed, training_folders, tmp_path):
    start(make_run(training_folders[:2], training_folders[2:], timed=False), tmp_path)
    assert_same_model(undisturbed, tmp_path)
    timed, blank = (pd.read_csv(folder / "log.csv")["seconds"] for folder in (undisturbed, tmp_path))
    assert (timed > 0).all()
    assert len(blank) == 4
    assert blank.isna().all()


def test_it_learns(training_folders, tmp_path):
    start(make_run(training_folders[:2], training_folders[2:], epochs=12, iterations=10), tmp_path)
    table = rows(tmp_path)
    assert float(table[-1]["loss"]) < float(table[0]["loss"]) - 0.3
    assert float(table[-1]["validation_dice"]) > 0.5


def test_the_same_run_gives_the_same_bits(undisturbed, training_folders, tmp_path):
    start(make_run(training_folders[:2], training_folders[2:]), tmp_path)
    assert_same_model(undisturbed, tmp_path)


def test_streaming_from_disk_gives_the_same_bits(undisturbed, training_folders, tmp_path):
    start(make_run(training_folders[:2], training_folders[2:], device_memory_gib=0), tmp_path)
    assert_same_model(undisturbed, tmp_path)


@pytest.mark.slow
def test_sigterm_writes_the_state_and_the_next_start_ends_with_the_same_bits(
    undisturbed, training_folders, tmp_path
):
    process = launch(training_folders, tmp_path, 4, 0.3)
    wait_for(process, "2 of 4 epochs done")
    time.sleep(0.5)  # into the middle of an epoch
    process.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    _, errors = process.communicate(timeout=20)
    assert time.monotonic() - asked < 5
    assert process.returncode == 143
    assert "stopped at epoch 2; the next start goes on from" in errors
    assert not (tmp_path / "model.safetensors").exists()
    assert (tmp_path / "state" / "state.safetensors").exists()
    resumed = launch(training_folders, tmp_path)
    output, errors = resumed.communicate(timeout=60)
    assert resumed.returncode == 0, errors
    assert "resumed at epoch 2, iteration " in output
    assert "resumed at epoch 2, iteration 0" not in output, "the stop fell between two epochs"
    assert_same_model(undisturbed, tmp_path)
    assert not (tmp_path / "state" / "state.safetensors").exists()


@pytest.mark.slow
def test_kill_9_and_the_next_start_ends_with_the_same_bits(undisturbed, training_folders, tmp_path):
    process = launch(training_folders, tmp_path, 4, 0.1)
    wait_for(process, "3 of 4 epochs done")
    wait_for(process, "state written")
    process.kill()
    process.wait()
    start(make_run(training_folders[:2], training_folders[2:]), tmp_path)
    assert_same_model(undisturbed, tmp_path)


def test_a_state_of_other_settings_is_not_resumed(undisturbed, training_folders, tmp_path, caplog):
    run = make_run(training_folders[:2], training_folders[2:])
    other = dataclasses.replace(run, seed=99, fingerprint="another")
    interrupt(other, tmp_path)
    assert (tmp_path / "state" / "state.safetensors").exists()
    start(run, tmp_path)
    assert "of another configuration, code or data; training starts anew" in caplog.text
    assert_same_model(undisturbed, tmp_path)


@pytest.mark.slow
def test_a_second_process_waits_and_then_takes_what_the_first_came_to(
    undisturbed, training_folders, tmp_path, caplog
):
    """As two jobs for one model, of which Snakemake starts the second by deleting the first one's outputs."""
    caplog.set_level("INFO")
    process = launch(training_folders, tmp_path, 4, 0.1)
    wait_for(process, "1 of 4 epochs done")
    start(make_run(training_folders[:2], training_folders[2:]), tmp_path)
    assert process.wait(timeout=10) == 0
    assert f"process {process.pid} on {platform.node()} trains this model; waiting for it" in caplog.text
    assert "trained by another process meanwhile" in caplog.text
    assert "epoch" not in caplog.text
    assert_same_model(undisturbed, tmp_path)
    for name in ("model.safetensors", "model.json", "log.csv"):
        (tmp_path / name).unlink()
    start(make_run(training_folders[:2], training_folders[2:]), tmp_path)
    assert "epoch" not in caplog.text
    assert_same_model(undisturbed, tmp_path)
    other = dataclasses.replace(make_run(training_folders[:2], [], epochs=1), fingerprint="another")
    start(other, tmp_path)
    assert "1 of 1 epochs done" in caplog.text, "what another configuration came to is not taken"


def test_a_loss_that_is_no_number_ends_the_run_with_advice(training_folders, tmp_path):
    with pytest.raises(
        InputError, match=r"epoch \d: the loss is (nan|inf); lower learning_rate in the configuration"
    ):
        start(make_run(training_folders[:2], [], learning_rate=1e30), tmp_path)


def test_learning_rate_is_the_published_poly_schedule():
    training = {"learning_rate": 0.01, "learning_rate_power": 0.9, "epochs": 1000}
    schedule = Schedule(0, 1000)
    assert schedule.learning_rate(training, 0) == 0.01
    assert schedule.learning_rate(training, 500) == pytest.approx(0.01 * 0.5**0.9)
    assert schedule.learning_rate(training, 999) == pytest.approx(0.01 * 0.001**0.9)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_it_learns_on_a_gpu_in_bfloat16(training_folders, tmp_path):
    run = make_run(
        training_folders[:2],
        training_folders[2:],
        epochs=12,
        iterations=10,
        device="cuda",
        precision="bfloat16",
    )
    start(run, tmp_path)
    assert float(rows(tmp_path)[-1]["validation_dice"]) > 0.5
