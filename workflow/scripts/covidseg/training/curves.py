"""The curves of all trainings in one table, for DVC's plots."""

from pathlib import Path

import pandas as pd

from covidseg.reading import read_table

CURVES = ("loss", "validation_dice", "learning_rate")  # a system that has one of them not leaves it empty


def join_curves(logs: list[Path]) -> pd.DataFrame:
    """Return one row per training and epoch: experiment, fold, epoch and the CURVES.

    Args:
        logs: paths <experiment>/fold<k>/log.csv.

    Raises:
        InputError: a file cannot be read or is no log of a training.
    """
    return pd.concat([_curves(path) for path in logs], ignore_index=True)


def _curves(path: Path) -> pd.DataFrame:
    table = read_table(path, ["epoch", "loss"]).reindex(columns=["epoch", *CURVES])
    table.insert(0, "experiment", path.parts[-3])
    table.insert(1, "fold", int(path.parts[-2].removeprefix("fold")))
    return table
