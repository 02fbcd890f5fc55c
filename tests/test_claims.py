"""The papers' claims: the rule of the verdicts, the numbers that judge them, and the list of claims itself."""

import html
import json
import re
from dataclasses import replace
from math import isnan, nan
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import ROOT
from covidseg.config.claims import check_claims, claim_inputs, claim_parameters, claim_remarks
from covidseg.config.entries import ClaimEntry, ComparisonEntry, SideEntry
from covidseg.config.kinds import KINDS
from covidseg.config.loading import load_configuration
from covidseg.config.schemas import check_schema, read_schema
from covidseg.config.series import Series
from covidseg.errors import InputError
from covidseg.evaluation.counts import write_counts
from covidseg.evaluation.statistics import Interval, mean_sample
from covidseg.evaluation.verdicts import FAILS, HOLDS, UNTOLD, judge, overall, range_interval
from covidseg.paper.artefact import Artefact
from covidseg.paper.claims import describe, judge_claims, judge_comparison
from covidseg.paper.claims_table import make, tally
from covidseg.paper.measured import Evidence, measure, published_number, read_numbers
from covidseg.paper.tables import NOT_RUN
from covidseg.paper.uncertainty import Bootstrap
from covidseg.weak.evaluation import count_pixels

SCHEMA = ROOT / "config" / "schemas" / "claims.schema.yaml"
BOOTSTRAP = Bootstrap(resamples=500, confidence=0.95, seed=1, pixels={}, limits=(0.1, 0.4))
PAPERS = ("wang2021", "wang2020", "zhang2021", "ma2021", "yang2021")


# --- The rule ---


@pytest.mark.parametrize(
    ("low", "high", "above", "below", "verdict"),
    [
        (0.01, 0.05, 0, None, HOLDS),
        (-0.05, -0.01, 0, None, FAILS),
        (-0.01, 0.05, 0, None, UNTOLD),
        (-0.05, -0.01, None, 0, HOLDS),
        (0.01, 0.05, None, 0, FAILS),
        (0, 0.05, 0, None, UNTOLD),  # an end on the limit
        (0.72, 0.8, 0.7, None, HOLDS),
        (-0.01, 0.015, -0.02, 0.02, HOLDS),
        (0.03, 0.05, -0.02, 0.02, FAILS),
        (-0.05, -0.03, -0.02, 0.02, FAILS),
        (0.01, 0.05, -0.02, 0.02, UNTOLD),
        (nan, nan, 0, None, UNTOLD),
        (0.45, 0.45, 0.4, 0.5, HOLDS),  # a number without uncertainty
    ],
)
def test_the_side_of_the_whole_interval_decides(low, high, above, below, verdict):
    assert judge(Interval(0.02, low, high, 20), above, below) == verdict


@pytest.mark.parametrize(
    ("verdicts", "of_all", "of_most"),
    [
        ([HOLDS, HOLDS, HOLDS], HOLDS, HOLDS),
        ([HOLDS, HOLDS, UNTOLD], UNTOLD, HOLDS),
        ([HOLDS, HOLDS, FAILS], FAILS, HOLDS),
        ([HOLDS, UNTOLD, FAILS], FAILS, UNTOLD),
        ([HOLDS, FAILS, FAILS], FAILS, FAILS),
        ([HOLDS, HOLDS, FAILS, FAILS], FAILS, FAILS),  # more than half cannot be reached
        ([UNTOLD], UNTOLD, UNTOLD),
    ],
)
def test_a_claim_about_several_comparisons(verdicts, of_all, of_most):
    assert overall(verdicts) == of_all
    assert overall(verdicts, most=True) == of_most


def sample(values):
    """A statistic of patients a, b, c, ...: the mean of their values."""
    return mean_sample(pd.DataFrame({"patient": list("abcdefgh")[: len(values)], "value": values}))


def test_ranges_of_means():
    """Patients without variance, so that every draw has the means 0.2, 0.5, 0.3 and 0.4, 0.45."""
    a, b = ([sample([mean] * 8) for mean in means] for means in ((0.2, 0.5, 0.3), (0.4, 0.45)))
    assert range_interval(a, [], paired=True, resampling=BOOTSTRAP) == pytest.approx((0.3, 0.3, 0.3, 8))
    assert range_interval(a, b, paired=True, resampling=BOOTSTRAP) == pytest.approx((0.25, 0.25, 0.25, 8))


