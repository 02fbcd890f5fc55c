"""What stands in a printed table: plain values, and cells of two numbers, of which one can bear a mark."""

import re
from dataclasses import dataclass

import pandas as pd

NO_NUMBER = ("not run", "not timed", "not measured")  # stands in the place of a number
NUMBERS = re.compile(r"[^A-Za-z]*( to [^A-Za-z]*)*")
MINUS = re.compile(r"(?<![\w.-])-(?=\d)")
# Notes, and heading -> table. The first note is printed above the tables, all other notes below the tables.
Page = tuple[list[str], dict[str, pd.DataFrame]]


@dataclass(frozen=True)
class Cell:
    """Our number, and below it the published number or an interval.

    Attributes:
        ours: our number, as in 0.506 ± 0.289.
        other: what is printed in brackets.
        mark: "best" or "second" if our number is so in its column, or "".
    """

    ours: str
    other: str
    mark: str = ""

    def __str__(self) -> str:
        return f"{self.ours} [{self.other}]"

    @property
    def parts(self) -> tuple[str, str]:
        """The number that bears the mark, and what follows it, as in 0.506 and " ± 0.289"."""
        mean, sign, spread = self.ours.partition(" ±")
        return mean, sign + spread


def holds_words(column: pd.Series) -> bool:
    """Return whether a column has a value that is no number, so that the column is aligned to the left."""
    return not all(
        isinstance(value, Cell) or str(value) in NO_NUMBER or NUMBERS.fullmatch(str(value))
        for value in column
    )


def true_minus(text: str) -> str:
    """Return a text whose negative numbers have a minus sign in the place of a hyphen."""
    return MINUS.sub("−", text)


def names_of(column: object) -> tuple[str, str]:
    """Return the panel and the name of a column; the panel is "" if the table has no panels."""
    panel, name = column if isinstance(column, tuple) else ("", column)
    return str(panel), str(name)
