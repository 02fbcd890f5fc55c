"""Tests and rankings of models on the same patients: by hand and against draws that are written out."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from covidseg.evaluation.comparisons import compare_means, compare_samples, holm, paired_tests, rankings
from covidseg.evaluation.statistics import Resampling, draw_patients, mean_sample

BOOTSTRAP = Resampling(resamples=2000, confidence=0.95, seed=1)


def sample(values):
    """Return the mean of values: patient -> value, or a list of values."""
    rows = [(patient, value) for patient, own in values.items() for value in np.atleast_1d(own)]
    return mean_sample(pd.DataFrame(rows, columns=["patient", "value"]))


def test_holm_by_hand():
    """Sorted 0.01, 0.02, 0.03, 0.2: times 4, 3, 2, 1, made monotone."""
    assert holm([0.03, 0.01, 0.2, 0.02]) == pytest.approx([0.06, 0.04, 0.2, 0.06])
    adjusted = holm([0.5, math.nan, 0.9])
    assert adjusted[0] == 1.0
    assert math.isnan(adjusted[1])
    assert adjusted[2] == 1.0


def test_wilcoxon_by_hand():
    index = pd.Index(range(8))
    better = pd.Series(np.linspace(0.5, 0.9, 8), index)
    found = compare_means(better, better - np.linspace(0.01, 0.05, 8), resampling=BOOTSTRAP)
    assert (found.n, found.test) == (8, "Wilcoxon")
    assert (found.difference, found.median_difference) == pytest.approx((0.03, 0.03))
    assert found.low < 0.03 < found.high
    assert found.p == pytest.approx(2 / 2**8), "all eight differences positive, two-sided and exact"
    assert math.isnan(compare_means(better, better, resampling=BOOTSTRAP).p)


def test_every_two_models_are_compared_and_corrected_together():
    generator = np.random.default_rng(0)
    models = {name: pd.Series(generator.random(12)) for name in "abc"}
    rows = paired_tests(models, partial(compare_means, resampling=BOOTSTRAP))
    assert [(row["a"], row["b"]) for row in rows] == [("a", "b"), ("a", "c"), ("b", "c")]
    expected = [float(stats.wilcoxon(models[row["a"]], models[row["b"]]).pvalue) for row in rows]
    assert [row["p"] for row in rows] == pytest.approx(expected)
    assert [row["p_holm"] for row in rows] == pytest.approx(holm(expected))


def test_a_statistic_of_all_patients_is_compared_on_the_same_draws():
    """Against the draws written out; `z` is in one model only and is left out."""
    generator = np.random.default_rng(0)
    a, b = ({name: generator.random() for name in "pqrstu"} for _ in "ab")
    found = compare_samples(sample(a | {"z": 5}), sample(b), resampling=BOOTSTRAP)
    difference = np.array(list(a.values())) - np.array(list(b.values()))
    drawn = draw_patients(6, 2000, 1) @ difference / 6
    assert (found.n, found.difference) == (6, pytest.approx(difference.mean()))
    extreme = np.sum(abs(drawn - difference.mean()) >= abs(difference.mean()))
    assert found.p == pytest.approx((1 + extreme) / 2001)
    assert math.isnan(found.median_difference)
    assert math.isnan(compare_samples(sample(a), sample(a), resampling=BOOTSTRAP).p)


def test_the_bootstrap_test_rejects_true_hypotheses_about_as_often_as_it_says():
    generator = np.random.default_rng(5)
    effects = generator.normal(0, 0.2, (200, 20))
    p_values = [
        compare_samples(
            sample(dict(enumerate(hard + generator.normal(0, 0.05, 20)))),
            sample(dict(enumerate(hard + generator.normal(0, 0.05, 20)))),
            resampling=replace(BOOTSTRAP, resamples=500),
        ).p
        for hard in effects
    ]
    assert 0.02 <= np.mean(np.array(p_values) <= 0.05) <= 0.1


def test_ranks_by_hand():
    """Two patients: the draws pp, pq and qq have probability 1/4, 1/2 and 1/4; a is behind in qq alone."""
    a, b = sample({"p": 1.0, "q": 0.0}), sample({"p": 0.6, "q": 0.2})
    first, second = rankings([a, b], BOOTSTRAP)
    assert (first.n, first.value, first.rank, second.rank) == (2, 0.5, 1, 2)
    assert first.frequencies == pytest.approx((0.75, 0.25), abs=0.03)
    assert second.frequencies == pytest.approx(first.frequencies[::-1])
    assert first.mean_rank == pytest.approx(1.25, abs=0.03)
    assert (first.median_rank, first.low, first.high) == (1, 1, 2)


def test_the_aggregate_is_ranked_over_all_values_and_equal_models_share_the_better_rank():
    """Means 0.6 and 0.5 over all values; the means of the patients' means would be 0.45 and 0.5."""
    a, b = sample({"p": [0.9, 0.9, 0.6], "q": 0.0}), sample({"p": [0.5, 0.5, 0.5], "q": 0.5})
    assert [one.rank for one in rankings([a, b], BOOTSTRAP)] == [1, 2]
    equal = rankings([b, b, sample({"p": 0.1, "q": 0.1})], BOOTSTRAP)
    assert [one.rank for one in equal] == [1, 1, 3]
    assert equal[2].frequencies == (0, 0, 1)


def test_models_that_were_tested_on_different_patients_have_no_ranking():
    assert rankings([sample({"p": 1, "q": 2}), sample({"r": 1, "s": 2})], BOOTSTRAP) == []
    shared = rankings([sample({"p": 1, "q": 2, "r": 9}), sample({"q": 1, "p": 1.5})], BOOTSTRAP)
    assert [(one.n, one.value) for one in shared] == [(2, 1.5), (2, 1.25)]
