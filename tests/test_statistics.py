"""Means and intervals: by hand, against draws that are written out, and in simulations."""

import math

import numpy as np
import pandas as pd
import pytest

from covidseg.evaluation.statistics import (
    Resampling,
    Sample,
    draw_patients,
    mean_sample,
    paired_interval,
    patient_means,
    percentile_interval,
    sample_interval,
    summarise,
)

BOOTSTRAP = Resampling(resamples=2000, confidence=0.95, seed=1)


def patient_interval(scores, resampling):
    """The mean over all values and its interval, as the tables print them."""
    return sample_interval(mean_sample(scores), resampling)


def test_summary_uses_the_sample_deviation():
    mean, std, count = summarise(pd.Series([0.2, 0.4, math.nan, 0.9]))
    assert mean == pytest.approx(0.5)
    assert std == pytest.approx(math.sqrt((0.09 + 0.01 + 0.16) / 2))
    assert count == 3


def scores_of(values):
    """Return rows of scores: (patient, case, fold) -> value."""
    return pd.DataFrame(
        [(*key, value) for key, value in values.items()], columns=["patient", "case", "fold", "value"]
    )


SCORES = scores_of(
    {
        ("q", "q_1", "0"): 0.5, ("p", "p_1", "0"): 0.2, ("p", "p_1", "1"): 0.4, ("p", "p_2", "1"): 0.9,
        ("q", "q_1", "1"): math.nan, ("r", "r_1", "0"): math.nan,
    }
)  # fmt: skip


def test_a_patient_s_mean_is_over_folds_and_scans_and_without_undefined_values():
    assert patient_means(SCORES).to_dict() == pytest.approx({"p": 0.5, "q": 0.5})
    found = patient_interval(SCORES, BOOTSTRAP)
    assert found.n == 2, "r has no defined value"
    assert (found.low, found.high) == pytest.approx((0.5, 0.5)), "p and q have a mean of 0.5 each"
    assert found.mean == pytest.approx((0.2 + 0.4 + 0.9 + 0.5) / 4), "every value counts once"


def test_every_draw_has_as_many_patients_as_there_are_and_is_repeated_by_its_seed():
    draws = draw_patients(19, 5000, 1)
    assert (draws.sum(1) == 19).all()
    assert draws.mean(0) == pytest.approx(np.ones(19), abs=0.06)
    assert draws.var() == pytest.approx(1 - 1 / 19, rel=0.03), "binomial: n p (1 - p)"
    assert (draw_patients.__wrapped__(19, 5000, 1) == draws).all()
    assert (draw_patients.__wrapped__(19, 5000, 2) != draws).any()
    with pytest.raises(ValueError, match="read-only"):
        draws[0, 0] = 1  # every model is compared on these draws


def test_a_resample_takes_each_drawn_patient_with_all_values():
    """Against the mean of the rows, written out as often as their patient is drawn."""
    generator = np.random.default_rng(0)
    patients = list("abcdeefff")  # e has two scans, f has three
    scores = pd.DataFrame({"patient": 3 * patients, "value": generator.random(27)})
    names = sorted(set(patients))
    written_out = [
        np.repeat(scores["value"], scores["patient"].map(dict(zip(names, draw, strict=True)))).mean()
        for draw in draw_patients(6, 50, 3)
    ]
    assert mean_sample(scores).resample(50, 3) == pytest.approx(written_out)


def test_the_parts_of_the_patients_are_added_place_by_place():
    """Two patients with counts at three thresholds: the statistic sees the three sums."""
    parts = (np.array([[1.0, 2, 3], [10, 20, 30]]),)
    sample = Sample(pd.Index(["p", "q"]), parts, lambda sums: sums[:, 1] / sums[:, 2])
    assert sample.estimate() == pytest.approx(22 / 33)
    assert sample.of(pd.Index(["q"])).estimate() == pytest.approx(20 / 30)


