"""The documentation in the site: a page per file of docs/, its pictures, and what the search finds there."""

import json
import shutil
from pathlib import Path

from covidseg.files import write_text
from covidseg.reading import read_text
from covidseg.site.documents import INDEX, Document, address, listed_pages, render
from covidseg.site.part import Entry, Part

KIND = "guide"


def make(part: Part) -> list[Entry]:
    """Write the pages.

    What the search finds is a script of this part: so an edit of a page draws no other part anew.
    """
    texts = {path.name: read_text(path) for path in part.inputs["pages"]}
    groups = listed_pages(texts[INDEX])
    entries: list[Entry] = []
    shown: set[str] = set()
    for name, text in texts.items():
        document, here = render(text, set(texts)), address(name)
        page = f"{part.folder}/{here}"
        part.site.write(page, "docs.html", title=document.title, here=here, document=document, groups=groups)
        entries += _entries(document, page)
        shown |= document.pictures
    for picture in part.inputs["pictures"]:
        if picture.name in shown:
            shutil.copyfile(picture, part.path / picture.name)
    _write_search(part.path / "search.js", entries)
    return []


def _entries(document: Document, page: str) -> list[Entry]:
    """Return what the search finds in a page: its headings, and the output that it quotes."""
    found = [(document.title, page)]
    for heading in document.headings[1:]:
        place = f"{page}#{heading.anchor}"
        found.append((f"{heading.text} · {document.title}", place))
        found += [(line, place) for line in document.quoted.get(heading.anchor, [])]
    return [Entry(title=title, kind=KIND, page=place) for title, place in found]


def _write_search(path: Path, entries: list[Entry]) -> None:
    write_text(path, f"window.SEARCH = [...(window.SEARCH || []), ...{json.dumps(entries)}];\n")
