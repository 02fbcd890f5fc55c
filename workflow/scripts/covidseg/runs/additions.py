"""What a user's own additions bring to the DAG, and what is to do."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from covidseg.runs.workload_tables import number_of_hours


def additions_table(hours: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Return one row per rule that has added jobs or jobs to do, and a row of all.

    Args:
        hours: one row per job, as returned by `job_hours`.
        before: one row per job of the DAG without a user's own additions, as returned by `list_jobs`.
    """
    jobs = hours.assign(added=~hours.file.isin(before.file))
    rows = [_row(str(rule), group) for rule, group in jobs.groupby("rule", sort=False)]
    rows = [row for row in rows if row["Added"] or row["To do"]]
    return pd.DataFrame([*rows, _row("all", jobs)])


def _row(title: str, jobs: pd.DataFrame) -> dict[str, object]:
    pending = jobs[jobs.to_do]
    return {
        "Rule": title,
        "Jobs": len(jobs),
        "Added": int(jobs.added.sum()),
        "To do": len(pending),
        "GPU hours": number_of_hours(pending[pending.on == "GPU"]),
        "CPU hours": number_of_hours(pending[pending.on == "CPU"]),
    }


def describe_additions(name: str, own: Sequence[Path], table: pd.DataFrame) -> str:
    """Return the text that `snakemake check` prints.

    Args:
        name: name of the configuration.
        own: paths of the files in config/local.
        table: the table that `additions_table` returned.
    """
    files = ", ".join(map(str, own)) or "no file"
    note = f"No faults. Additions: {files}. Configuration {name}; hours are of the jobs to do, where known."
    return f"{note}\n\n{table.to_markdown(index=False, tablefmt='simple', disable_numparse=True)}"
