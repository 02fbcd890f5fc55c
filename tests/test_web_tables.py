"""Tables as web pages, in a real browser: nothing runs, nothing is loaded, and only tables scroll."""

import re
import shutil
from html.parser import HTMLParser

import pytest

from conftest import ROOT
from covidseg.paper.errata import errata_html
from covidseg.paper.web import Links, general_links, links_of, write_html, write_text_page
from hostile import NAMES, SCRIPT, SIGNS, tables

ERRATA = (ROOT / "config" / "published_errata.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def hostile(tmp_path):
    links = Links({"": SCRIPT, "b.html": SIGNS}, [SCRIPT])
    text = write_html(f"Title {SCRIPT}", [f"Above {SCRIPT}", f"Below {SIGNS}"], tables(), links)
    (tmp_path / "a.html").write_text(text, encoding="utf-8")
    return tmp_path / "a.html"


def opened(browser, path, width, scheme):
    """Return a page and the list of everything that goes wrong in it."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    faults = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: (faults.append("a script ran"), dialog.dismiss()))
    page.goto(path.as_uri())
    return page, faults


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_names_are_shown_as_they_are_and_only_tables_scroll(browser, hostile, width, scheme):
    page, faults = opened(browser, hostile, width, scheme)
    assert faults == []
    assert page.locator("img, script, b >> text=body").count() == 0
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
    assert ground == {"light": "rgb(251, 250, 247)", "dark": "rgb(19, 22, 26)"}[scheme]


def test_a_page_that_is_changed_loads_and_runs_nothing(browser, hostile):
    """The policy holds even where a name were not escaped."""
    text = hostile.read_text().replace(
        "</main>", "<script>alert(1)</script><img src=x onerror=alert(1)></main>"
    )
    hostile.write_text(text)
    _, faults = opened(browser, hostile, 1400, "light")
    assert any("Content Security Policy" in fault for fault in faults)
    assert "a script ran" not in faults


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_accessibility_checker_finds_nothing(browser, hostile, tmp_path, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    errata = write_text_page("Misprints", errata_html(ERRATA), general_links("errata.html"))
    (tmp_path / "errata.html").write_text(errata, encoding="utf-8")
    for path in (hostile, tmp_path / "errata.html"):
        path.write_text(re.sub(r"<meta http-equiv.*?>", "", path.read_text()))  # the checker is a script
        page, _ = opened(browser, path, 1400, scheme)
        found = axe.run(page).response["violations"]
        assert [one["id"] for one in found] == []


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
