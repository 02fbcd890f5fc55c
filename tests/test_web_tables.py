"""Tables as web pages, in a real browser: nothing runs, nothing is loaded, and only tables scroll."""

import re
from html.parser import HTMLParser

import pytest

from conftest import ROOT
from covidseg.paper.errata import errata_html
from covidseg.paper.web import Links, general_links, links_of, write_html, write_text_page
from hostile import NAMES, SCRIPT, SIGNS, tables
from site_browser import opened

ERRATA = (ROOT / "config" / "published_errata.md").read_text(encoding="utf-8")


@pytest.fixture
def hostile(tmp_path):
    links = Links({"": SCRIPT, "b.html": SIGNS}, [SCRIPT])
    text = write_html(f"Title {SCRIPT}", [f"Above {SCRIPT}", f"Below {SIGNS}"], tables(), links)
    (tmp_path / "a.html").write_text(text, encoding="utf-8")
    return tmp_path / "a.html"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_names_are_shown_as_they_are_and_only_tables_scroll(chromium, hostile, width, dark):
    with opened(chromium, hostile, width=width, dark=dark) as (page, complaints):
        assert complaints == []
        assert page.locator("img, script").count() == 0
        names = page.locator("table").first.locator("tbody th").all_inner_texts()
        shown = [name.replace("L_rc^G+L_rc^T", "LrcG+LrcT") for name in NAMES]  # with its indices
        assert [name.split() for name in names] == [name.split() for name in shown]
        assert page.locator("tbody th sup").first.all_inner_texts() == ["G"]
        assert page.locator("td a").first.get_attribute("href").startswith("https://www.example.org/")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        table = page.locator(".scroll").first
        assert table.evaluate("element => element.scrollWidth > element.clientWidth")
        table.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(300)
        assert table.evaluate("element => element.scrollLeft") > 0
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(19, 22, 26)" if dark else "rgb(251, 250, 247)")


def test_a_page_that_is_changed_loads_and_runs_nothing(chromium, hostile):
    """The policy holds even where a name were not escaped."""
    injected = "<script>alert(1)</script><img src=x onerror=alert(1)></main>"
    hostile.write_text(hostile.read_text().replace("</main>", injected))
    with opened(chromium, hostile) as (_, complaints):
        assert any("Content Security Policy" in complaint for complaint in complaints)
        assert not any(complaint.startswith("dialog") for complaint in complaints)


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_an_accessibility_checker_finds_nothing(chromium, hostile, tmp_path, dark):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    errata = write_text_page("Misprints", errata_html(ERRATA), general_links("errata.html"))
    (tmp_path / "errata.html").write_text(errata, encoding="utf-8")
    for path in (hostile, tmp_path / "errata.html"):
        path.write_text(re.sub(r"<meta http-equiv.*?>", "", path.read_text()))  # the checker is a script
        with opened(chromium, path, width=1400, dark=dark) as (page, _):
            assert [found["id"] for found in axe.run(page).response["violations"]] == []


def test_a_table_links_to_the_site_its_paper_and_the_other_tables():
    links = links_of(
        "wang2021", "table1", {"claims": "Claims", "table1": "Table 1"}, ["table1.csv", "table1.html"]
    )
    assert links.pages == {
        "../../report/index.html": "Site of the results",
        "../../report/papers/wang2021/index.html": "All of wang2021",
        "claims.html": "Claims",
        "": "Table 1",
        "../licences.html": "Licences",
        "../errata.html": "Misprints",
        "../provenance.html": "Provenance",
    }
    assert links.files == ["table1.csv"]


class Text(HTMLParser):
    """The text of a page."""

    def __init__(self, page):
        super().__init__()
        self.text = ""
        self.feed(page)

    def handle_data(self, data):
        self.text += data


def test_formulas_of_the_misprints_stand_as_written():
    html = errata_html(ERRATA)
    assert "var = (15*sum s_i^2 + 16*sum (m_i-m)^2)/79" in html
    assert "<em>" not in html
    text = Text(html).text
    formulas = re.findall(r"\S*[*_^]\S*", ERRATA)
    assert len(formulas) > 10
    assert [formula for formula in formulas if formula.strip("`") not in text] == []
    assert errata_html("<img src=x onerror=alert(1)>\n\n*a* __b__") == (
        "<p>&lt;img src=x onerror=alert(1)&gt;</p>\n<p>*a* __b__</p>\n"
    )


def test_the_misprints_name_no_file_that_the_repository_lacks():
    names = set(re.findall(r"[\w/.-]+\.(?:py|csv|md|yaml|json|txt|pdf)\b", ERRATA))
    assert names == {"config/published.csv"}
    assert all((ROOT / name).exists() for name in names)
    assert "seed" not in ERRATA
    assert "shared" not in ERRATA.replace("291 shared pairs", "").replace("72 shared cells", "")
