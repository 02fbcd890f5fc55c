"""What a job does for itself on a SLURM cluster, and what a new run does about an old one's jobs."""

import getpass
import logging
import os
import subprocess
import time
from pathlib import Path

log = logging.getLogger(__name__)

SNAKEMAKE = "rule_"  # how the comment of a job starts that Snakemake submitted
TRAININGS = ("rule_train", "rule_pretrain", "rule_collaborative")  # the first stands for train_weak too
CANCEL_SECONDS = 60  # that cancelled jobs may take to be gone


def job_number() -> str | None:
    """Return this process's SLURM job; None outside of one."""
    return os.environ.get("SLURM_JOB_ID")


def can_requeue() -> bool:
    """Return whether this process runs in a SLURM job that Snakemake submitted and nobody has cancelled.

    A cancelled job, or one whose time is up, is no longer running when its processes get SIGTERM.
    """
    state, node, comment = _own_job()
    return state == "RUNNING" and node == _node() and comment.startswith(SNAKEMAKE)


def is_orphan() -> bool:
    """Return whether SLURM queued this process's job again, or runs it elsewhere, its node being dead."""
    state, node, _ = _own_job()
    return bool(state) and node != _node()


def requeue() -> bool:
    """Put this SLURM job back into the queue under its own number, for Snakemake the same job.

    Returns whether it was: not outside of such a job, and not where the cluster does not allow it.
    """
    job = job_number()
    return job is not None and can_requeue() and _run("scontrol", "requeue", job).returncode == 0


def settle_leftovers(folder: Path) -> list[str]:
    """Deal with the jobs that an earlier Snakemake, killed, left in the queue; returns lines to print.

    A running training is left alone, and not queued again: this run's job for the same model waits for it.
    All other jobs are cancelled, so that no two jobs write the same files.
    """
    listed = _output("squeue", "--noheader", f"--user={getpass.getuser()}", "--format=%i|%T|%Z|%k")
    jobs = [line.split("|", 3) for line in listed.splitlines()]
    found = [
        (job, state, comment)
        for job, state, where, comment in jobs
        if Path(where) == folder and comment.startswith(SNAKEMAKE)
    ]
    kept = [job for job, state, comment in found if state == "RUNNING" and comment.startswith(TRAININGS)]
    cancelled = [job for job, *_ in found if job not in kept]
    for job in kept:
        _run("scontrol", "update", f"JobId={job}", "Requeue=0")
    if cancelled:
        _run("scancel", *cancelled)
        _wait_until_gone(cancelled)
    said = {"cancelled": cancelled, "trainings that this run waits for": kept}
    return [f"Jobs of an earlier run, {what}: {', '.join(them)}" for what, them in said.items() if them]


def _own_job() -> list[str]:
    """Return state, node and comment of this process's job; empty outside of one, or if SLURM is silent."""
    job = job_number()
    asked = job and _output("squeue", "--noheader", "--job", job, "--format=%T|%N|%k")
    return (asked or "||").split("|", 2)


def _node() -> str | None:
    return os.environ.get("SLURMD_NODENAME")


def _wait_until_gone(jobs: list[str]) -> None:
    for _ in range(CANCEL_SECONDS):
        if not _output("squeue", "--noheader", "--jobs", ",".join(jobs), "--format=%i"):
            return
        time.sleep(1)
    log.warning("SLURM jobs %s do not end; they may write into the same files", ", ".join(jobs))


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        log.warning("%s: %s", " ".join(command), done.stderr.strip())
    return done


def _output(*command: str) -> str:
    """Return what a query prints; nothing if it fails, as that of a job which SLURM no longer knows."""
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()
