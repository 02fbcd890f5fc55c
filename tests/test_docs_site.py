"""The guide in the site: its pages, links, anchors, pictures and search entries, in a real browser."""

import json
import re

import pytest

from conftest import ROOT
from covidseg.site import docs_part
from covidseg.site.assets import write_assets
from covidseg.site.documents import anchor_of, listed_pages, render
from covidseg.site.pages import NAVIGATION, Site
from covidseg.site.part import Part
from site_browser import HOSTILE, broken_links, faults_of, opened, stand_in

DOCS = ROOT / "docs"
# A title for every kind of thing that a page can hold.
PAGE = f"""# Title of `code` & {HOSTILE}

See [the index](README.md), [a heading](other.md#a-b), [here](#two-words), [the code](../Makefile), [web](https://example.org/).

## Two words
## Two words

| left | right |
|---|---:|
| {HOSTILE} | 1 |

### A message

```text
…: is <wrong>; correct it
```
"""


@pytest.fixture(scope="module")
def guide(tmp_path_factory):
    """The site with the guide alone."""
    folder = tmp_path_factory.mktemp("site") / "results" / "report"
    site = Site(folder, "toy", phantom=True)
    pictures = [*sorted(DOCS.glob("*.png")), *sorted(DOCS.glob("*.svg"))]
    part = Part(site, "docs", {"pages": sorted(DOCS.glob("*.md")), "pictures": pictures}, {})
    part.path.mkdir(parents=True)
    write_assets(folder / "assets")
    stand_in(folder)
    assert docs_part.make(part) == []
    for page in NAVIGATION.keys() - {"docs/index.html"}:
        site.write(page, "errata.html", title="Stand-in", misprints="")
    return folder


def test_a_page_has_github_s_anchors_and_links_only_within_the_site():
    document = render(PAGE, {"README.md", "other.md"})
    assert [heading.anchor for heading in document.headings[1:]] == ["two-words", "two-words-1", "a-message"]
    assert document.quoted == {"a-message": ["…: is <wrong>; correct it"]}
    links = re.findall(r'href="([^"]*)"', document.html)
    assert links == ["index.html", "other.html#a-b", "#two-words", "https://example.org/"]
    assert "See <a" in document.html
    assert ", the code, " in document.html
    assert 'rel="noreferrer"' in document.html


def test_no_text_becomes_markup_and_no_style_stands_in_a_page():
    html = render(PAGE, set()).html
    assert "<img" not in html
    assert "style=" not in html
    assert '<td class="right">1</td>' in html
    assert "is &lt;wrong&gt;" in html


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("A first hour", "a-first-hour"),
        ("What it needs, in GB", "what-it-needs-in-gb"),
        ("nnU-Net's", "nnu-nets"),
    ],
)
def test_an_anchor_is_github_s(heading, anchor):
    assert anchor_of(heading) == anchor


def test_every_page_is_in_the_index_and_every_listed_page_is_there(guide):
    listed = {page for pages in listed_pages((DOCS / "README.md").read_text()).values() for page in pages}
    assert listed | {"index.html"} == {path.name for path in (guide / "docs").glob("*.html")}


def test_every_link_and_picture_of_the_guide_leads_somewhere(guide):
    broken = [link for link in broken_links(guide) if link.startswith("docs/")]
    left = ("provenance.html#phantom", "provenance.html#licences")
    assert [link for link in broken if not link.endswith(left)] == []


def test_the_search_finds_pages_headings_and_messages(guide):
    text = (guide / "docs" / "search.js").read_text()
    entries = json.loads(
        re.fullmatch(r"window\.SEARCH = \[\.\.\.\(window\.SEARCH \|\| \[\]\), \.\.\.(.*)\];\n", text)[1]
    )
    pages = {entry["title"]: entry["page"] for entry in entries}
    assert pages["Run the papers"] == "docs/papers.html"
    assert pages["Rehearse first · Run the papers"] == "docs/papers.html#rehearse-first"
    message = "…: entry … is encrypted; unpack it with its password, and pack it without"
    assert pages[message].startswith("docs/troubleshooting.html#an-archive-has-entries")


@pytest.mark.slow
@pytest.mark.parametrize("page", ["index", "troubleshooting", "first-hour", "choices"])
def test_the_guide_works_in_a_browser(chromium, guide, tmp_path, page):
    assert faults_of(chromium, guide / "docs" / f"{page}.html", tmp_path / page) == []


def test_a_message_is_found_from_any_page(chromium, guide):
    with opened(chromium, guide / "errata.html") as (page, complaints):
        page.locator("#search").fill("is encrypted")
        with page.expect_navigation():
            page.locator("#search").press("Enter")
        assert page.url.endswith("docs/troubleshooting.html#an-archive-has-entries-that-are-refused")
        assert complaints == []
