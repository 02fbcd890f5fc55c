"""The site that a finished demo has left in results/report, in a real browser."""

import json

import pytest

from conftest import ROOT
from site_browser import broken_links, faults_of, one_of_each_kind, opened

DEMO = ROOT / "results" / "report"
MEGABYTES = 40
SECONDS = 2 * 30  # of all jobs of the site; two of them run at once
SLOW = 2  # machines may be half as fast
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (DEMO / "provenance.html").exists(), reason="run `make demo` first"),
]


def test_every_link_leads_somewhere():
    assert broken_links(DEMO) == []


def test_the_site_is_small():
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) <= MEGABYTES * 1e6


def test_the_site_is_made_quickly():
    found = json.loads((ROOT / "results" / "paper" / "provenance.json").read_text())["wall_times"]
    assert sum(time["seconds"] for rule, time in found.items() if rule.startswith("site")) <= SECONDS * SLOW


def test_one_page_of_each_kind_works_in_a_browser(chromium, tmp_path):
    for page in one_of_each_kind(DEMO):
        assert faults_of(chromium, DEMO / page, tmp_path / str(page).replace("/", "-")) == [], page


@pytest.mark.parametrize("words", ["Table 1", "Hybrid", "coronacases_004"])
def test_the_search_finds(chromium, words):
    with opened(chromium, DEMO / "index.html") as (page, _):
        page.locator("#search").fill(words)
        assert words.lower() in page.locator("#found a").first.inner_text().lower()
