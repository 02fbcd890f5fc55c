"""Whatever kills, stops or fills a run: the next one ends with the same models, logs and scores, byte for byte.

KILLS=200 pytest tests/kill/test_kills.py    more kills than the 20 of `make test`; SEED chooses other ones
"""

import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from kill_toy import LEASE, copy_toy, make_toy
from kills import (
    LOCKED,
    content_of,
    disturb,
    finish,
    jobs_of,
    leftovers,
    output_of,
    start,
    unlock,
)

from toy_workflow import change_yaml

pytestmark = pytest.mark.slow

KILLS, SEED = int(os.environ.get("KILLS", "20")), int(os.environ.get("SEED", "14"))
MODEL = "results/models/scratch/fold0/model.safetensors"
CLOCK = Path(__file__).parent / "clock"
EXPIRY = LEASE["LIFETIME"] + 10 + 1  # seconds after which another process takes an unrenewed lock


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return make_toy(tmp_path_factory.mktemp("kill") / "toy")


@pytest.fixture(scope="module")
def undisturbed(toy, tmp_path_factory):
    folder = copy_toy(toy, tmp_path_factory.mktemp("undisturbed") / "toy")
    finish(folder)
    return folder


@pytest.fixture(scope="module")
def long_training(undisturbed, tmp_path_factory):
    """The undisturbed run with one training of twenty times as many epochs, which can be met in its midst."""
    folder = shutil.copytree(undisturbed, tmp_path_factory.mktemp("long") / "toy")
    change_yaml(folder / "config" / "config.yaml", lambda content: content["training"].update(epochs=60))
    assert start(folder, MODEL).wait() == 0, output_of(folder)[-3000:]
    return folder


@pytest.fixture
def training(long_training, tmp_path):
    """A copy of the long training before it has begun."""
    folder = shutil.copytree(long_training, tmp_path / "toy")
    shutil.rmtree((folder / MODEL).parent)
    return folder


def wait_for_state(folder, main):
    """Wait until the training has saved a state, and return the process of the training."""
    deadline = time.monotonic() + 300
    while not list((folder / "results" / "state").rglob("state.safetensors")):
        assert time.monotonic() < deadline, output_of(folder)[-3000:]
        assert main.poll() is None, output_of(folder)[-3000:]
        time.sleep(0.02)
    (job,) = jobs_of(folder)
    return job


def check_training(folder, long_training):
    for path in (folder / MODEL).parent.iterdir():
        assert path.read_bytes() == (long_training / path.relative_to(folder)).read_bytes(), path.name
    assert leftovers(folder) == []


def test_kills_change_no_byte_of_the_results(toy, undisturbed, tmp_path):
    folder = copy_toy(toy, tmp_path / "toy")
    for killed in disturb(folder, KILLS, SEED):
        print(killed)
    unlock(folder)
    finish(folder)
    assert content_of(folder) == content_of(undisturbed)
    assert leftovers(folder) == []


def test_a_stopped_job_that_goes_on_makes_the_same_model(training, long_training):
    main = start(training, MODEL)
    job = wait_for_state(training, main)
    job.send_signal(signal.SIGSTOP)
    time.sleep(LEASE["LIFETIME"] + 1)
    job.send_signal(signal.SIGCONT)
    assert main.wait(timeout=600) == 0, output_of(training)[-3000:]
    check_training(training, long_training)


def test_a_stopped_job_that_was_taken_for_dead_leaves_the_training_to_the_next(training, long_training):
    """The first run is killed while its job stands still; the job wakes up while the next run trains."""
    first = start(training, MODEL)
    job = wait_for_state(training, first)
    job.send_signal(signal.SIGSTOP)
    first.kill()
    first.wait()
    unlock(training)
    second = start(training, MODEL)
    time.sleep(EXPIRY)
    job.send_signal(signal.SIGCONT)
    assert second.wait(timeout=600) == 0, output_of(training)[-3000:]
    job.wait(timeout=60)
    check_training(training, long_training)


def test_a_full_disk_is_told_in_one_line_and_a_larger_one_ends_the_run(training, long_training):
    if not shutil.which("mount"):
        pytest.skip("needs the program mount")
    results = training / "results"
    moved = results.rename(training / "moved")
    results.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", results]
    if subprocess.run(options, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        shutil.copytree(moved, results, dirs_exist_ok=True)
        used = shutil.disk_usage(results).used + 100_000
        subprocess.run(["mount", "-o", f"remount,size={used}", results], check=True)
        assert start(training, MODEL).wait(timeout=600) != 0
        output = output_of(training)
        assert "no space left on the disk; free some space and run again" in output
        assert not (training / MODEL).exists()
        subprocess.run(["mount", "-o", "remount,size=512m", results], check=True)
        assert start(training, MODEL).wait(timeout=600) == 0, output_of(training)[-3000:]
        check_training(training, long_training)
    finally:
        subprocess.run(["umount", "--lazy", results], check=True)


def test_a_clock_that_jumps_changes_no_byte(training, long_training, tmp_path):
    """By hours, back and forth, while the training runs: its lock tells the time by the clock."""
    shift, ended = tmp_path / "shift", threading.Event()
    shift.write_text("0")

    def jump():
        for hours in 1000 * (5, -5, 0.01, -30, 30):
            if ended.wait(0.4):
                return
            shift.write_text(f"{3600 * hours}")

    environment = {"PYTHONPATH": str(CLOCK), "CLOCK_SHIFT": str(shift)}
    main = start(training, MODEL, environment=environment)
    wait_for_state(training, main)
    jumper = threading.Thread(target=jump)
    jumper.start()
    code = main.wait(timeout=600)
    ended.set()
    jumper.join()
    assert code == 0, output_of(training)[-3000:]
    check_training(training, long_training)


def test_a_second_run_in_one_folder_is_refused_and_the_first_goes_on(training, long_training):
    first = start(training, MODEL)
    wait_for_state(training, first)
    second = subprocess.run([first.args[0], MODEL], cwd=training, capture_output=True, text=True, timeout=300)
    assert second.returncode != 0
    assert LOCKED in second.stderr
    assert "Traceback" not in second.stderr
    assert first.wait(timeout=600) == 0, output_of(training)[-3000:]
    check_training(training, long_training)
