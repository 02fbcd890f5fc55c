"""The lock of a training: one holder at a time, taken from the dead, and the dead who live notice."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from conftest import ROOT
from covidseg.errors import Interrupted
from covidseg.training import lease
from covidseg.training.lease import leased

# As on another node of a shared file system, whose processes cannot be looked at, with a short-lived lock.
ELSEWHERE = """
import sys, time
from datetime import timedelta
from pathlib import Path
import flufl.lock._lockfile
from covidseg.training import lease
flufl.lock._lockfile.CLOCK_SLOP = timedelta(seconds=0.5)
lease.LIFETIME, lease.RENEWAL = 2, 0.2
lease._machine = lambda: "elsewhere"
folder = Path(sys.argv[1])
"""
HOLD = "with lease.leased(folder) as held: print('held', flush=True); time.sleep(60)"


def run(folder, program):
    return subprocess.Popen(
        [sys.executable, "-c", ELSEWHERE + program, folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT / "workflow" / "scripts")},
        text=True,
    )


@pytest.fixture
def holder(tmp_path):
    process = run(tmp_path, HOLD)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(lease, "LIFETIME", 2)
    monkeypatch.setattr("flufl.lock._lockfile.CLOCK_SLOP", timedelta(seconds=0.5))


def test_a_holder_that_died_on_this_machine_leaves_the_lock_free_at_once(tmp_path, holder, monkeypatch):
    monkeypatch.setattr(lease, "_machine", lambda: "elsewhere")  # the same as the holder's
    holder.kill()
    holder.wait()
    begun = time.monotonic()
    with leased(tmp_path):
        assert time.monotonic() - begun < 1


def test_a_process_that_was_given_the_number_of_the_dead_holder_does_not_hold_the_lock(tmp_path):
    with leased(tmp_path) as held:
        described = json.loads((tmp_path / "holder.json").read_text())
        assert lease._alive(described)
        assert described["process"] == os.getpid()
        held.check()
    assert not lease._alive(described | {"started": described["started"] - 60})


def test_a_zombie_is_dead(tmp_path, holder):
    described = json.loads((tmp_path / "holder.json").read_text())
    assert lease._alive(described)
    holder.kill()
    deadline = time.monotonic() + 5
    while lease._alive(described):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert holder.returncode is None, "nobody has waited for it"


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_a_holder_that_died_on_another_node_loses_the_lock_when_it_runs_out(tmp_path, holder, caplog):
    holder.kill()
    begun = time.monotonic()
    with leased(tmp_path):
        assert 0.5 < time.monotonic() - begun < 10
    assert f"process {holder.pid} on " in caplog.text
    assert "trains this model; waiting for it" in caplog.text


@pytest.mark.slow
def test_a_holder_that_lives_keeps_the_lock_beyond_its_lifetime(tmp_path, holder):
    assert holder.poll() is None
    other = run(tmp_path, HOLD)
    time.sleep(4)
    assert other.poll() is None
    holder.send_signal(signal.SIGINT)
    assert other.stdout.readline() == "held\n", "and gives it back at its end"
    other.kill()
    other.wait()


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_an_orphan_that_lives_on_notices_and_stops(tmp_path, holder):
    """Its node was declared dead; here it is stopped, as a node that hangs, until another has the lock."""
    holder.send_signal(signal.SIGSTOP)
    with leased(tmp_path) as held:
        holder.send_signal(signal.SIGCONT)
        assert holder.wait(timeout=5) == -signal.SIGTERM
        held.check()


def test_nothing_is_written_once_the_lock_is_lost(tmp_path):
    mine = lease.Lease(tmp_path)
    mine.acquire()
    (tmp_path / "lock").unlink()  # as whoever breaks it does
    with leased(tmp_path), pytest.raises(Interrupted, match="another process took this training over"):
        mine.check()
    mine.release()


def test_one_at_a_time_of_many(tmp_path):
    """Each holder finds the folder as the last one left it, and leaves it so."""
    program = """
import os
for _ in range(5):
    with lease.leased(folder):
        inside = folder / "inside"
        inside.touch(exist_ok=False)
        time.sleep(0.01)
        inside.unlink()
"""
    processes = [run(tmp_path, program) for _ in range(4)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors


def test_in_a_cluster_s_job_one_waits_in_the_queue_and_not_on_the_gpu(tmp_path, holder, monkeypatch):
    monkeypatch.setattr(lease, "can_requeue", lambda: True)
    monkeypatch.setattr(lease, "PATIENCE", 0.5)
    with pytest.raises(Interrupted, match="another job trains this model; this one leaves its GPU"):
        lease.Lease(tmp_path).acquire()
    assert holder.poll() is None
