"""The jobs of the whole DAG, done or still to do, as Snakemake itself counts them."""

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from covidseg.errors import InputError


@dataclass(frozen=True)
class Rule:
    """What a rule asks for.

    Attributes:
        outputs: number of files or folders per job.
        minutes: limit of a job's run time.
        threads: threads per job.
        gpu: whether a job asks for a GPU.
    """

    outputs: int
    minutes: float
    threads: int
    gpu: bool


def list_jobs(
    snakefile: Path, sections: Mapping[str, Any], rules: dict[str, Rule], *, folder: Path | None = None
) -> pd.DataFrame:
    """Return one row per job that makes files: rule, first file, log, and whether the job is to be done.

    The rows come from `snakemake all --summary` in a new process. The Snakemake process that calls this
    function was started for another target, so that its DAG has other jobs. The new process takes no lock:
    it also works while a run is going on.

    Args:
        snakefile: the project's Snakefile.
        sections: the configuration.
        rules: name -> rule.
        folder: folder of the run; None: the working directory.

    Raises:
        InputError: Snakemake failed; the message has the end of what Snakemake printed.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(sections, file)
        file.flush()
        command = [sys.executable, "-m", "snakemake", "all", "--summary", "--snakefile", str(snakefile)]
        command += ["--directory", str(folder)] if folder else []
        done = subprocess.run([*command, "--configfile", file.name], capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"snakemake --summary failed: {done.stderr[-2000:]}")
    return read_summary(done.stdout, rules)


def read_summary(summary: str, rules: dict[str, Rule]) -> pd.DataFrame:
    """Return the jobs of a summary, which has one line per file; the lines of a job follow each other."""
    table = pd.read_csv(io.StringIO(summary), sep="\t")
    outputs = table["rule"].map({name: rule.outputs for name, rule in rules.items()})
    first = table.groupby("rule").cumcount() % outputs == 0
    jobs = table[first].rename(columns={"output_file": "file", "log-file(s)": "log"})
    return jobs.assign(to_do=jobs["plan"] == "update pending")[["rule", "file", "log", "to_do"]]
