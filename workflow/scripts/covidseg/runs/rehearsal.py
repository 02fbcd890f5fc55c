"""The rehearsal: run the whole workflow at full size in a folder of its own, and tell what it took."""

import logging
import math
import shutil
from pathlib import Path
from typing import Any, cast

import pandas as pd

from covidseg.config.configuration import Configuration
from covidseg.config.loading import load_configuration
from covidseg.config.sheets import Sections
from covidseg.errors import InputError
from covidseg.files import write_csv, write_text
from covidseg.paper.markdown import write_markdown
from covidseg.runs.dag import Rule, list_jobs
from covidseg.runs.grids import at_target_spacing, known_target_spacing, read_cohort
from covidseg.runs.hours import gather, job_hours
from covidseg.runs.rehearsal_plan import (
    few_cases,
    rehearsal_sections,
    rehearsed_datasets,
    strategies_left_out,
)
from covidseg.runs.rehearsal_run import run
from covidseg.runs.rehearsal_table import failures, printed_table, rehearsal_table
from covidseg.runs.workload_tables import NOTES, epoch_table, rule_table

log = logging.getLogger(__name__)

BYTES = 9  # per voxel of an archive, a case and a preprocessed case together: int16 or float16, and uint8
SPARE = 5e9  # bytes: models, states and predictions


def rehearse(
    config: Configuration,
    rules: dict[str, Rule],
    root: Path,
    folder: Path,
    *,
    device: str,
    cores: int,
    keep: bool,
) -> list[str]:
    """Rehearse a configuration, write what it took, and return one text per job that is not done.

    Args:
        config: the configuration to rehearse.
        rules: name -> rule.
        root: folder of the Snakefile.
        folder: where rehearsal.csv and rehearsal.md are written; the run has the subfolder `run`.
        device: "cuda" or "cpu".
        cores: number of processor cores.
        keep: whether to keep the synthetic archives and all that was made of them.

    Raises:
        InputError: the disk is too small.
    """
    work = folder / "run"
    check_disk(config, folder)
    sections = rehearsal_sections(config, device)
    if missing := strategies_left_out(config):
        log.warning("not rehearsed, as there are no phantoms of their data: %s", ", ".join(missing))
    succeeded = run(root / "Snakefile", sections, work, device=device, cores=cores)
    if not succeeded and (rest := without_failed(sections, work)):
        run(root / "Snakefile", rest, work, device=device, cores=cores)
    table = _read_table(sections, rules, root, work)
    write_csv(folder / "rehearsal.csv", table)
    not_done = failures(table, work)
    page = "\n\n".join([_describe(config, rules, root, table, folder / "rehearsal.csv"), *not_done])
    write_text(folder / "rehearsal.md", f"{page}\n")
    print(page)
    if not (keep or not_done):
        for part in ("data", "results"):
            shutil.rmtree(work / part)
    return not_done


def check_disk(config: Configuration, folder: Path) -> None:
    """Raise InputError if the disk is too small for a rehearsal."""
    folder.mkdir(parents=True, exist_ok=True)
    free, needed = shutil.disk_usage(folder).free, SPARE + BYTES * _voxels(config)
    if free < needed:
        numbers = f"{free / 1e9:.0f} GB are free, and a rehearsal needs {needed / 1e9:.0f}"
        raise InputError(f"{folder}: {numbers}; free some space")


def _voxels(config: Configuration) -> int:
    """Return the number of voxels of all cases of a rehearsal, on the finer of both grids of each case."""
    spacing, voxels = known_target_spacing(config, None), 0
    for name in rehearsed_datasets(config):
        grids = read_cohort(config, name, None).grids if "images" in config.datasets[name] else {}
        for grid in [grids[case] for case in few_cases(config, name) if case in grids] if grids else []:
            shapes = [grid.shape, *([at_target_spacing(grid, spacing)] if spacing else [])]
            voxels += max(map(math.prod, shapes))
    return voxels


def without_failed(sections: Sections, work: Path) -> Sections | None:
    """Return the configuration with the experiments that were scored; None if all were, or none."""
    part = sections["rehearsal"]
    assert part is not None
    scored = [name for name in part["experiments"] if (work / f"results/scores/{name}/fold0.csv").exists()]
    if not scored or scored == part["experiments"]:
        return None
    changed: dict[str, Any] = {**sections, "rehearsal": {**part, "experiments": scored}}
    if sections["weak"]["lungs"] not in scored:
        changed["weak"] = {**sections["weak"], "lungs": "truth"}
    return cast("Sections", changed)


def _read_table(sections: Sections, rules: dict[str, Rule], root: Path, work: Path) -> pd.DataFrame:
    config = load_configuration(dict(sections), "rehearsal", root / "config")
    return rehearsal_table(config, list_jobs(root / "Snakefile", sections, rules, folder=work), work)


def _describe(
    config: Configuration, rules: dict[str, Rule], root: Path, table: pd.DataFrame, path: Path
) -> str:
    """Return the page of a rehearsal: what its jobs took, and what the whole configuration takes by it."""
    jobs = list_jobs(root / "Snakefile", config.sections, rules)
    known = gather(config, rules, jobs, results=None, logs=Path("logs"), rehearsal=path)
    hours = job_hours(known)
    tables = {
        "Jobs of the rehearsal": printed_table(table),
        "The whole configuration: jobs and hours": rule_table(hours, list(rules)),
        "The whole configuration: trainings": epoch_table(known, hours),
    }
    return write_markdown(f"Rehearsal of configuration {config.sections['name']}", NOTES, tables)
