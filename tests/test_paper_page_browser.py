"""The page of a made-up paper in a real browser: it sorts, filters, opens rows and figures, and shows names as text."""

import re

import pytest

from paper_page import FOLDS, build_page
from site_browser import HOSTILE, faults_of, opened

PAGE = "papers/wang2021/index.html"
MEANS = ["0.400", "0.500", "0.200", "–"]  # printed order: from scratch, Continual Learning, own, not run


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return build_page(tmp_path_factory.mktemp("site"))


def expect_means(page, means):
    """Wait until our means of DSC stand in Table 1 in this order: DataTables sorts after the click, not in it."""
    expect = pytest.importorskip("playwright.sync_api").expect
    cells = page.locator("#table1-rows tr[data-key] td.measure-0 .value")
    expect(cells).to_have_text([mean.replace("–", "not run") for mean in means])


def head(page, text):
    return page.locator("#table1-rows thead th[scope=col]", has_text=text)


@pytest.mark.slow
def test_the_page_has_no_fault(chromium, site, tmp_path):
    assert faults_of(chromium, site[0] / PAGE, tmp_path) == []


def test_a_column_sorts_and_the_third_click_restores_the_printed_order(chromium, site):
    with opened(chromium, site[0] / PAGE) as (page, complaints):
        expect_means(page, MEANS)
        assert page.locator("#table1-rows .dtrg-group").count() == 4
        head(page, "DSC").click()
        expect_means(page, ["0.500", "0.400", "0.200", "–"])
        assert head(page, "DSC").get_attribute("aria-sort") == "descending"
        assert page.locator("#table1-rows .dtrg-group").count() == 0  # blocks dissolve
        assert page.locator("#table1-rows .strategy").first.is_visible()  # and each row names its strategy
        head(page, "DSC").click()
        expect_means(page, ["0.200", "0.400", "0.500", "–"])
        head(page, "DSC").click()
        expect_means(page, MEANS)
        assert page.locator("#table1-rows .dtrg-group").count() == 4
        assert not page.locator("#table1-rows .strategy").first.is_visible()
        assert complaints == []


def test_a_table_of_words_sorts_its_numbers_as_numbers(chromium, site):
    expect = pytest.importorskip("playwright.sync_api").expect
    with opened(chromium, site[0] / PAGE) as (page, _):
        column = page.locator("#parameters-rows tbody td:last-child")
        assert column.all_inner_texts() == ["9", "1 234 567", "10"]
        page.locator("#parameters-rows th", has_text="Parameters").click()
        expect(column).to_have_text(["9", "10", "1 234 567"])


def test_chips_hide_strategies_and_sources(chromium, site):
    with opened(chromium, site[0] / PAGE) as (page, _):
        chip = page.locator("#table1 .chip[data-kind=strategy]", has_text="Continual Learning")
        chip.click()
        expect_means(page, ["0.400", "0.200", "–"])
        assert chip.get_attribute("aria-pressed") == "false"
        page.locator("#table1 .chip[data-kind=source]", has_text="no source").click()
        expect_means(page, ["0.200", "–"])
        chip.click()
        expect_means(page, ["0.500", "0.200", "–"])


def test_a_row_opens_with_folds_patients_and_files(chromium, site):
    with opened(chromium, site[0] / PAGE) as (page, complaints):
        assert page.locator("#table1-rows .open").count() == 3  # none in the row that is not run
        button = page.locator("#table1-rows .open").nth(1)
        button.click()
        assert button.get_attribute("aria-expanded") == "true"
        row = page.locator("#table1-rows .open-row")
        assert row.locator(".folds tbody tr").count() == FOLDS
        assert row.locator(".folds tbody tr").first.inner_text().split() == (
            ["Fold", "0", "0.400", "0.696", "0.400", "0.725"]  # published: Table 1 of wang2021
        )
        links = [link.get_attribute("href") for link in row.locator("svg.patients a").all()]
        assert len(links) == 3
        assert links[-1] == "../../cases/covid20/p1.html#a=continual-msd/fold0&b=scratch/fold0"
        files = [link.get_attribute("href") for link in row.locator(".origin a").all()]
        assert "../../trainings/files/continual-msd/fold1/log.csv" in files
        assert "../../trainings/files/continual-msd/fold1/model.json" in files
        assert (site[0] / "papers" / "wang2021" / files[-1]).is_file()
        assert "+10.0 points of DSC" in row.inner_text()
        button.click()
        assert row.count() == 0
        assert complaints == []


def test_a_figure_opens_in_full_size_and_closes(chromium, site):
    with opened(chromium, site[0] / PAGE) as (page, complaints):
        page.locator("#figure2 .picture").click()
        dialog = page.locator("#figure2-large")
        assert dialog.is_visible()
        assert dialog.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        page.keyboard.press("Escape")
        assert not dialog.is_visible()
        assert complaints == []


def test_a_phone_shows_a_measure_at_a_time(chromium, site):
    with opened(chromium, site[0] / PAGE, width=400) as (page, _):
        assert head(page, "DSC").is_visible()
        assert head(page, "NSD").count() == 0
        page.locator("#table1 .phone-only button", has_text="NSD").click()
        assert head(page, "NSD").is_visible()
        assert head(page, "DSC").count() == 0
        page.set_viewport_size({"width": 1200, "height": 900})
        page.wait_for_timeout(100)
        assert head(page, "DSC").is_visible()
        assert head(page, "NSD").is_visible()


def test_names_are_text_and_files_lie_beside_the_page(site):
    folder, entries = site
    text = (folder / PAGE).read_text()
    assert "<img src=x" not in text
    assert HOSTILE.replace("<", "&lt;").replace(">", "&gt;") in text
    files = folder / "papers" / "wang2021" / "files"
    linked = set(re.findall(r'href="files/([^"]+)"', text))
    assert {"table1.csv", "table1_intervals.csv", "figure2.svg", "figure2.png", "scores/own.csv.gz"} <= linked
    assert [name for name in linked if not (files / name).is_file()] == []
    assert {
        "title": f"Table 1 of wang2021: Strategies, {HOSTILE}",
        "kind": "table 1",
        "page": f"{PAGE}#table1",
    } in entries
    assert any(entry["kind"] == "strategy" and "Continual Learning" in entry["title"] for entry in entries)


def test_no_difference_to_a_published_number_is_printed_of_phantoms(site):
    text = (site[0] / PAGE).read_text()
    assert "No difference to the published number is printed" in text
    assert "−0.273" not in text  # ours minus published, from scratch: 0.400 - 0.673


def test_a_claim_leads_to_its_table(site):
    assert '<a href="#table1">Where it comes from' in (site[0] / PAGE).read_text()