def test_a_range_over_folds_draws_a_patient_in_every_fold_at_once():
    """Patient a is only in the first fold: it does not count as 0 in the second."""
    folds = [sample([0.5] * 8), sample([0.5] * 8).of(pd.Index(list("bcdefgh")))]
    assert range_interval(folds, [], paired=True, resampling=BOOTSTRAP) == pytest.approx((0, 0, 0, 8))


def test_other_patients_are_drawn_apart():
    """The interval of a difference of two groups is wider than that of a difference by patient, which is 0.1."""
    values = np.linspace(0.1, 0.8, 8)
    pair = [sample(values + 0.1)], [sample(values)]
    paired, apart = (range_interval(*pair, paired=paired, resampling=BOOTSTRAP) for paired in (True, False))
    assert paired == pytest.approx((0.1, 0.1, 0.1, 8))
    assert apart.mean == pytest.approx(0.1)
    assert apart.low < -0.1 < 0.3 < apart.high


# --- Our numbers ---


def cell(experiment, metric="DSC", fold="avg", region="infection", split="test", **changes):
    one = Series(experiment, "none", region, split, experiment, **{"folds": 2, **changes})
    return {
        "series": tuple(vars(one).values()),
        "title": experiment.capitalize(),
        "metric": metric,
        "fold": fold,
        "published": [],
    }


def comparison(a, b=(), above=0.0, below=None, printed=None):
    return {"a": list(a), "b": list(b), "above": above, "below": below, "printed": printed}


def rows_of(experiment, values, metric="DSC", fold="0", **place):
    """Rows of scores.csv: one a patient."""
    return [
        {"experiment": experiment, "metric": metric, "fold": fold, "case": f"{number}_scan", "patient": f"p{number}"}
        | {"region": "infection", "split": "test", "value": value, **place}
        for number, value in enumerate(values)
    ]  # fmt: skip


def evidence_of(*rows, files=(), pixels=None):
    table = pd.DataFrame([row for group in rows for row in group])
    bootstrap = replace(BOOTSTRAP, pixels=pixels or {})
    scores = {str(name): part for name, part in table.groupby("experiment")} if len(table) else {}
    return Evidence(scores, list(files), bootstrap)


EIGHT = [0.3, 0.4, 0.5, 0.6, 0.3, 0.4, 0.5, 0.6]
BETTER, WORSE = ([value + change for value in EIGHT] for change in (0.1, -0.1))
MIXED = [value + change for value, change in zip(EIGHT, [0.1, -0.1] * 4, strict=True)]


@pytest.mark.parametrize(
    ("values", "mean", "verdict"), [(BETTER, 0.1, HOLDS), (WORSE, -0.1, FAILS), (MIXED, 0, UNTOLD)]
)
def test_a_difference_by_patient(values, mean, verdict):
    """Every patient differs by 0.1; the second fold repeats the patients and adds none."""
    rows = [rows_of(name, of, fold=fold) for name, of in (("a", values), ("b", EIGHT)) for fold in "01"]
    judged = judge_comparison(comparison([cell("a")], [cell("b")]), evidence_of(*rows), {})
    assert (judged.verdict, judged.n, judged.side) == (verdict, 8, "higher")
    assert judged.ours == pytest.approx(mean)
    assert judged.low <= judged.ours <= judged.high


def test_a_level_is_the_mean_of_the_table():
    interval, _ = measure(comparison([cell("a")], above=0.3), evidence_of(rows_of("a", EIGHT)))
    assert interval.mean == pytest.approx(0.45)
    assert 0.3 < interval.low < 0.45 < interval.high < 0.6


def test_one_fold():
    rows = (
        rows_of("a", BETTER),
        rows_of("a", WORSE, fold="1"),
        rows_of("b", EIGHT),
        rows_of("b", EIGHT, fold="1"),
    )
    pair = comparison([cell("a", fold="1")], [cell("b", fold="1")])
    assert measure(pair, evidence_of(*rows))[0].mean == pytest.approx(-0.1)
    assert describe(pair) == "A in fold 1 minus B in fold 1: DSC of infection (test)"


