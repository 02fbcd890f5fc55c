"""The site's start page and the pages for the whole site, made of small made-up results, in a real browser."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from claim_scores import rows_of
from conftest import ROOT
from covidseg.files import write_csv
from covidseg.paper.claims import COLUMNS
from covidseg.site import front
from covidseg.site.pages import NAVIGATION, Site
from covidseg.site.part import Part
from covidseg.site.provenance import write_provenance_page
from covidseg.volumes import Geometry, Volume, write_volume
from site_browser import HOSTILE, broken_links, faults_of, opened, stand_in

CLAIM = {
    "section": "4.5", "source": "Table 3", "most": False, "remark": "", "shown": True, "a": "hybrid", "b": "scratch",
    "metric": "DSC", "region": "infection", "split": "test", "fold": "avg", "compared": "Hybrid minus scratch",
    "side": "higher", "above": 0, "n": 19, "reason": "",
}  # fmt: skip
CLAIMS = [
    {"claim": "one", "sentence": f"{HOSTILE} is better.", "claim_verdict": "does not hold (phantom)",
     "verdict": "does not hold (phantom)", "published": 0.031, "ours": -0.025, "low": -0.042, "high": -0.003},
    {"claim": "two", "sentence": "The Hybrid-encoder is better.", "claim_verdict": "holds (phantom)",
     "verdict": "holds (phantom)", "published": 0.03, "ours": 0.0004, "low": 0.0001, "high": 0.0008},
    {"claim": "three", "sentence": "Lungs are good.", "claim_verdict": "holds (phantom)", "b": "", "above": 0.8,
     "verdict": "holds (phantom)", "published": 0.858, "ours": 0.91, "low": 0.9, "high": 0.92},
    {"claim": "four", "sentence": "Nobody knows.", "claim_verdict": "cannot be told (phantom)", "above": np.nan,
     "verdict": "cannot be told (phantom)", "n": np.nan, "side": "", "compared": "", "metric": "",
     "reason": "Nobody measured it."},
]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site whose only part is one case, whose name is hostile."""
    folder = tmp_path_factory.mktemp("site")
    report = folder / "results" / "report"
    for page in NAVIGATION:
        (report / page).parent.mkdir(parents=True, exist_ok=True)
    stand_in(report)
    made = Site(report, "toy", phantom=True)
    for page in (
        "data/index.html",
        "docs/index.html",
        "cases/index.html",
        "trainings/index.html",
        "papers/toy/index.html",
    ):
        made.write(page, "errata.html", title=HOSTILE, misprints=HOSTILE)
    made.write("cases/covid20/case_b.html", "errata.html", title=HOSTILE, misprints=HOSTILE)
    entries = [
        {"title": HOSTILE, "kind": "case", "page": "cases/covid20/case_b.html"},
        {"title": "Table 1 of toy", "kind": "table", "page": "papers/toy/index.html"},
        {"title": "Table 10 of toy", "kind": "table", "page": "papers/toy/index.html"},
    ]
    (report / "cases" / "search.json").write_text(json.dumps(entries))
    part = Part(made, "front", _inputs(folder), _parameters())
    part.path.mkdir()
    front.make(part)
    _write_provenance(made)
    return report


def _inputs(folder):
    claims = folder / "results" / "paper" / "toy" / "claims.csv"
    write_csv(claims, pd.DataFrame([CLAIM | claim for claim in CLAIMS], columns=COLUMNS))
    cases = _write_cases(folder / "results")
    return {
        "parts": [folder / "results" / "report" / "cases"],
        "claims": [claims, claims.with_suffix(".md")],
        "misprints": [ROOT / "config" / "published_errata.md"],
        "scores": [folder / "results" / "scores.csv"],
        "cases": [cases / "cases.csv"],
        "predictions": [
            folder / "results" / "predictions" / name / "fold0" for name in ("scratch", "hybrid")
        ],
    }


def _write_cases(results):
    """Write three cases with two predictions each; case b has the median score."""
    cases, geometry = results / "cases" / "covid20", Geometry((4, 8, 8), np.diag([4.0, 4.0, 5.0, 1.0]))
    names = ["case_a", "case_b", "case_c"]
    scan = np.full((4, 8, 8), -800, "float32")
    scan[:, 1:7, 1:7] = 40
    truth = np.zeros((4, 8, 8), "uint8")
    truth[2, 3:5, 3:6] = 1
    for name in names:
        write_volume(cases / "images" / f"{name}.nii.gz", Volume(scan, geometry))
        write_volume(cases / "labels" / f"{name}.nii.gz", Volume(truth, geometry))
        for model in ("scratch", "hybrid"):
            predicted = np.roll(truth, 1, axis=2)
            write_volume(
                results / "predictions" / model / "fold0" / "covid20" / f"{name}.nii.gz",
                Volume(predicted, geometry),
            )
    write_csv(cases / "cases.csv", pd.DataFrame({"case": names, "voxels_infection": 6}))
    scores = [
        row | {"case": name, "patient": name, "paper": "toy", "strategy": model, "source": "none"}
        for model, value in (("scratch", 0.1), ("hybrid", 0.2))
        for name, more in zip(names, (0.6, 0.3, 0.0), strict=True)
        for row in rows_of(model, [value + more])
    ]
    write_csv(results / "scores.csv", pd.DataFrame(scores))
    return cases


