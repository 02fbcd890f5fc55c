"""Which scores make up one row of a table, or one violin."""

from dataclasses import dataclass

# Metrics of trainings, which judge claims and are not in scores.csv.
FROZEN = "frozen_share"  # from model.json
RELATIONS = ("general_difference", "target_difference")  # columns of log.csv


@dataclass(frozen=True)
class Series:
    """The scores behind one row of a table in one of its panels, or behind one violin.

    Attributes:
        row: the paper's name for the row.
        source: the paper's name for the source that the model learns from, or "none".
        region: region that is scored.
        split: name of the split in the scores.
        experiment: name of our experiment.
        folds: number of the experiment's models.
        runs: whether this configuration runs the experiment and scores it in this region and split.
        left_out: entries of the configuration's `without` that take away data sets which the experiment would
            learn from or be scored on, separated by commas; empty if nothing is missing. An experiment
            that is not run although nothing is missing is none of a rehearsal's.
    """

    row: str
    source: str
    region: str
    split: str
    experiment: str
    folds: int = 1
    runs: bool = True
    left_out: str = ""