def test_two_metrics_regions_or_splits_of_the_same_patients_are_paired():
    rows = rows_of("a", BETTER, metric="Sensitivity"), rows_of("a", EIGHT, metric="Precision")
    pair = comparison([cell("a", "Recall")], [cell("a", "Precision")])
    assert measure(pair, evidence_of(*rows))[0] == pytest.approx((0.1, 0.1, 0.1, 8))
    assert describe(pair) == "A, Recall of infection (test) minus A, Precision of infection (test)"


def test_the_held_out_cases_have_two_names_and_other_splits_have_other_patients():
    rows = (
        rows_of("a", BETTER, split="validation"),
        rows_of("b", EIGHT, split="in_domain"),
        rows_of("b", EIGHT),
    )
    held_out = comparison([cell("a", split="validation")], [cell("b", split="in_domain")])
    assert measure(held_out, evidence_of(*rows))[0] == pytest.approx((0.1, 0.1, 0.1, 8))
    apart = comparison([cell("a", split="validation")], [cell("b")])
    interval, _ = measure(apart, evidence_of(*rows))
    assert interval.low < 0 < interval.high


def test_one_split_of_two_data_sets_may_have_other_patients():
    """As in-domain tests on lungs and on effusions of NSCLC, which label different patients."""
    others = [row | {"patient": f"q{number}"} for number, row in enumerate(rows_of("b", EIGHT))]
    interval, reason = measure(
        comparison([cell("a")], [cell("b")]), evidence_of(rows_of("a", BETTER), others)
    )
    assert (interval.mean, interval.n, reason) == (pytest.approx(0.1), 8, "")
    assert interval.low < 0 < interval.high
    undefined = rows_of("b", [*EIGHT[:7], float("nan")])
    interval, _ = measure(comparison([cell("a")], [cell("b")]), evidence_of(rows_of("a", BETTER), undefined))
    assert interval == pytest.approx((0.1, 0.1, 0.1, 7)), "the same patients, one of them without a value"


def test_five_patients_are_too_few_and_none_are_none():
    rows = rows_of("a", BETTER[:5]), rows_of("b", EIGHT[:5])
    judged = judge_comparison(comparison([cell("a")], [cell("b")]), evidence_of(*rows), {})
    assert (judged.verdict, judged.reason) == (UNTOLD, "too few patients: 5")
    assert judged.ours == pytest.approx(0.1)
    assert isnan(judged.low)
    pair = comparison([cell("a", "lesion_F1")], [cell("b", "lesion_F1")])
    judged = judge_comparison(pair, evidence_of(*rows), {})
    assert (judged.verdict, judged.reason) == (UNTOLD, "no scores")


def test_what_is_not_run_says_why():
    pair = comparison([cell("a", runs=False, left_out="structseg")], [cell("b")])
    judged = judge_comparison(pair, evidence_of(rows_of("b", EIGHT)), {})
    assert (judged.verdict, judged.reason) == (NOT_RUN, "a needs structseg")
    assert isnan(judged.n)


def times(experiment, seconds, device="GPU"):
    return [
        row
        for fold, value in enumerate(seconds)
        for row in rows_of(
            experiment, [value], metric="time", fold=str(fold), case=device, patient="", region="", split=""
        )
    ]


@pytest.mark.parametrize(
    ("seconds", "device", "expected", "verdict", "reason"),
    [
        ([6, 9], "GPU", (-0.25, -0.4, -0.1), HOLDS, ""),
        ([9, 11], "GPU", (0, -0.1, 0.1), UNTOLD, "the interval lies on both sides of a limit"),
        ([12, 13], "GPU", (0.25, 0.2, 0.3), FAILS, ""),
        ([6, 9], "CPU", (nan, nan, nan), UNTOLD, "timed on different devices"),
        ([], "", (nan, nan, nan), UNTOLD, "not timed"),
    ],
)
def test_seconds_are_compared_relatively_and_by_fold(seconds, device, expected, verdict, reason):
    """Against 10 s in both folds; means 7.5, 10 and 12.5 s."""
    rows = times("a", seconds, device) or rows_of("a", EIGHT)
    pair = comparison([cell("a", "time")], [cell("b", "time")], None, 0.0)
    judged = judge_comparison(pair, evidence_of(rows, times("b", [10, 10])), {})
    assert (judged.ours, judged.low, judged.high) == pytest.approx(expected, nan_ok=True)
    assert (judged.verdict, judged.reason) == (verdict, reason)
    assert isnan(judged.n), "no patients"


