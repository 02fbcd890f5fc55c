"""The table of claims: its page in every format, its CSV, and a claim of which not everything is run."""

import html

import pandas as pd
import pytest

from claim_scores import BETTER, EIGHT, WORSE, cell, comparison, evidence_of, rows_of
from conftest import ROOT
from covidseg.config.claims import claim_remarks
from covidseg.evaluation.verdicts import FAILS
from covidseg.paper.artefact import Artefact
from covidseg.paper.claims import judge_claims
from covidseg.paper.claims_table import make, tally
from covidseg.paper.tables import NOT_RUN

CLAIMS = [
    {"name": "one", "section": "4.5", "source": "Table 3", "claim": "A beats B & more.", "most": False,
     "remark": "", "untold": "", "comparisons": [comparison([cell("a")], [cell("b")], printed=0.031)]},
    {"name": "two", "section": "4.5", "source": "Table 3", "claim": "B <beats> both.", "most": False,
     "remark": "The table says otherwise.", "untold": "",
     "comparisons": [comparison([cell("b")], [cell(name)]) for name in ("c", "a")]},
    {"name": "three", "section": "5", "source": "text", "claim": "It is fine.", "most": False, "remark": "",
     "untold": "Nobody measured it.", "comparisons": []},
    {"name": "four", "section": "5", "source": "text", "claim": "D beats A.", "most": False, "remark": "",
     "untold": "", "comparisons": [comparison([cell("d", runs=False, left_out="structseg")], [cell("a")])]},
]  # fmt: skip


@pytest.fixture(params=[True, False], ids=["phantom", "papers"])
def page(request, tmp_path):
    """Return the texts of a small table of claims by suffix, its CSV, and whether the data are a phantom."""
    varied = [value + change for value, change in zip(EIGHT, [0.06, 0.14] * 4, strict=True)]
    scores = pd.DataFrame([*rows_of("a", varied), *rows_of("b", EIGHT), *rows_of("c", WORSE)])
    scores.to_csv(tmp_path / "scores.csv", index=False)
    parameters = {
        "claims": CLAIMS,
        "bootstrap": 500,
        "confidence": 0.95,
        "seed": 1,
        "threshold_range": [0.1, 0.4],
    }
    inputs = {"scores": [tmp_path / "scores.csv"], "published": [ROOT / "config" / "published.csv"]}
    artefact = Artefact(
        base=tmp_path / "claims",
        paper="wang2021",
        entry={"kind": "claims", "title": "Claims", "claims": "wang2021"},
        config_name="toy",
        remarks=["One patient is everywhere."],
        inputs=inputs | {"models": [], "logs": [], "pixels": []},
        parameters=parameters | {"phantom": request.param, "remarks": claim_remarks(CLAIMS, "toy")},
    )
    make(artefact)
    texts = {suffix: (tmp_path / f"claims.{suffix}").read_text() for suffix in ("md", "tex", "html")}
    return texts, pd.read_csv(tmp_path / "claims.csv"), request.param


def test_the_page_counts_the_verdicts_and_prints_the_rule(page):
    texts, _, phantom = page
    for text in map(html.unescape, texts.values()):
        assert "4 claims: 1 holds, 1 does not hold, 1 cannot be told, 1 not run." in text
        assert "How a verdict is reached." in text
        assert "are not corrected for the number of claims" in text
        assert ("every verdict is the phantom's" in text) == phantom
        assert "One patient is everywhere." in text
    assert "## Section 4.5, 2 claims: 1 holds, 1 does not hold" in texts["md"]
    assert '<td class="long">B &lt;beats&gt; both.' in texts["html"]
    assert r"A beats B \& more." in texts["tex"]
    assert texts["tex"].count("How a verdict is reached.") == 1
    assert texts["tex"].count("Configuration: toy.") == 1, "a caption is short"


def test_every_verdict_says_that_it_is_the_phantom_s(page):
    texts, table, phantom = page
    mark = " (phantom)" if phantom else ""
    assert table.claim_verdict.tolist() == [
        f"holds{mark}", *[f"does not hold{mark}"] * 2, f"cannot be told{mark}", "not run",
    ]  # fmt: skip
    assert table.verdict.tolist()[1:3] == [f"holds{mark}", f"does not hold{mark}"]
    assert f"| holds{mark} " in texts["md"]
    assert texts["md"].count("(phantom)") == (3 if phantom else 0)


def test_a_line_shows_numbers_in_points_and_the_weakest_comparison(page):
    texts, table, _ = page
    lines = {
        line.split("|")[2].strip()[:6]: line for line in texts["md"].splitlines() if line.startswith("|")
    }
    cells = [text.strip() for text in lines["A beat"].split("|")]
    assert (cells[5], cells[6], cells[8]) == ("+3.1", "+10.0", "8")
    low, high = map(float, cells[7].split(" to "))
    assert 6 <= low < 9 < 11 < high <= 14
    two = lines["B \\<be"]
    assert "B minus A: DSC of infection (test) (weakest of 2 comparisons, 1 hold)" in two
    assert "Remark: The table says otherwise." in two
    assert "Cannot be told: Nobody measured it." in lines["It is "]
    assert "Not run: d needs structseg." in lines["D beat"]
    assert "\nNot run, as configuration toy is without structseg: D.\n" in texts["md"]
    assert table.shown.tolist() == [True, False, True, True, True]


def test_the_csv_has_what_a_site_of_the_results_needs(page):
    _, table, _ = page
    needed = {"claim", "section", "source", "sentence", "metric", "a", "b", "side", "published", "ours"}
    assert needed | {"low", "high", "n", "verdict", "claim_verdict", "reason"} <= set(table.columns)


def test_a_claim_that_lacks_a_comparison_is_not_run_unless_another_one_refutes_it():
    idle = comparison([cell("a", runs=False, left_out="x")], [cell("b")])
    scores = evidence_of(rows_of("a", BETTER), rows_of("b", EIGHT))
    for other, verdict in ((([cell("a")], [cell("b")]), NOT_RUN), (([cell("b")], [cell("a")]), FAILS)):
        claim = CLAIMS[0] | {"comparisons": [idle, comparison(*other)]}
        rows = judge_claims([claim], scores, {})
        assert set(rows.claim_verdict) == {verdict}
    assert tally(rows) == "1 claim: 1 does not hold"
