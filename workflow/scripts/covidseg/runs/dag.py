"""The jobs of the whole DAG, those that are done among them, as Snakemake itself counts them."""

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
        outputs: files or folders a job.
        minutes: the limit of a job's time.
        threads: of a job.
        gpu: whether it asks for one.
    """

    outputs: int
    minutes: float
    threads: int
    gpu: bool


def list_jobs(snakefile: Path, sections: Mapping[str, Any], rules: dict[str, Rule]) -> pd.DataFrame:
    """Return one row a job that makes files: rule, its first file, and whether it is still to be done.

    It is `snakemake --summary all` in a process of its own: the one that asks has another target's DAG.
    No lock is taken, so a run that is going on may be asked about.

    Raises:
        InputError: Snakemake refuses; its own words.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(sections, file)
        file.flush()
        command = [sys.executable, "-m", "snakemake", "all", "--summary", "--snakefile", str(snakefile)]
        done = subprocess.run([*command, "--configfile", file.name], capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"snakemake --summary failed: {done.stderr[-2000:]}")
    return read_summary(done.stdout, rules)


def read_summary(summary: str, rules: dict[str, Rule]) -> pd.DataFrame:
    """Return the jobs of a summary, which has a line for every file: those of a job follow each other."""
    table = pd.read_csv(io.StringIO(summary), sep="\t")
    outputs = table["rule"].map({name: rule.outputs for name, rule in rules.items()})
    first = table.groupby("rule").cumcount() % outputs == 0
    jobs = table[first].rename(columns={"output_file": "file"})
    return jobs.assign(to_do=jobs["plan"] == "update pending")[["rule", "file", "to_do"]]
