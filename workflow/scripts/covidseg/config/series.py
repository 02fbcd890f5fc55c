"""Which scores make a row of a table, or a violin."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """The scores behind one row of a table in one of its panels, or behind one violin.

    Attributes:
        row: its name in the paper's words.
        source: likewise, of the other people's data it learns from.
        region: that is scored.
        split: of the scores.
        experiment: ours.
        folds: number of its models.
        runs: whether it is run and scored there; the configuration may be without a data set that it needs.
        left_out: the names of these, of its source's too, where it is run on less than the paper's.
    """

    row: str
    source: str
    region: str
    split: str
    experiment: str
    folds: int = 1
    runs: bool = True
    left_out: str = ""