def _parameters():
    columns = {"From scratch": "scratch", f"Hybrid {HOSTILE}": "hybrid"}
    entry = {
        "columns": columns,
        "truth": "covid20",
        "regions": ["infection"],
        "split": "test",
        "fold": 0,
    }
    shown = {
        title: {"infection": {"experiment": name, "dataset": "covid20", "class": 1}}
        for title, name in columns.items()
    }
    dataset = {"regions": {1: "infection"}, "intensity": {"*": "hounsfield"}}
    choice = {"file": "paper.yaml", "line": 7, "key": HOSTILE, "value": HOSTILE, "here": "1", "text": HOSTILE}
    return {
        "papers": {"toy": {"tables": 1, "figures": 2, "models": 3}},
        "places": {"toy": {"Table 3": "navigation"}},
        "models": 3,
        "confidence": 0.95,
        "choices": [choice | {"marks": ["ours"]}],
        "pictures": {"entry": entry, "shown": shown, "dataset": dataset, "window": [-1250, 250]},
    }


def _write_provenance(made):
    found = {"configuration": {"name": HOSTILE}, "written": "today", "commit": {"id": "0123456789abcdef"}}
    tables = {"Run": pd.DataFrame({"What": [HOSTILE], "Value": [None]})}
    licences = made.folder.parent / "licences.csv"
    row = {"dataset": "x", "title": HOSTILE, "licence": HOSTILE, "citation": HOSTILE, "used": "phantom"}
    pd.DataFrame([row | {"homepage": "javascript:alert(1)"}]).to_csv(licences, index=False)
    write_provenance_page(made, found, tables, licences)


def test_every_link_leads_somewhere(site):
    assert broken_links(site) == []


def test_no_name_becomes_markup_and_no_page_may_load_from_a_network(site):
    for path in site.rglob("*.html"):
        text = path.read_text()
        assert "<img src=x" not in text, path
        assert 'href="javascript:' not in text, path
        assert re.search(r'Content-Security-Policy" content="default-src &#39;none&#39;', text), path
        assert not re.search(r'(src|href)="https?:(?!//\S+" rel="noreferrer")', text), path


def test_the_start_page_prints_the_numbers_of_the_claims_and_counts_their_verdicts(site):
    text = " ".join((site / "index.html").read_text().split())
    assert "of 4 claims" in text
    assert 'aria-label="Published +3.1, ours −2.5, interval −4.2 to −0.3"' in text
    assert "+0.04" in text, "rounding to one digit would lose the sign"
    assert "91.0" in text
    assert "Nobody measured it." in text
    assert 'aria-label="2 hold, 1 do not hold, 1 cannot be told"' in text


def test_a_claim_leads_to_its_table_on_the_page_of_the_paper(site):
    assert 'href="papers/toy/index.html#navigation"' in (site / "index.html").read_text()


def test_the_pictures_show_the_case_with_the_median_score_and_its_errors(site):
    text = (site / "index.html").read_text()
    assert "case_b, fold 0" in text
    assert "cases/covid20/case_b.html" in text
    assert re.findall(r"<b>DSC (0\.\d\d)</b>", text) == ["0.40", "0.50"]
    assert len(list((site / "front").glob("*.png"))) == 4


@pytest.mark.slow
def test_every_page_of_the_small_site_works_in_a_browser(chromium, site, tmp_path):
    for page in ("index.html", "papers/index.html", "choices.html", "errata.html", "provenance.html"):
        faults = faults_of(chromium, site / page, tmp_path / page.replace("/", "-"))
        assert faults == [], page


def test_the_search_finds_by_keyboard_and_ranks_the_exact_name_first(chromium, site):
    with opened(chromium, site / "index.html") as (page, complaints):
        page.keyboard.press("/")
        page.keyboard.type("table 1")
        titles = page.locator("#found a").all_inner_texts()
        assert titles[0].startswith("Table 1 of toy")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.textContent").startswith("Table 10")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        assert page.evaluate("document.activeElement.id") == "search"
        page.keyboard.press("Escape")
        assert not page.locator("#found").is_visible()
        page.locator("#search").fill("img src")
        assert HOSTILE in page.locator("#found").inner_text()
        page.locator("#search").fill("img case")
        with page.expect_navigation():
            page.locator("#search").press("Enter")
        assert page.url.endswith("cases/covid20/case_b.html")
        assert complaints == []


def test_the_filter_hides_claims_and_a_link_to_a_claim_opens_it(chromium, site):
    with opened(chromium, site / "index.html") as (page, complaints):
        page.get_by_role("button", name="Does not").click()
        assert page.locator(".claim:visible").count() == 1
        assert page.get_by_role("button", name="Does not").get_attribute("aria-pressed") == "true"
        page.get_by_role("button", name="All").click()
        assert page.locator(".claim:visible").count() == 3
        assert complaints == []
    with opened(chromium, f"{site / 'index.html'}#toy-four") as (page, _):
        assert page.locator("#toy-four .claim-more").is_visible()


def test_the_theme_stays_on_the_next_page_and_the_banner_has_the_commit(chromium, site):
    with opened(chromium, site / "index.html") as (page, _):
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_role("button", name="Light or dark").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
        page.get_by_role("link", name="What is ours", exact=True).click()
        page.wait_for_load_state()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
        assert page.locator(".banner .commit").inner_text() == "commit 0123456"


def test_on_a_phone_menu_and_search_stand_behind_buttons(chromium, site):
    with opened(chromium, site / "index.html", width=390) as (page, _):
        assert not page.locator("nav#navigation").is_visible()
        page.get_by_role("button", name="Menu").click()
        assert page.locator("nav#navigation").is_visible()
        page.get_by_role("button", name="Search").click()
        assert page.evaluate("document.activeElement.id") == "search"