def test_the_frozen_share_of_the_parameters(tmp_path):
    part = {"loaded": 0, "new": 0}
    parameters = {
        "encoder": {"trained": 0, "frozen": 45} | part,
        "decoder": {"trained": 55, "frozen": 0} | part,
    }
    path = tmp_path / "a" / "fold0" / "model.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"parameters": parameters}))
    judged = judge_comparison(
        comparison([cell("a", "frozen_share")], (), 0.4, 0.5), evidence_of(files=[path]), {}
    )
    assert (judged.ours, judged.verdict, judged.side) == (0.45, HOLDS, "within")
    path.write_text("{}")
    frozen = comparison([cell("a", "frozen_share")], (), 0.4, 0.5)
    assert measure(frozen, evidence_of(files=[path]))[1] == "model.json lacks the numbers of parameters"


def test_relations_change_from_the_first_to_the_last_epoch(tmp_path):
    paths = [tmp_path / "a" / f"fold{fold}" / "log.csv" for fold in range(2)]
    for path, last in zip(paths, (0.4, 0.6), strict=True):
        path.parent.mkdir(parents=True)
        path.write_text(f"epoch,general_difference\n0,0.8\n1,2.0\n2,{last}\n")
    changed = comparison([cell("a", "general_difference")], (), None, 0.0)
    judged = judge_comparison(changed, evidence_of(files=paths), {})
    assert (judged.ours, judged.low, judged.high) == pytest.approx((-0.375, -0.5, -0.25))
    assert judged.verdict == HOLDS


def test_a_metric_over_all_slices_is_resampled_by_patient(tmp_path):
    """Slices of two pixels, one with lesion: `a` marks it (area 1), `b` marks the other one (area 1/4)."""
    masks = np.tile(np.array([[[True, False]]]), (8, 1, 1))
    heat = {"a": np.where(masks, 900, 0), "b": np.where(masks, 0, 900)}
    place = {"metric": "AUPRC", "region": "lesion", "split": "s", "case": "all", "patient": ""}
    for name, values in heat.items():
        counts = count_pixels(values.astype(np.uint16), masks)
        write_counts(tmp_path / f"{name}.npz", {"s": (counts, [f"p{number}" for number in range(8)])})
    rows = [row for name in heat for row in rows_of(name, [0.5], **place)]
    sides = [[cell(name, "AUPRC", region="lesion", split="s")] for name in heat]
    pixels = {name: tmp_path / f"{name}.npz" for name in heat}
    interval, _ = measure(comparison(*sides), evidence_of(rows, pixels=pixels))
    assert interval == pytest.approx((0.75, 0.75, 0.75, 8))


# --- The list of claims ---


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
    with pytest.raises(InputError, match=message) as raised:
        load_changed(config, change)
    assert "\n" not in str(raised.value)


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


# --- The page ---


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
    assert '<div class="sentence">B &lt;beats&gt; both.' in texts["html"]
    assert r"A beats B \& more." in texts["tex"]
    assert texts["tex"].count("How a verdict is reached.") == 1
    assert texts["tex"].count("Configuration: toy.") == 2, "in the caption of each table"


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
    two = lines["B <bea"]
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


def test_without_structseg_its_claims_are_not_run(papers_sheets):
    path = ROOT / "config" / "public.yaml"
    public = load_configuration(yaml.safe_load(path.read_text()), str(path), papers_sheets)
    claims = {claim["name"]: claim for claim in claim_parameters(public, "wang2021")}
    judged = judge_comparison(claims["single-sources-frozen"]["comparisons"][0], evidence_of(), {})
    assert (judged.verdict, judged.reason) == (NOT_RUN, "lesion-representations-structseg needs structseg")
