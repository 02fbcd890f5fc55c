"""What a job and a new run do on a SLURM cluster: here the commands are stand-ins that note their calls."""

import getpass
import stat
import sys

import pytest

import dag_sizes
from conftest import ROOT
from covidseg import slurm
from covidseg.errors import Interrupted
from covidseg.job import INTERRUPTED, job
from toy_workflow import jobs_of, papers_checkout, snakemake

COMMAND = """#!{python}
import os, pathlib, sys
folder, name = pathlib.Path({folder!r}), pathlib.Path(sys.argv[0]).name
with open(folder / "calls", "a") as file:
    print(name, *sys.argv[1:], file=file)
answer = folder / f"{{name}}.txt"
if answer.exists():
    print(answer.read_text(), end="")
sys.exit(int((folder / f"{{name}}.code").read_text()) if (folder / f"{{name}}.code").exists() else 0)
"""


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A folder: <command>.txt is what a command prints, calls is what was called."""
    for name in ("squeue", "scontrol", "scancel"):
        command = tmp_path / "bin" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text(COMMAND.format(python=sys.executable, folder=str(tmp_path)))
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    monkeypatch.setenv("SLURMD_NODENAME", "n1")
    return tmp_path


def changes(cluster):
    """The calls that change something."""
    lines = (cluster / "calls").read_text().splitlines() if (cluster / "calls").exists() else []
    return [line for line in lines if not line.startswith("squeue")]


def interrupt(cluster):
    with pytest.raises(SystemExit) as stopped, job(str(cluster / "job.log")):
        raise Interrupted("stopped at epoch 3")
    assert stopped.value.code == INTERRUPTED
    return (cluster / "job.log").read_text()


def test_a_training_that_was_asked_to_stop_queues_its_job_again(cluster):
    (cluster / "squeue.txt").write_text("RUNNING|n1|rule_train_wildcards_scratch_0\n")
    log = interrupt(cluster)
    assert changes(cluster) == ["scontrol requeue 42"]
    assert "squeue --noheader --job 42 --format=%T|%N|%k" in (cluster / "calls").read_text()
    assert "queued again" in log


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("COMPLETING|n1|rule_train_wildcards_scratch_0\n", id="cancelled, or its time is up"),
        pytest.param("RUNNING|n1|(null)\n", id="a job that the user submitted"),
        pytest.param("RUNNING|n2|rule_train_wildcards_scratch_0\n", id="it runs elsewhere by now"),
        pytest.param("", id="nothing is known of it"),
    ],
)
def test_another_job_is_not_queued_again(cluster, answer):
    (cluster / "squeue.txt").write_text(answer)
    assert "queued again" not in interrupt(cluster)
    assert changes(cluster) == []


def test_outside_of_a_cluster_nothing_is_asked(cluster, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID")
    interrupt(cluster)
    assert not (cluster / "calls").exists()


def test_where_the_cluster_refuses_the_log_says_why(cluster):
    (cluster / "squeue.txt").write_text("RUNNING|n1|rule_train\n")
    (cluster / "scontrol.code").write_text("1")
    log = interrupt(cluster)
    assert "scontrol requeue 42" in log
    assert "queued again" not in log


def test_what_a_killed_run_left_is_cancelled_but_for_running_trainings(cluster, tmp_path, monkeypatch):
    here = tmp_path / "checkout"
    lines = [
        f"1|RUNNING|{here}|rule_train_wildcards_scratch_0",
        f"2|PENDING|{here}|rule_train_wildcards_scratch_1",
        f"3|RUNNING|{here}|rule_score_score",
        f"4|RUNNING|{here}|rule_train_weak_wildcards_weak-full",
        f"5|RUNNING|{here}|(null)",
        f"6|RUNNING|{here}/other|rule_train_wildcards_scratch_0",
    ]
    (cluster / "squeue.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(slurm, "_wait_until_gone", lambda jobs: None)
    assert slurm.settle_leftovers(here) == [
        "Jobs of an earlier run, cancelled: 2, 3",
        "Jobs of an earlier run, trainings that this run waits for: 1, 4",
    ]
    expected = ["scontrol update JobId=1 Requeue=0", "scontrol update JobId=4 Requeue=0", "scancel 2 3"]
    assert changes(cluster) == expected
    assert f"--user={getpass.getuser()}" in (cluster / "calls").read_text()


def test_without_leftovers_nothing_is_said(cluster):
    assert slurm.settle_leftovers(cluster) == []
    assert changes(cluster) == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("RUNNING|n1|rule_train\n", False),
        ("RUNNING|n2|rule_train\n", True),
        ("PENDING||rule_train\n", True),
        ("", False),
    ],
)
def test_a_process_whose_job_was_given_to_another_node_is_an_orphan(cluster, answer, expected):
    (cluster / "squeue.txt").write_text(answer)
    assert slurm.is_orphan() == expected


@pytest.mark.slow
def test_the_profile_plans_the_papers_run_as_it_is(tmp_path):
    """In a fresh clone, by the literal name; what its jobs ask for is seen in tests/slurm."""
    checkout = papers_checkout(tmp_path)
    (checkout / "slurm").symlink_to((ROOT / "slurm").readlink())
    assert jobs_of(snakemake(checkout, "--profile", "slurm", "-n", "--forceall")) == dag_sizes.PAPER
