"""The blocks and the commands of README.md and of the pages in docs/."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from markdown_it import MarkdownIt

from conftest import ROOT

PAGES = sorted(
    path
    for path in (
        *(
            ROOT / name
            for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md", "config/README.md")
        ),
        *(ROOT / "config" / "local").glob("README.md"),
        *(ROOT / "docs").glob("*.md"),
    )
    if path.exists()
)
TOOLS = ("snakemake", "make", "covidseg", "dvc", "pytest", "python")  # whose inline code is a command
NAMED = re.compile(r"# ([\w./-]+\.(?:py|yaml))$")
HISTORY = ROOT / "CHANGELOG.md"  # names commands that are no more
TREES = {path: MarkdownIt("commonmark").enable("table").parse(path.read_text()) for path in (*PAGES, HISTORY)}


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        page: the page that it stands in.
        language: the word behind the fence.
        text: its lines.
    """

    page: Path
    language: str
    text: str

    @property
    def file(self) -> str:
        """The file that the first line names, empty if it names none."""
        found = NAMED.match(self.text.partition("\n")[0])
        return found[1] if found else ""


def blocks(*languages, page=None):
    """Return the blocks in these languages, in the order of the pages."""
    return [
        Block(path, token.info, dedent(token.content))
        for path, tokens in TREES.items()
        for token in tokens
        if page in (None, path.name) and token.type == "fence" and (not languages or token.info in languages)
    ]


def inline_commands():
    """Return (page, command) of every inline code that is a command of one of the tools."""
    return [
        (path, child.content)
        for path in PAGES
        for token in TREES[path]
        for child in token.children or []
        if child.type == "code_inline"
        and child.content.partition(" ")[0] in TOOLS
        and " " in child.content
        and "<" not in child.content
    ]


def commands():
    """Return (page, words) of every command that a reader types; && and pipes are separate commands."""
    found = [
        (block.page, line)
        for block in blocks("sh")
        for line in block.text.replace("\\\n", " ").splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    return [
        (page, words)
        for page, line in [*found, *inline_commands()]
        for part in re.split(r" && | \| | > .*$", re.sub(r"\s+#\s.*$", "", line))
        if (words := shlex.split(part, comments=True))
    ]
