"""Run a rehearsal: Snakemake in a folder of its own, each training killed once after its first state."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from covidseg.config.sheets import Sections
from covidseg.files import write_json
from covidseg.runs.rehearsal_jobs import read_log

NETWORKS = ("train", "pretrain", "collaborative", "predict", "train_weak", "localise")
VOLUMES = ("ingest", "preprocess")  # a thread per case, and a data set has two cases
# Jobs with networks at a time. On a CPU each takes the whole machine. On a GPU most of a job is its start,
# so two run at a time; seconds per iteration are then an upper limit.
AT_A_TIME = {"cpu": 1, "cuda": 2}
POLL = 0.05  # seconds between two looks at states and logs


def run(snakefile: Path, sections: Sections, folder: Path, *, device: str, cores: int) -> bool:
    """Run the whole workflow with a configuration; return whether all jobs succeeded.

    Every training is killed once, as if its node had died, when it has written its first state. Snakemake
    then starts the training again, which goes on from the state.

    Args:
        snakefile: the project's Snakefile.
        sections: the configuration.
        folder: folder of the run, with data/, results/ and logs/ of its own.
        device: "cuda" or "cpu".
        cores: number of processor cores.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "configuration.json", sections)
    for name in ("config", "CITATION.cff"):  # tables and pages read these relative to their run's folder
        with suppress(FileExistsError):
            (folder / name).symlink_to(snakefile.parent / name)
    at_a_time = AT_A_TIME[device]
    threads = dict.fromkeys(NETWORKS, max(1, cores // at_a_time)) | dict.fromkeys(VOLUMES, 2)
    command = [sys.executable, "-m", "snakemake", "all", "--snakefile", str(snakefile)]
    command += ["--directory", str(folder), "--configfile", str(folder / "configuration.json")]
    command += ["--cores", str(cores), "--nolock", "--keep-going", "--retries", "1"]
    command += ["--resources", f"gpu={at_a_time}"]
    command += ["--set-threads", *(f"{rule}={count}" for rule, count in threads.items())]
    with open(folder / "snakemake.log", "ab") as output, _watching(folder):
        return subprocess.run(command, stdout=output, stderr=subprocess.STDOUT).returncode == 0


@contextmanager
def _watching(folder: Path) -> Iterator[None]:
    """Kill each training once, and print a line per finished job, until the block ends."""
    ended, killed = threading.Event(), set[Path]()
    printed = {path for path in (folder / "logs").rglob("*.log") if read_log(path)}  # of an earlier rehearsal

    def watch() -> None:
        while not ended.wait(POLL):
            _kill_trainings(folder / "results" / "state", killed)
            _print_finished(folder / "logs", printed)
        _print_finished(folder / "logs", printed)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _kill_trainings(states: Path, killed: set[Path]) -> None:
    """Kill the trainings that have written a state, each once."""
    for state in states.glob("*/fold*/state.safetensors"):
        if state.parent not in killed:
            killed.add(state.parent)
            with suppress(OSError, ValueError):
                holder = json.loads((state.parent / "holder.json").read_text(encoding="utf-8"))
                os.kill(holder["process"], signal.SIGKILL)


def _print_finished(logs: Path, printed: set[Path]) -> None:
    for path in sorted(logs.rglob("*.log")):
        if path not in printed and (job := read_log(path)):
            printed.add(path)
            name = path.relative_to(logs).with_suffix("")
            print(f"{name}: {job.seconds:.1f} s, {job.memory:.2f} GiB", flush=True)
