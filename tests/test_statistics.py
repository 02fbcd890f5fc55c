"""Means, intervals and tests, by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from covidseg.evaluation.statistics import bootstrap_interval, holm, paired_tests, summarise


def test_summary_uses_the_sample_deviation():
    mean, std, count = summarise(pd.Series([0.2, 0.4, math.nan, 0.9]))
    assert mean == pytest.approx(0.5)
    assert std == pytest.approx(math.sqrt((0.09 + 0.01 + 0.16) / 2))
    assert count == 3


def test_holm_by_hand():
    """Sorted 0.01, 0.02, 0.03, 0.2: times 4, 3, 2, 1, made monotone."""
    assert holm([0.03, 0.01, 0.2, 0.02]) == pytest.approx([0.06, 0.04, 0.2, 0.06])
    adjusted = holm([0.5, math.nan, 0.9])
    assert adjusted[0] == 1.0
    assert math.isnan(adjusted[1])
    assert adjusted[2] == 1.0


def test_bootstrap_interval_holds_the_mean_and_is_seeded():
    values = np.random.default_rng(0).random(40)
    low, high = bootstrap_interval(values, resamples=2000, confidence=0.95, seed=1)
    assert low < values.mean() < high
    standard_error = values.std(ddof=1) / math.sqrt(40)
    assert high - low == pytest.approx(2 * 1.96 * standard_error, rel=0.15)
    assert (low, high) == bootstrap_interval(values, resamples=2000, confidence=0.95, seed=1)
    assert all(math.isnan(v) for v in bootstrap_interval(values[:1], resamples=200, confidence=0.9, seed=1))


def test_wilcoxon_by_hand():
    index = pd.Index(range(8))
    better = pd.Series(np.linspace(0.5, 0.9, 8), index)
    (found,) = paired_tests({"a": better, "b": better - np.linspace(0.01, 0.05, 8)})
    assert found["p"] == pytest.approx(2 / 2**8), "all eight differences positive, two-sided and exact"
    (same,) = paired_tests({"a": better, "b": better})
    assert math.isnan(same["p_holm"])
