"""The page of what is ours: the values that no paper gives, and where to change them."""

from itertools import groupby

from covidseg.config.choices import MARKS, Choice
from covidseg.site.pages import Site
from covidseg.site.part import Entry

TITLE = "What is ours"
HEADINGS = {
    "paper.yaml": "Settings",
    "config.yaml": "Settings of the phantom alone",
    "experiments.yaml": "Models",
    "claims.yaml": "Limits of claims",
}
WHOSE = {"ours": "ours", "nnU-Net": "nnU-Net", "code": "authors’ code"}


def write_choices(site: Site, choices: list[Choice]) -> list[Entry]:
    """Write the page, and return what the search finds in it.

    Args:
        site: the site.
        choices: as returned by `find_choices`.
    """
    groups = [
        (HEADINGS.get(file, file), file, list(group))
        for file, group in groupby(choices, key=lambda choice: choice["file"])
    ]
    counts = {mark: sum(mark in choice["marks"] for choice in choices) for mark in MARKS}
    site.write("choices.html", "choices.html", title=TITLE, groups=groups, counts=counts, whose=WHOSE)
    return [
        Entry(title=choice["key"] or choice["text"], kind="choice", page=f"choices.html#{anchor(choice)}")
        for choice in choices
    ]


def anchor(choice: Choice) -> str:
    """Return the id of a choice on the page."""
    return f"{choice['file'].removesuffix('.yaml')}-{choice['line']}"
