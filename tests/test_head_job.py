"""profiles/slurm/head.sh, beside programs that stand for SLURM and Snakemake; tests/slurm/test_head.py has real ones."""

import os
import signal
import subprocess
import time

import pytest

from conftest import ROOT

PROGRAMS = {
    "squeue": 'cat "$FOLDER/state"',
    "scontrol": 'echo "$@" >>"$FOLDER/calls"',
    # Snakemake cancels its jobs before it ends.
    ".venv/bin/snakemake": """trap 'sleep 0.2; echo jobs cancelled >>"$FOLDER/calls"; exit 1' TERM
echo "snakemake $*" >>"$FOLDER/calls"
while [ -e "$FOLDER/busy" ]; do sleep 0.05; done
[ ! -e "$FOLDER/kill" ] || kill -KILL $$
exit "$(cat "$FOLDER/status")" """,
}


@pytest.fixture
def head(tmp_path):
    """Return a function that starts the head job in a folder."""
    for name, text in PROGRAMS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "slurm").mkdir()
    (tmp_path / "slurm" / "config.yaml").touch()
    (tmp_path / "status").write_text("0")
    (tmp_path / "state").write_text("RUNNING")

    def start(*options, restarts="0", folder=tmp_path):
        environment = {"FOLDER": str(tmp_path), "SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": restarts}
        path = f"{tmp_path}:/usr/bin:/bin"
        return subprocess.Popen(
            ["bash", ROOT / "profiles/slurm/head.sh", *options],
            cwd=folder,
            env=environment | {"PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


def calls(folder):
    path = folder / "calls"
    return path.read_text().splitlines() if path.exists() else []


def stopped_while_busy(head, folder, state):
    """Stop a busy head job as SLURM does; return its status and what it has printed."""
    (folder / "busy").touch()
    job = head()
    while not calls(folder):
        time.sleep(0.02)
    (folder / "state").write_text(state)
    os.kill(job.pid, signal.SIGTERM)
    output, _ = job.communicate(timeout=10)
    (folder / "busy").unlink()
    return job.returncode, output


def test_when_the_time_is_up_the_job_is_queued_again_and_no_job_is_cancelled(head, tmp_path):
    _, output = stopped_while_busy(head, tmp_path, "RUNNING")
    assert calls(tmp_path) == ["snakemake --profile slurm", "requeue 7"]
    assert "the time is nearly up; this job is queued again" in output


@pytest.mark.parametrize("state", ["COMPLETING", ""])
def test_a_cancelled_job_cancels_its_jobs_and_is_not_queued_again(head, tmp_path, state):
    status, output = stopped_while_busy(head, tmp_path, state)
    assert calls(tmp_path) == ["snakemake --profile slurm", "jobs cancelled"]
    assert status == 1
    assert "queued again" not in output


@pytest.mark.parametrize(("restarts", "again"), [("0", ["requeue 7"]), ("100", [])])
def test_when_snakemake_is_killed_the_job_is_queued_again_at_most_100_times(head, tmp_path, restarts, again):
    (tmp_path / "kill").touch()
    head(restarts=restarts).communicate(timeout=10)
    assert [call for call in calls(tmp_path) if call.startswith("requeue")] == again


def test_a_restart_unlocks_first_and_snakemake_s_status_is_the_job_s(head, tmp_path):
    (tmp_path / "status").write_text("3")
    job = head("--directory", "runs/public", restarts="1")
    job.communicate(timeout=10)
    run = "snakemake --profile slurm --directory runs/public"
    assert calls(tmp_path) == [f"{run} --unlock", run]
    assert job.returncode == 3


def test_another_folder_is_refused_in_one_line(head, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    output, _ = head(folder=elsewhere).communicate(timeout=10)
    assert (
        output == f"{elsewhere} is no checkout with a .venv: call sbatch in the checkout, after make setup\n"
    )
    assert calls(tmp_path) == []