def test_the_ends_are_the_expanded_percentiles():
    """n = 20: t = 2.0930, times sqrt(20 / 19) = 2.1474, below which lie 1.588 % of the normal distribution."""
    drawn = np.linspace(0, 1, 100001)
    found = percentile_interval(0.5, drawn, n=20, confidence=0.95)
    assert (found.low, found.high) == pytest.approx((0.01588, 1 - 0.01588), abs=1e-5)
    many = percentile_interval(0.5, drawn, n=10**6, confidence=0.95)
    assert (many.low, many.high) == pytest.approx((0.025, 0.975), abs=1e-4)


def test_one_patient_has_a_mean_and_no_interval_and_no_patient_has_neither():
    one = patient_interval(SCORES[SCORES.patient == "p"], BOOTSTRAP)
    assert (one.mean, one.n) == (pytest.approx(0.5), 1)
    none = patient_interval(SCORES[SCORES.patient == "r"], BOOTSTRAP)
    assert none.n == 0
    assert all(math.isnan(end) for end in (one.low, one.high, none.mean, none.low, none.high))


def test_a_paired_difference_is_over_the_patients_that_both_have():
    a = pd.Series({"p": 0.5, "q": 0.7, "r": 0.9, "s": math.nan})
    b = pd.Series({"q": 0.6, "r": 0.5, "p": 0.4, "t": 0.1})
    found = paired_interval(a, b, resampling=BOOTSTRAP)
    assert (found.mean, found.n) == (pytest.approx((0.1 + 0.1 + 0.4) / 3), 3)
    assert (found.low, found.high) == (pytest.approx(0.1), pytest.approx(0.4)), "three patients: the extremes"
    apart = paired_interval(a, pd.Series({"x": 0.1}), resampling=BOOTSTRAP)
    assert apart.n == 0
    assert math.isnan(apart.mean)


FOLDS, PATIENTS, SECOND_SCANS = 5, 20, 3


def simulate(generator, case_effect):
    """Return the scores of 23 cases of 20 patients, each in four of five folds: a case is as hard in every fold."""
    patients = np.r_[0:PATIENTS, 0:SECOND_SCANS]
    effects = case_effect(generator)[patients]
    values = effects[:, None] + generator.uniform(-0.08, 0.08, (len(patients), FOLDS))
    rows = pd.DataFrame({"patient": np.repeat(patients, FOLDS), "value": values.ravel()})
    trains = np.arange(len(patients))[:, None] % FOLDS == np.arange(FOLDS)
    return rows[~trains.ravel()]


@pytest.mark.parametrize(
    ("case_effect", "truth"),
    [
        (lambda generator: generator.normal(0.67, 0.17, PATIENTS), 0.67),
        (lambda generator: generator.beta(3, 1.3, PATIENTS), 3 / 4.3),  # DSC: skewed, with a tail to 0
    ],
    ids=["normal", "skewed"],
)
def test_intervals_of_20_patients_cover_the_truth_as_often_as_they_say(case_effect, truth):
    generator = np.random.default_rng(2020)
    resampling = Resampling(resamples=600, confidence=0.95, seed=1)
    intervals = [patient_interval(simulate(generator, case_effect), resampling) for _ in range(700)]
    covered = np.mean([found.low <= truth <= found.high for found in intervals])
    assert 0.93 <= covered <= 0.97


def test_scores_taken_as_independent_give_intervals_half_as_wide():
    """0.147 wide by patient where 80 scores give 0.078: a patient's scores repeat each other."""
    generator = np.random.default_rng(1)
    patients = pd.DataFrame({"patient": range(20), "value": generator.normal(0.67, 0.16, 20)})
    scores = pd.concat(4 * [patients])
    apart = scores.assign(patient=range(80))
    low, high = (patient_interval(rows, BOOTSTRAP)[1:3] for rows in (scores, apart))
    assert (low[1] - low[0]) / (high[1] - high[0]) == pytest.approx(2, rel=0.15)
