"""What the tests of all pages of the site share: a hostile name, links, and a page in a real browser.

A test that has opened a page keeps screenshots of it in its temporary folder: phone.png, wide.png, dark.png.
`pytest --basetemp=FOLDER` puts the temporary folders of all tests into FOLDER.
"""

import json
import re
import shutil
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

# A name in the data or in the configuration that a page must show as text.
HOSTILE = "<img src=x onerror=alert(1)>"
WIDTHS = {"phone": 400, "wide": 1600, "dark": 1440}
SERIOUS = ("serious", "critical")
# Contrasts take most of the time of the accessibility checker. They depend on light and dark, not on the width.
RULES = {
    "phone": {"rules": {"color-contrast": {"enabled": False}}},
    "wide": {},
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast"]}},
}
SEARCHED = ("assets/search-index.js", "docs/search.js")  # what the search finds


class _Page(HTMLParser):
    """The ids and the links of a page, and what it loads."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids |= {found["id"]} if "id" in found else set()
        self.links += [found[key] for key in ("href", "src") if found.get(key)]


def stand_in(folder):
    """Write the scripts of other parts that every page loads: the run, and what the search finds, here nothing."""
    for script in ("run.js", "assets/search-index.js", "docs/search.js"):
        path = folder / script
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("window.SEARCH = [];\n" if path.name == "search-index.js" else "")


def broken_links(folder):
    """Return every link of every page that leads nowhere, or into a network without being clicked.

    Links to a page's anchors count too, and those that the search finds.
    """
    pages = {path.resolve(): _Page(path.read_text()) for path in sorted(folder.rglob("*.html"))}
    found = [entry["page"] for script in SEARCHED for entry in _entries(folder / script)]
    links = [(folder / "index.html", link) for link in found]
    links += [(path, link) for path, page in pages.items() for link in page.links]
    return sorted({f"{path.relative_to(folder.resolve())}: {link}" for path, link in _resolved(links)
                   if not _leads_somewhere(path, link, pages)})  # fmt: skip


def _entries(script):
    """Return the entries of a script that the search reads."""
    found = re.search(r"(\[\]|\[\{.*\}\])\]?;\n$", script.read_text())
    return json.loads(found[1]) if found else []


def _resolved(links):
    return [(path.resolve(), link) for path, link in links]


def _leads_somewhere(path, link, pages):
    parts = urlsplit(link)
    if parts.scheme:
        return parts.scheme in ("https", "data", "mailto")
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    # What stands after the anchor's name, as in #view?a=1, or an anchor that a script reads, is no id.
    anchor = unquote(parts.fragment)
    known = target not in pages or not anchor or anchor in pages[target].ids or "=" in anchor
    return target.exists() and known


def one_of_each_kind(folder):
    """Return one page of each kind: all at the top, the page of each paper, and the first of every other kind.

    The cases of all data sets are one kind, and so are their slices.
    """
    pages = sorted(path.relative_to(folder) for path in folder.rglob("*.html"))
    first = {(_kind(page), page.stem == "index"): page for page in reversed(pages)}
    return sorted({page for page in pages if page.parent == Path()} | set(first.values()))


def _kind(page):
    per_data_set = len(page.parts) == 3 and page.parts[0] in ("cases", "slices")
    return f"{page.parts[0]} of a data set" if per_data_set else str(page.parent)


@contextmanager
def browser():
    """Yield a headless Chromium (the fixture `chromium` in conftest.py); skip the test where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@contextmanager
def opened(chromium, path, *, width=1440, dark=False):
    """Yield a page that is open in the browser, and the list of its complaints.

    Complaints are errors in the console, uncaught errors, dialogs, and requests other than for files.
    """
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
    )
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: complaints.append(request.url) if not _is_local(request.url) else None)
    address, _, anchor = str(path).partition("#")
    page.goto(Path(address).resolve().as_uri() + (f"#{anchor}" if anchor else ""))
    page.wait_for_load_state("load")
    yield page, complaints
    context.close()


def _is_local(url):
    return urlsplit(url).scheme in ("file", "data", "blob")


def faults_of(chromium, path, pictures):
    """Return what is wrong with a page: complaints, scrolling of the page to the side, and barriers.

    Args:
        chromium: the browser.
        path: of the page.
        pictures: folder for the screenshots.
    """
    faults = []
    for name, width in WIDTHS.items():
        with opened(chromium, path, width=width, dark=name == "dark") as (page, complaints):
            page.wait_for_timeout(100)
            over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            pictures.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=pictures / f"{name}.png", full_page=True)
            faults += [f"{name}: {fault}" for fault in (*complaints, *_barriers(page, RULES[name]))]
            faults += [f"{name}: {over} px too wide"] if over > 0 else []
    return faults


def _barriers(page, rules):
    from axe_playwright_python.sync_playwright import Axe

    options = {"preload": False, "resultTypes": ["violations"], **rules}
    return [
        f"{found['id']}: {node['html'][:160]}"
        for found in Axe().run(page, options=options).response["violations"]
        if found["impact"] in SERIOUS
        for node in found["nodes"][:3]
    ]
