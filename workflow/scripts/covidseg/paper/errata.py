"""The list of the papers' misprints, config/published_errata.md, as HTML."""

import re
from itertools import count

from markdown_it import MarkdownIt

# Asterisks and underscores stand in formulas, and a tag in the list is text.
LITERAL = ("emphasis", "html_inline", "html_block")
# A wide table scrolls inside itself, and with the keyboard too.
SCROLLED = '<div class="scroll" role="region" aria-label="Misprints, table {}" tabindex="0">\n<table>'


def errata_html(text: str) -> str:
    """Return the list of misprints as HTML, with every formula as it is written.

    Args:
        text: the list, in Markdown.
    """
    html = MarkdownIt("commonmark").enable("table").disable(LITERAL).render(text)
    numbers = count(1)
    html = re.sub("<table>", lambda _: SCROLLED.format(next(numbers)), html)
    return html.replace("</table>", "</table>\n</div>")
