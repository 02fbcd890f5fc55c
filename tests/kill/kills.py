"""Runs of the cut pipeline that are killed at random, and the comparison with a run that nobody disturbed."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from kill_toy import TARGET

from conftest import ROOT
from covidseg.files import digest

SCRIPTS = ROOT / "workflow" / "scripts"
SNAKEMAKE = Path(sys.executable).parent / "snakemake"
KINDS = ("main", "job", "all")
# Files that no result depends on: saved states, partial downloads, and what differs from run to run.
UNCOMPARED = ("results/state", "results/partial", "results/paper/provenance")
# Snakemake's own empty file in a folder, which carries a time and no result. It is lost where a job that
# outlived its killed run puts the same folder in its place once more.
MARKER = ".snakemake_timestamp"
LONGEST_RUN = 900  # seconds
LOCKED = "Directory cannot be locked"


def start(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen:
    """Start the run as on the command line, in a session of its own; its output goes to output.txt."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    with open(folder / "output.txt", "w") as output:
        return subprocess.Popen(
            [SNAKEMAKE, *(arguments or (TARGET,))],
            cwd=folder,
            env=own | (environment or {}),
            start_new_session=True,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def output_of(folder: Path) -> str:
    return (folder / "output.txt").read_text()


def finish(folder: Path, environment: dict[str, str] | None = None) -> None:
    """Run to the end, undisturbed."""
    code = start(folder, environment=environment).wait(timeout=LONGEST_RUN)
    assert code == 0, output_of(folder)[-5000:]


def jobs_of(folder: Path) -> list[psutil.Process]:
    """Return the processes that run a script of a job in a folder, also those whose Snakemake is dead.

    Some have started Python with the script; the others are forks, which have the name of their script.
    """
    scripts, names = str(folder / ".snakemake" / "scripts"), {path.stem for path in SCRIPTS.glob("*.py")}
    found = []
    for process in psutil.process_iter(["cmdline", "name", "cwd"]):
        words = process.info["cmdline"] or [""]
        started = any(scripts in word for word in words) and "python" in words[0]
        if started or (process.info["name"] in names and process.info["cwd"] == str(folder)):
            found.append(process)
    return found


def kill(folder: Path, main: subprocess.Popen, kind: str, random_: random.Random) -> str:
    """Kill with signal 9: the main process, one of its jobs, or all of the run; return what was killed.

    Where no job runs, the main process is killed instead.
    """
    own = own_jobs(folder, main)
    if kind == "job" and own:
        kill_one(random_.choice(own))
        return "job"
    if kind == "all":
        os.killpg(main.pid, signal.SIGKILL)
        for job in jobs_of(folder):
            kill_one(job)
        return "all"
    main.kill()
    return "main"


def own_jobs(folder: Path, main: subprocess.Popen) -> list[psutil.Process]:
    """Return the jobs of a run, without those that an earlier, killed run has left behind."""
    return [job for job in jobs_of(folder) if main.pid in ancestors(job)]


def kill_one(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
        process.kill()


def ancestors(process: psutil.Process) -> list[int]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [parent.pid for parent in process.parents()]
    return []


def unlock(folder: Path) -> None:
    """Remove the locks that a killed Snakemake left, as `snakemake --unlock` does, without its start."""
    for lock in (folder / ".snakemake" / "locks").glob("*"):
        lock.unlink()


def disturb(folder: Path, kills: int, seed: int) -> Iterator[str]:
    """Run, and kill as often as asked; yield what was killed. The run may end before: then it starts anew.

    A round lasts until jobs of the round run, and a random time from then on. When everything is made, all
    results are deleted, so that there is something to kill.
    """
    random_, done = random.Random(seed), 0
    while done < kills:
        unlock(folder)
        main = start(folder)
        deadline, kind = time.monotonic() + LONGEST_RUN, random_.choice(KINDS)
        while not own_jobs(folder, main) and main.poll() is None:
            assert time.monotonic() < deadline, output_of(folder)[-3000:]
            time.sleep(0.1)
        with contextlib.suppress(subprocess.TimeoutExpired):
            main.wait(timeout=random_.uniform(0, 4))
        if main.poll() is None:
            done += 1
            yield f"{done}: {kill(folder, main, kind, random_)}"
        elif main.returncode == 0:
            shutil.rmtree(folder / "results")
        main.wait(timeout=LONGEST_RUN)


def content_of(folder: Path) -> dict[str, str]:
    """Return path -> SHA-256 of every file that a run leaves in results/, but for those of UNCOMPARED."""
    results = folder / "results"
    return {
        name: digest(path)
        for path in sorted(results.rglob("*"))
        if path.is_file()
        and path.name != MARKER
        and not (name := str(path.relative_to(folder))).startswith(UNCOMPARED)
    }


def leftovers(folder: Path) -> list[str]:
    """Return files with temporary names and locks that a finished run has left."""
    hidden = [
        path for part in ("data", "results") for path in (folder / part).rglob(".*") if path.name != MARKER
    ]
    locks = [path for path in (folder / "results" / "state").rglob("*") if path.is_file()]
    return sorted(str(path.relative_to(folder)) for path in hidden + locks)
