"""The tables of a rehearsal: what each job took, and which jobs failed."""

import csv
import math
from pathlib import Path

import pandas as pd

from covidseg.config.configuration import Configuration
from covidseg.runs.rehearsal_jobs import Finished, read_log
from covidseg.runs.rehearsal_plan import key_of

COLUMNS = [
    *("rule", "strategy", "device", "seconds", "seconds_per_iteration", "peak_memory_gib"),
    *("device_memory_gib", "status", "log"),
]
DONE = "done"
LINES = 8  # of the end of a failed job's log
WEIGHTS = "model.safetensors"  # the first output file of every training


def rehearsal_table(config: Configuration, jobs: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Return one row per job, with COLUMNS; the log is a path relative to the folder.

    Args:
        config: the configuration of the rehearsal itself.
        jobs: one row per job, as returned by `list_jobs`.
        folder: folder of the run.
    """
    rows = []
    for rule, file, log in jobs[["rule", "file", "log"]].itertuples(index=False):
        made, finished = folder / file, read_log(folder / log)
        status = _status(made, folder / log, finished)
        row = {"rule": rule, "strategy": key_of(config, Path(file)), "status": status, "log": log}
        rows.append(row | _numbers(config, made, finished))
    return pd.DataFrame(rows, columns=COLUMNS)


def _status(file: Path, log: Path, finished: Finished | None) -> str:
    if not (finished and file.exists()):
        return "failed" if log.exists() else "not run"
    return DONE if finished.resumed or file.name != WEIGHTS else "not resumed"


def _numbers(config: Configuration, file: Path, finished: Finished | None) -> dict[str, object]:
    if not finished:
        return {}
    return {
        "device": finished.device,
        "seconds": finished.seconds,
        "seconds_per_iteration": _per_iteration(config, file),
        "peak_memory_gib": finished.memory,
        "device_memory_gib": finished.device_memory,
    }


def _per_iteration(config: Configuration, file: Path) -> float:
    """Return the seconds per iteration in the fastest epoch of a training; NaN for other jobs."""
    table = file.with_name("log.csv")
    if file.name != WEIGHTS or not table.exists():
        return math.nan
    section = config.sections["weak" if file.parts[-3] in config.weak_models else "training"]
    with open(table, newline="", encoding="utf-8") as rows:
        return min(float(row["seconds"]) for row in csv.DictReader(rows)) / section["iterations"]


def printed_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return one printed row per rule and strategy, with the most that one of its jobs took."""
    rows = []
    for (rule, strategy), jobs in table.groupby(["rule", "strategy"], sort=False):
        failed = int((jobs.status != DONE).sum())
        rows.append(
            {
                "Rule": rule,
                "Strategy or data set": strategy,
                "Jobs": len(jobs),
                "Seconds": _number(jobs.seconds.max()),
                "Seconds per iteration": _number(jobs.seconds_per_iteration.max()),
                "Memory (GiB)": _number(jobs.peak_memory_gib.max()),
                "GPU memory (GiB)": _number(jobs.device_memory_gib.max()),
                "Status": f"{failed} of {len(jobs)} not done" if failed else DONE,
            }
        )
    return pd.DataFrame(rows)


def failures(table: pd.DataFrame, folder: Path) -> list[str]:
    """Return one text per job that is not done: its log, and the end of the log."""
    found = []
    for job in table[table["status"] != DONE].to_dict("records"):
        path = folder / job["log"]
        ending = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        title = f"{job['rule']} {job['strategy']}: {job['status']} ({path})"
        found.append("\n".join([title, *(f"    {line}" for line in ending[-LINES:])]))
    return found


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}" if value < 100 else f"{value:.0f}"
