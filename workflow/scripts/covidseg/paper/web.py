"""Printed tables as web pages, which open from disk, load nothing and show every name as it stands."""

import re
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import groupby
from typing import Any

import pandas as pd
from jinja2 import Environment
from markupsafe import Markup, escape

from covidseg.paper.cells import Cell, holds_words, names_of, true_minus
from covidseg.paper.web_page import PAGE, STYLE

ADDRESS = re.compile(r"https?://\S+")
INDEXED = re.compile(r"\b([A-Z])_([a-z]+)\^([A-Z])")  # a relation loss, as in L_rc^G
LONG = 40  # letters; a column with a longer text gets a part of the page's width
TEMPLATE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(PAGE)
# Only the style below is applied; nothing is loaded, and no script runs.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'"
)

# Of pages in results/paper.
GENERAL = {
    "../report/index.html": "Site of the results",
    "licences.html": "Licences",
    "errata.html": "Misprints",
    "provenance.html": "Provenance",
}


@dataclass(frozen=True)
class Links:
    """What a page links to.

    Attributes:
        pages: address -> text, of other pages.
        files: names of the files beside the page that have the same content.
    """

    pages: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)


def general_links(page: str, files: list[str] | None = None) -> Links:
    """Return what a page of no single paper links to: the site, and the other pages of that kind.

    Args:
        page: name of the page's file.
        files: names of files with the same content.
    """
    pages = {"" if address == page else address: text for address, text in GENERAL.items()}
    return Links(pages, files or [])


def links_of(paper: str, name: str, tables: dict[str, str], files: list[str]) -> Links:
    """Return what the page of a paper's table links to: the site, the paper's other tables, and its files.

    Args:
        paper: key of the paper.
        name: key of the table in artefacts.yaml.
        tables: key of each table of the paper -> its label.
        files: names of the table's files.
    """
    others = {"" if key == name else f"{key}.html": label for key, label in tables.items()}
    site = {
        "../../report/index.html": "Site of the results",
        f"../../report/papers/{paper}/index.html": f"All of {paper}",
    }
    general = {f"../{address}": text for address, text in list(GENERAL.items())[1:]}
    return Links(site | others | general, [file for file in files if file != f"{name}.html"])


def write_html(
    title: str, notes: list[str], tables: dict[str, pd.DataFrame], links: Links | None = None
) -> str:
    """Return the text of a page.

    Args:
        title: title of the page.
        notes: the first is printed above the tables, the others below.
        tables: heading -> table, whose values are texts, numbers or `Cell`.
        links: what the page links to.
    """
    shown = [{"heading": heading, **_shown(table)} for heading, table in tables.items()]
    return _page(title, links, notes=notes, tables=shown)


def write_text_page(title: str, body: str, links: Links | None = None) -> str:
    """Return a page around a body that is HTML already, with its heading, and every name in it escaped."""
    return _page(title, links, body=Markup(body), notes=[])


def _page(title: str, links: Links | None, **content: Any) -> str:  # noqa: ANN401  (of the template)
    style = Markup(STYLE)
    return TEMPLATE.render(title=title, policy=POLICY, style=style, links=links or Links(), **content)


def _shown(table: pd.DataFrame) -> dict[str, Any]:
    """Return the heading and the rows of a table for the template."""
    classes = [_class(table[key]) for key in table.columns]
    named = [names_of(key) for key in table.columns]
    panels = [(panel, len(list(group))) for panel, group in groupby(panel for panel, _ in named)]
    names = [(name, kind) for (_, name), kind in zip(named, classes, strict=True)]
    rows = [
        [(_value(value, kind), kind) for value, kind in zip(row, classes, strict=True)]
        for row in table.itertuples(index=False, name=None)
    ]
    return {"panels": panels if any(panel for panel, _ in panels) else [], "names": names, "rows": rows}


def _class(column: pd.Series) -> str:
    if not holds_words(column):
        return "number"
    return "long" if max(len(str(value)) for value in column) > LONG else "words"


def _value(value: object, kind: str) -> dict[str, Any]:
    if isinstance(value, Cell):
        mean, spread = map(_number, value.parts)
        return {"mark": value.mark, "mean": mean, "spread": spread, "other": f"[{_number(value.other)}]"}
    text = str(value)
    if kind == "number":
        return {"mean": _number(text)}
    return {"mean": _typeset(text), "address": text if ADDRESS.fullmatch(text) else ""}


def _typeset(text: str) -> Markup:
    """Return a text with the indices of a relation loss below and above the line."""
    return Markup(INDEXED.sub(r"\1<sub>\2</sub><sup>\3</sup>", str(escape(text))))


def _number(text: str) -> str:
    """Return numbers that a line may end between, but not within: 0.5 ± 0.1, and (0.1 to 0.2)."""
    return re.sub(r" (±|to) ", "\xa0\\1\xa0", true_minus(text))
