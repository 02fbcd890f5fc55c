"""What the jobs of a configuration take by the table of its rehearsal."""

from pathlib import Path

import pandas as pd

from covidseg.config.configuration import Configuration
from covidseg.runs.epoch_times import EpochTime

# Rules whose jobs do in a rehearsal a small part of what they do else, or something else.
UNLIKE = ("download", "slices", "cut_slices", "localise", "score_weak", "predict")


def read_rehearsal(table: Path | None) -> pd.DataFrame:
    """Return the jobs that a rehearsal has finished; none if there was no rehearsal."""
    if not (table and table.exists()):
        return pd.DataFrame(columns=["rule", "strategy", "device", "seconds", "seconds_per_iteration"])
    jobs = pd.read_csv(table, keep_default_na=False, na_values={"seconds": "", "seconds_per_iteration": ""})
    return jobs[jobs["seconds"].notna()]


def rehearsed_epochs(jobs: pd.DataFrame, config: Configuration) -> dict[str, EpochTime]:
    """Return strategy or system -> seconds per epoch.

    Args:
        jobs: the jobs of the rehearsal, as returned by `read_rehearsal`.
        config: the configuration that was rehearsed.
    """
    systems = {model.system for model in config.weak_models.values()}
    found = {}
    for strategy, group in jobs[jobs["seconds_per_iteration"].notna()].groupby("strategy"):
        section = config.sections["weak" if strategy in systems else "training"]
        seconds = float(group["seconds_per_iteration"].median()) * section["iterations"]
        found[str(strategy)] = EpochTime(seconds, f"rehearsed on {group['device'].iloc[0]}")
    return found


def rehearsed_seconds(jobs: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return (rule, strategy or data set) -> seconds of the rule's longest job."""
    alike = jobs[~jobs["rule"].isin(UNLIKE)]
    return {
        (str(rule), str(key)): float(group.max())
        for (rule, key), group in alike.groupby(["rule", "strategy"])["seconds"]
    }
