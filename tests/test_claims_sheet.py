"""The sheet of claims: complete, with the papers' numbers, and refused in one line where it is wrong."""

import re
from math import isnan
from pathlib import Path
from typing import get_type_hints

import pandas as pd
import pytest
import yaml

from claim_scores import evidence_of
from conftest import ROOT, refused_in_one_line
from covidseg.config.claims import check_claims, claim_inputs, claim_parameters
from covidseg.config.entries import ClaimEntry, ComparisonEntry, SideEntry
from covidseg.config.kinds import KINDS
from covidseg.config.loading import load_configuration
from covidseg.config.schemas import check_schema, read_schema
from covidseg.config.series import Series
from covidseg.evaluation.statistics import Interval
from covidseg.evaluation.verdicts import HOLDS, judge
from covidseg.paper.claims import describe, judge_comparison
from covidseg.paper.measured import published_number, read_numbers
from covidseg.paper.tables import NOT_RUN

SCHEMA = ROOT / "config" / "schemas" / "claims.schema.yaml"
PAPERS = ("wang2021", "wang2020", "zhang2021", "ma2021", "yang2021")


@pytest.fixture(scope="module")
def listed(config):
    """Paper -> its claims, and what the paper prints."""
    found = {}
    for paper in PAPERS:
        claims = claim_parameters(config, paper)
        found[paper] = claims, read_numbers(ROOT / "config" / "published.csv", paper, claims)
    return found


def test_every_paper_has_its_claims(config, listed):
    assert {paper: len(claims) for paper, (claims, _) in listed.items()} == {
        "wang2021": 31, "wang2020": 30, "zhang2021": 15, "ma2021": 33, "yang2021": 12,
    }  # fmt: skip
    for paper in PAPERS:
        assert config.artefacts[paper]["claims"]["claims"] == paper


def test_the_first_list_of_claims_is_covered_with_its_numbers(listed):
    path = ROOT.parent / "shared" / "reference" / "site" / "claims_first_list.csv"
    if not path.exists():
        pytest.skip(f"no {path}")
    first = pd.read_csv(path, keep_default_na=False)
    assert len(first) == 23
    for row in first[first.a != ""].itertuples():
        claims, published = listed[row.paper]
        numbers = [
            published_number({**one, "printed": None}, published) * (1 if side == (row.a, row.b) else -1)
            for claim in claims
            for one in claim["comparisons"]
            if len(one["b"]) == 1 and one["a"][0]["fold"] == "avg" and one["a"][0]["metric"] == row.metric
            for series in [[Series(*cell["series"]) for cell in one["a"] + one["b"]]]
            for side in [tuple(one.experiment for one in series)]
            if set(side) == {row.a, row.b} and series[0].split == row.split and series[0].region == row.region
        ]
        assert numbers, row
        assert numbers[0] == pytest.approx(float(row.published_difference), abs=1e-6), row


def test_the_numbers_in_the_texts_are_those_of_the_tables_or_have_a_remark(listed):
    """A text may print one digit less than its tables."""
    for paper, (claims, published) in listed.items():
        for claim in claims:
            for one in claim["comparisons"]:
                derived = published_number({**one, "printed": None}, published)
                agrees = one["printed"] is None or abs(one["printed"] - derived) < 0.0011
                assert agrees or claim["remark"], (paper, claim["name"], describe(one), derived)


def test_a_claim_that_the_paper_s_own_tables_contradict_has_a_remark(listed):
    contradicted = set()
    for paper, (claims, published) in listed.items():
        for claim in claims:
            for one in claim["comparisons"]:
                number = published_number({**one, "printed": None}, published)
                exact = Interval(number, number, number, 0)
                on_its_side = judge(exact, one["above"], one["below"]) == HOLDS or isnan(number)
                if not on_its_side and not claim["most"] and one["a"][0]["metric"] != "DSC_lower_bound":
                    contradicted.add((paper, claim["name"]))
                    assert claim["remark"], (paper, claim["name"], describe(one), number)
    assert ("ma2021", "test-drop-lungs") in contradicted
    assert len(contradicted) == 9


