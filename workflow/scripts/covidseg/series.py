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
    """

    row: str
    source: str
    region: str
    split: str
    experiment: str
