"""How wide the columns of a LaTeX table are, and which columns fit beside one another on a page.

Widths are in points. They are estimates from the widths of Latin Modern's letters at 7 pt, with a reserve.
"""

import math
import re
from dataclasses import dataclass

import pandas as pd

from covidseg.paper.cells import Cell, holds_words, names_of, true_minus

SIZE, LINE = 7.0, 8.4  # size of the type and distance of the lines
PAGE_WIDTH = 513.0  # 7.1 in, two columns of a journal
GAP = 4.0  # between two columns
BREAK = "\u200b"  # where a long word may be broken
LETTERS = {
    **{
        0.33: "!',.:;[]il|",
        0.4: " ",
        0.46: '"()-Ifjrt',
        0.52: "?cesz",
        0.57: "0123456789",
        0.9: "#%&+<=>@DGKOQm−",
    },
    **{1.2: "MW", 1.25: "±"},  # ± with a thin space on either side
}
WIDTHS = {letter: width for width, letters in LETTERS.items() for letter in letters}
CAPITAL, OTHER = 0.82, 0.63
RESERVE, BRACKETED = 1.06, 1.01  # for bold type, which numbers in brackets never have


@dataclass(frozen=True)
class Column:
    """A column, with the widths that it can have.

    Attributes:
        key: the column in the table.
        words: whether it has words, which may be broken into lines, and not numbers.
        natural: width of its longest line.
        narrowest: the least width, without a broken number or an overlong word.
    """

    key: object
    words: bool
    natural: float
    narrowest: float

    @classmethod
    def of(cls, table: pd.DataFrame, key: object) -> "Column":
        """Measure a column; its heading may be broken between words."""
        words = holds_words(table[key])
        lines = [line for value in table[key] for line in lines_of(value)]
        heading = names_of(key)[1]
        natural = max(map(width_of, [*lines, heading] if words else [*lines, *pieces(heading)]))
        broken = [piece for line in lines for piece in (pieces(line) if words else line.split(" ("))]
        return cls(key, words, natural, max(map(width_of, [*broken, *pieces(heading)])))


def lines_of(value: object) -> list[str]:
    """Return the lines of a value: of a cell, our number and what stands below it."""
    lines = [value.ours, f"[{value.other}]"] if isinstance(value, Cell) else [breakable(str(value))]
    return [true_minus(line).replace(" ± ", "±") for line in lines]


def breakable(text: str) -> str:
    """Return a text in which words of more than 16 letters may be broken after / . _ : and -."""
    return " ".join(
        re.sub(r"(?<=[/._:-])(?=\w)", BREAK, word) if len(word) > 16 else word for word in text.split()
    )


def pieces(text: str) -> list[str]:
    """Return the parts of a text between which a line may end."""
    return [piece for piece in re.split(rf"[\s{BREAK}]+", text) if piece] or [""]


def width_of(line: str) -> float:
    """Return the width of a line, in points."""
    letters = (
        WIDTHS.get(letter, CAPITAL if letter.isupper() else OTHER) for letter in line if letter != BREAK
    )
    return (BRACKETED if line.startswith("[") else RESERVE) * SIZE * sum(letters)


def blocks_of(table: pd.DataFrame) -> list[list[Column]]:
    """Return the columns of a table in blocks that fit on a page, each with the columns of words.

    Args:
        table: the table, whose values are texts, numbers or `Cell`.
    """
    columns = [Column.of(table, key) for key in table.columns]
    keys = [column for column in columns if column.words]
    if _room(columns) >= 0 or len(keys) == len(columns):
        return [columns]
    blocks: list[list[Column]] = [[]]
    for column in (column for column in columns if not column.words):
        if blocks[-1] and _room([*keys, *blocks[-1], column]) < 0:
            blocks.append([])
        blocks[-1].append(column)
    return [[*keys, *block] for block in blocks]


def _room(columns: list[Column]) -> float:
    """Return the width that is left on the page beside the columns at their least widths."""
    return PAGE_WIDTH - sum(column.narrowest + GAP for column in columns)


def widths_of(columns: list[Column]) -> list[float]:
    """Return the widths of columns beside one another: all natural, or the widest ones narrower."""
    room = PAGE_WIDTH - GAP * len(columns)
    low, high = 0.0, max(room, *(column.natural for column in columns))
    for _ in range(50):
        level = (low + high) / 2
        widths = [min(column.natural, max(column.narrowest, level)) for column in columns]
        low, high = (level, high) if sum(widths) <= room else (low, level)
    return [min(column.natural, max(column.narrowest, low)) for column in columns]


def count_lines(table: pd.DataFrame, columns: list[Column], widths: list[float]) -> int:
    """Return the number of lines of a block, without its heading."""
    return sum(
        max(
            sum(math.ceil(1.1 * width_of(line) / width) for line in lines_of(value)) if column.words
            else len(lines_of(value))
            for column, width, value in zip(columns, widths, row, strict=True)
        )
        for row in table[[column.key for column in columns]].itertuples(index=False, name=None)
    )  # fmt: skip