def test_limits_of_ours_are_said_to_be_ours(config):
    for claim in (claim for group in config.claims.values() for claim in group.values()):
        entries = claim.get("comparisons", [])
        limits = {abs(entry[key]) for entry in entries for key in ("above", "below") if key in entry}
        ours = {limit for limit in limits - {0} if str(limit) not in claim["claim"]}
        assert ("(ours, " in claim["claim"]) == bool(ours), claim["claim"]


def test_every_claim_has_its_words_and_place(config):
    for claim in (claim for group in config.claims.values() for claim in group.values()):
        assert claim["claim"].endswith(".")
        assert re.fullmatch(r"text|(Table|Figure) \w+", claim["source"])


def load_changed(config, change):
    """Check the claims after a change to a copy of them."""
    claims = yaml.safe_load((ROOT / "config" / "claims.yaml").read_text())
    change(claims)
    check_schema(claims, "claims.yaml", read_schema(SCHEMA))
    artefacts = config.artefacts
    check_claims(claims, artefacts, config.all_experiments, config.datasets, Path("claims.yaml"))


def compare(**keys):
    def change(claims):
        claims["wang2021"]["msd-gain"]["comparisons"] = [{"a": "scratch", "above": 0} | keys]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (compare(a="scrach"), r"claims.yaml: wang2021.msd-gain: unknown experiment 'scrach'; allowed: "),
        (compare(a="continual"), r"unknown experiment 'continual'; allowed: "),
        (compare(metrics=["Dice"]), r"metrics.0: 'Dice'; allowed: DSC, NSD"),
        (compare(regions=["lung"]), r"unknown place of scratch 'lung at test'; allowed: infection at test"),
        (compare(splits=["in_domain"]), r"unknown place of scratch 'infection at in_domain'; allowed: "),
        (compare(folds=[5]), r"unknown fold '5'; allowed: 0, 1, 2, 3, 4"),
        (compare(b={"experiments": ["scratch"], "fold": 1}), r"unknown key 'fold'"),
        (lambda claims: claims["ma2021"]["folds-vary"].pop("comparisons"), r"needs either comparisons or untold"),
        (lambda claims: claims["ma2021"]["folds-vary"].update(untold="x"), r"needs either comparisons or untold"),
        (
            lambda claims: claims["ma2021"]["folds-vary"]["comparisons"][0].pop("above"),
            r"folds-vary: a comparison has no limit; write above, below, or both",
        ),
        (lambda claims: claims.pop("yang2021"), r"artefacts.yaml: claims: unknown paper 'yang2021'; allowed: wang2021"),
        (lambda claims: claims["ma2021"]["folds-vary"].update(claims="x"), r"unknown key 'claims'; allowed: section"),
    ],
)  # fmt: skip
def test_a_wrong_claim_is_refused_in_one_line(config, change, message):
    with refused_in_one_line(message):
        load_changed(config, change)


@pytest.mark.parametrize(
    ("shape", "name"), [(ComparisonEntry, "comparison"), (SideEntry, "side"), (ClaimEntry, "claims")]
)
def test_the_types_have_the_keys_of_the_schema(shape, name):
    schema = read_schema(SCHEMA)["$defs"][name]
    schema = schema["anyOf"][-1] if name == "side" else schema.get("additionalProperties") or schema
    assert set(get_type_hints(shape)) == set(schema["properties"])


def test_the_job_reads_the_files_that_its_claims_need(config):
    assert claim_inputs(config, "wang2021")["models"] == [
        "results/models/lesion-representations-multi/fold0/model.json"
    ]
    assert len(claim_inputs(config, "zhang2021")["logs"]) == 5
    assert "results/curves/va-gan.npz" in claim_inputs(config, "yang2021")["pixels"]
    kind, entry = KINDS["claims"], config.artefacts["zhang2021"]["claims"]
    assert kind.inputs(config, entry)["scores"] == "results/scores.csv"
    assert kind.parameters(config, entry)["phantom"] is True


def test_without_structseg_its_claims_are_not_run(papers_sheets):
    path = ROOT / "config" / "public.yaml"
    public = load_configuration(yaml.safe_load(path.read_text()), str(path), papers_sheets)
    claims = {claim["name"]: claim for claim in claim_parameters(public, "wang2021")}
    judged = judge_comparison(claims["single-sources-frozen"]["comparisons"][0], evidence_of(), {})
    assert (judged.verdict, judged.reason) == (NOT_RUN, "lesion-representations-structseg needs structseg")
