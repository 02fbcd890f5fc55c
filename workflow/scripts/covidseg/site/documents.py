"""A page of the documentation: Markdown as HTML, with anchors as on GitHub and links within the site."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

INDEX = "README.md"


@dataclass(frozen=True)
class Heading:
    """A heading of a page.

    Attributes:
        level: 1 for the title of the page.
        anchor: the id, as GitHub gives it.
        text: the words.
    """

    level: int
    anchor: str
    text: str


@dataclass(frozen=True)
class Document:
    """A page of the documentation.

    Attributes:
        headings: in their order; the first is the title.
        pictures: names of the pictures that the page shows.
        quoted: anchor of a heading of level 3 -> lines of the output that the text below the heading quotes.
        html: the page.
    """

    headings: list[Heading]
    pictures: set[str]
    quoted: dict[str, list[str]]
    html: Markup

    @property
    def title(self) -> str:
        """Title of the page."""
        return self.headings[0].text


def render(text: str, names: set[str]) -> Document:
    """Return a page of the documentation.

    Args:
        text: Markdown without HTML.
        names: of all pages, with .md; a link to another file of the checkout becomes plain text.
    """
    tokens = PARSER.parse(text)
    headings = _give_anchors(tokens)
    for child in _inline(tokens):
        _turn_link(child, names)
    for token in tokens:
        _turn_styles_into_classes(token)
        if token.children:
            token.children = _without_dead_links(token.children)
    html = PARSER.renderer.render(tokens, PARSER.options, {"tables": 0})
    return Document(
        headings,
        pictures={str(child.attrs["src"]) for child in _inline(tokens) if child.type == "image"},
        quoted=_quoted(tokens),
        html=Markup(html),  # no HTML of the text's own is left
    )


def address(page: str) -> str:
    """Return the file of a page in the site: faq.md is faq.html, and README.md is index.html."""
    return "index.html" if page == INDEX else page.removesuffix(".md") + ".html"


def listed_pages(text: str) -> dict[str, dict[str, str]]:
    """Return heading -> file in the site -> title, of the lists in the index of the documentation."""
    groups: dict[str, dict[str, str]] = {}
    for heading, part in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL):
        links = re.findall(r"^- \[([^\]]+)\]\(([\w-]+\.md)\)", part, re.MULTILINE)
        groups[heading] = {address(page): title for title, page in links}
    return groups


def anchor_of(text: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def _inline(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from token.children or []


def _give_anchors(tokens: Sequence[Token]) -> list[Heading]:
    headings: list[Heading] = []
    seen: Counter[str] = Counter()
    for token, inline in pairwise(tokens):
        if token.type != "heading_open":
            continue
        text = "".join(child.content for child in inline.children or [])
        anchor = anchor_of(text)
        seen[anchor] += 1
        anchor += f"-{seen[anchor] - 1}" if seen[anchor] > 1 else ""
        token.attrSet("id", anchor)
        headings.append(Heading(int(token.tag[1]), anchor, text))
    return headings


def _turn_styles_into_classes(token: Token) -> None:
    """Let a column be right-aligned by a class: the site's pages allow no styles within a page."""
    if style := token.attrs.pop("style", ""):
        token.attrSet("class", str(style).partition(":")[2])


def _turn_link(token: Token, names: set[str]) -> None:
    if token.type != "link_open":
        return
    target = str(token.attrs["href"])
    page, _, anchor = target.partition("#")
    if target.startswith("https:"):
        token.attrSet("rel", "noreferrer")
    elif page in names:
        token.attrSet("href", address(page) + (f"#{anchor}" if anchor else ""))
    elif page:
        token.attrSet("href", "")  # a file of the checkout, which the site lacks


def _without_dead_links(children: list[Token]) -> list[Token]:
    kept, is_dead = [], False
    for token in children:
        if token.type == "link_open":
            is_dead = not token.attrs["href"]
        if not (is_dead and token.type in ("link_open", "link_close")):
            kept.append(token)
    return kept


def _quoted(tokens: Sequence[Token]) -> dict[str, list[str]]:
    quoted: dict[str, list[str]] = {}
    anchor = ""
    for token in tokens:
        if token.type == "heading_open":
            anchor = str(token.attrs["id"]) if token.tag == "h3" else ""
        elif token.type == "fence" and token.info == "text" and anchor:
            quoted.setdefault(anchor, []).extend(token.content.splitlines())
    return quoted


def _open_table(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: object, env: dict[str, int]
) -> str:
    env["tables"] += 1
    label = f"Table {env['tables']}"
    return f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">\n<table>\n'


def _draw_code(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: object, env: dict[str, int]
) -> str:
    """Return a block of code, which scrolls with the keyboard too."""
    return f'<pre tabindex="0"><code>{escape(tokens[index].content)}</code></pre>\n'


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    rules: dict[str, Callable[..., str]] = {
        "table_open": _open_table,
        "table_close": lambda *_: "</table>\n</div>\n",
        "fence": _draw_code,
    }
    for name, rule in rules.items():
        parser.add_render_rule(name, rule)
    return parser


PARSER = _parser()
