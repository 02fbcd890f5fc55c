"""The numbers that judge the papers' claims: ours, their intervals, and the verdict on each comparison."""

import json
from math import isnan, nan

import numpy as np
import pytest

from claim_scores import BETTER, EIGHT, WORSE, cell, comparison, evidence_of, rows_of
from covidseg.evaluation.counts import write_counts
from covidseg.evaluation.verdicts import FAILS, HOLDS, UNTOLD
from covidseg.paper.claims import describe, judge_comparison
from covidseg.paper.measured import measure
from covidseg.paper.tables import NOT_RUN
from covidseg.weak.evaluation import count_pixels

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
