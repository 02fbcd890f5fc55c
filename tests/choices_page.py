"""Writes docs/choices.md from the marks in config/*.yaml, as the site's page of choices is made.

python tests/choices_page.py
"""

import re
import sys
from itertools import groupby
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from covidseg.config.choices import Choice, find_choices  # noqa: E402
from covidseg.paper.markdown import escape  # noqa: E402
from covidseg.site.choices import HEADINGS, WHOSE  # noqa: E402

PAGE = ROOT / "docs" / "choices.md"
START = """# What the papers leave open

Where a paper is silent, somebody has to choose. This page has every value that no paper gives, what the configuration says of it, and whose choice it is: ours, nnU-Net's (which the papers follow), or that of the authors' code. The site has the same list under "What is ours", with the values of its run.

To try another value, write a configuration of your own with `extends: paper.yaml`, or edit the file. Only what the value decides is made anew.

`python tests/choices_page.py` writes this page from the files in `config`; a test compares the two.
"""


def code(text: str) -> str:
    """Return a value as code in a table, where a bar would end the cell."""
    return f"`{text}`".replace("|", r"\|") if text else ""


def row(choice: Choice) -> str:
    whose = ", ".join(WHOSE[mark] for mark in choice["marks"]).replace("’", "'")
    text = re.sub(r"\s+", " ", choice["text"])
    return (
        f"| {code(choice['key']) or 'the whole file'} | {code(choice['value'])} | {whose} | {escape(text)} |"
    )


def page() -> str:
    """Return the text of docs/choices.md."""
    settings = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    lines = [START]
    for file, choices in groupby(find_choices(ROOT / "config", settings), key=lambda one: one["file"]):
        lines += [f"## {HEADINGS.get(file, file)} (`config/{file}`)", ""]
        lines += ["| key | value | whose | what the file says |", "|---|---|---|---|"]
        lines += [*map(row, choices), ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
