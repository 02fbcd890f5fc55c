"""The names that tables and figures have in their papers."""

import re

NUMBERED = re.compile(r"(table|figure)([0-9]+)")
ROMAN = ("wang2020", "zhang2021", "ma2021")  # papers that number their tables in Roman numerals
NUMERALS = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")


def label_of(paper: str, name: str) -> str:
    """Return what the paper calls a table or figure, as in Table IV; its own name, if the paper has none.

    Args:
        paper: key of the paper.
        name: key of the table or figure in artefacts.yaml, as in table4.
    """
    found = NUMBERED.fullmatch(name)
    if not found:
        return name.replace("_", " ").capitalize()
    kind, number = found[1], int(found[2])
    written = roman(number) if kind == "table" and paper in ROMAN else str(number)
    return f"{kind.capitalize()} {written}"


def roman(number: int) -> str:
    """Return a number below 40 in Roman numerals."""
    return "X" * (number // 10) + NUMERALS[number % 10]


def full_title(paper: str, name: str, title: str) -> str:
    """Return the title of a table or figure with its paper, as in "Table 1 of wang2021: Strategies".

    Args:
        paper: key of the paper.
        name: key of the table or figure in artefacts.yaml.
        title: the title in artefacts.yaml.
    """
    if NUMBERED.fullmatch(name):
        return f"{label_of(paper, name)} of {paper}: {title}"
    return title if paper in title else f"{paper}: {title}"
