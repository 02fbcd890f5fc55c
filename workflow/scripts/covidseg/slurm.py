"""SLURM clusters: how a job queues itself again, and how a new run treats the jobs of an earlier run."""

import getpass
import logging
import os
import shutil
import subprocess
import time
from pathlib import Path

from covidseg.errors import InputError

log = logging.getLogger(__name__)

SNAKEMAKE = "rule_"  # start of the comment of every job that Snakemake submitted
TRAININGS = ("rule_train", "rule_pretrain", "rule_collaborative")  # rule_train fits rule_train_weak too
COMMANDS = ("sbatch", "squeue", "scontrol", "scancel")
ANSWER_SECONDS = 120  # the longest wait for the first answer of a cluster, which may be busy
CANCEL_SECONDS = 60  # the longest wait for cancelled jobs to end


def check_cluster() -> None:
    """Raise InputError unless this machine has SLURM's commands and the cluster answers."""
    remedy = "start on the cluster's login node, or leave out --profile slurm"
    if missing := [command for command in COMMANDS if not shutil.which(command)]:
        raise InputError(f"--profile slurm: no {', '.join(missing)} on this machine; {remedy}")
    try:
        asked = subprocess.run(
            ["squeue", "--noheader", "--user", getpass.getuser()],
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"--profile slurm: no answer from squeue in {ANSWER_SECONDS} s; {remedy}") from error
    if asked.returncode:
        reason = " ".join(asked.stderr.split())
        raise InputError(f"--profile slurm: the cluster does not answer ({reason}); {remedy}")


def job_number() -> str | None:
    """Return the number of this process's SLURM job, or None outside of a SLURM job."""
    return os.environ.get("SLURM_JOB_ID")


def can_requeue() -> bool:
    """Return whether this process runs in a SLURM job that Snakemake submitted and nobody has cancelled.

    If a job was cancelled or its time is up, its state is no longer RUNNING when its processes get SIGTERM.
    """
    state, node, comment = _own_job()
    return state == "RUNNING" and node == _node() and comment.startswith(SNAKEMAKE)


def is_orphan() -> bool:
    """Return whether this process no longer belongs to its SLURM job.

    SLURM takes the job's node for dead, and has queued the job again or runs the job on another node.
    """
    state, node, _ = _own_job()
    return bool(state) and node != _node()


def requeue() -> bool:
    """Put this SLURM job back into the queue under its own number, so that Snakemake sees the same job.

    Returns True if SLURM queued the job again; False where `can_requeue` is false, or where the cluster does
    not allow jobs to be queued again.
    """
    job = job_number()
    return job is not None and can_requeue() and _run("scontrol", "requeue", job).returncode == 0


def settle_leftovers(folder: Path) -> list[str]:
    """Deal with the jobs that a killed Snakemake left in the queue; return lines to print.

    A running training goes on, but will not be queued again: this run's job for the same model waits for the
    training. All other jobs are cancelled, so that no two jobs write the same files.

    Args:
        folder: working directory of this run; only jobs with the same one are dealt with.
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
    """Return the state, the node and the comment of this process's job.

    All three are empty outside of a job, and if SLURM does not answer.
    """
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
    log.warning("SLURM jobs %s do not end; these jobs may write the same files as this run", ", ".join(jobs))


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        log.warning("%s: %s", " ".join(command), done.stderr.strip())
    return done


def _output(*command: str) -> str:
    """Return the text that a query prints.

    The text is empty if the query fails, for example because SLURM no longer knows the job.
    """
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()
