"""Printed tables as Markdown."""

import re

import pandas as pd

from covidseg.paper.cells import Cell, holds_words, names_of, true_minus

# What Markdown or HTML would read as markup. An underscore is markup only at the start or end of a word.
SPECIAL = re.compile(r"[\\`*<>|\[\]~$]|(?<!\w)_|_(?!\w)|(?<!\w)#|&(?=#?\w+;)")
MARKS = {"best": "**{}**", "second": "<u>{}</u>", "": "{}"}


def write_markdown(title: str, notes: list[str], tables: dict[str, pd.DataFrame]) -> str:
    """Return the text of a page.

    Args:
        title: title of the page.
        notes: the first is printed above the tables, the others below.
        tables: heading -> table, whose values are texts, numbers or `Cell`.
    """
    lines = [f"# {escape(title)}", "", escape(notes[0]), ""]
    for heading, table in tables.items():
        # Without disable_numparse the text +0.010 would be printed as the number 0.01.
        text = _written(table).to_markdown(index=False, disable_numparse=True)
        lines += [f"## {escape(heading)}", "", text, ""]
    return "\n".join([*lines, *(f"{escape(note)}\n" for note in notes[1:])])


def escape(text: str) -> str:
    """Return a text that Markdown shows as it stands."""
    return SPECIAL.sub(r"\\\g<0>", " ".join(text.split()))


def write_cell(value: object, *, number: bool = True) -> str:
    """Return a value as Markdown; our number is bold if it is the best, and underlined if the second best."""
    if isinstance(value, Cell):
        mean, spread = value.parts
        return true_minus(f"{MARKS[value.mark].format(mean)}{spread} [{value.other}]")
    return true_minus(str(value)) if number else escape(str(value))


def _written(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            escape(": ".join(filter(None, names_of(column)))): [
                write_cell(value, number=not holds_words(table[column])) for value in table[column]
            ]
            for column in table.columns
        }
    )
