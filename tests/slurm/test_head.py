"""The head job of a run (profiles/slurm/head.sh) on the test cluster: Snakemake is killed, and its time runs out."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import cluster
import pytest
import yaml
from filelock import FileLock
from test_cluster import ask, wait_for

from conftest import ROOT
from toy_workflow import SNAKEMAKE

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(not cluster.is_up(), reason="no test cluster; `make slurm-up` starts one"),
]

# As in the workflow itself, a new start cancels what an earlier one has left in the queue.
SNAKEFILE = """
import sys
from pathlib import Path
sys.path.insert(0, "{scripts}")
from covidseg import slurm
rule all:
    input: "slow.txt"
localrules: all
rule slow:
    output: "slow.txt"
    shell: "touch started; while [ ! -e gate ]; do sleep 0.2; done; date > {{output}}"
onstart:
    slurm.settle_leftovers(Path.cwd())
"""
PROFILE = {
    "executor": "slurm",
    "jobs": 2,
    "latency-wait": 10,
    "slurm-init-seconds-before-status-checks": 2,
    "slurm-status-command": "squeue",
    "default-resources": {"slurm_partition": "cpu", "mem_mb": 100, "runtime": 5},
}


@pytest.fixture
def run(tmp_path):
    """A folder with a run of one slow job; its head job is cancelled at the end."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(scripts=ROOT / "workflow" / "scripts"))
    (tmp_path / "slurm").mkdir()
    (tmp_path / "slurm" / "config.yaml").write_text(yaml.safe_dump(PROFILE))
    shutil.copy(ROOT / "profiles/slurm/head.sh", tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(SNAKEMAKE.parent)
    with FileLock(cluster.FOLDER / "tests.lock"):  # tests/slurm/test_cluster.py crashes the nodes
        yield tmp_path
        ask("scancel", "--user=root")


def snakemakes(folder):
    """Process numbers of the Snakemake that the head job started in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"slurm" in words and b"--profile" in words and (process / "cwd").readlink() == folder:
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_the_head_job_goes_on_after_a_kill_and_after_its_time_is_up(run):
    done = subprocess.run(
        ["sbatch", "--parsable", "head.sh"], cwd=run, capture_output=True, text=True, env=cluster.ENVIRONMENT
    )
    number = done.stdout.strip()
    assert number, done.stderr

    def column(name):
        return ask("squeue", "--noheader", "--states=all", f"--jobs={number}", f"--Format={name}:20")

    def log():
        return "".join(path.read_text() for path in run.glob("covidseg-*.log"))

    for restarts, stop in enumerate((kill_snakemake, end_time), start=1):
        wait_for((run / "started").exists, 120)
        (run / "started").unlink()
        stop(run, number)
        wait_for(lambda count=restarts: int(column("RestartCnt") or 0) == count, 60)
        wait_for(lambda: column("State") == "RUNNING", 120)
    wait_for((run / "started").exists, 120)
    (run / "gate").touch()
    wait_for(lambda: column("State") == "COMPLETED", 120)
    assert (run / "slow.txt").read_text()
    assert "Snakemake ended with status 137; this job is queued again" in log()
    assert "the time is nearly up; this job is queued again" in log()


def kill_snakemake(folder, number):
    for process in snakemakes(folder):
        os.kill(process, signal.SIGKILL)


def end_time(folder, number):
    """Send what SLURM sends five minutes before the end: SIGTERM to the batch script alone."""
    ask("scancel", "--batch", "--signal=TERM", number)
