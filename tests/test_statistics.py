"""Means, intervals and tests, by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from covidseg.evaluation.statistics import (
    holm,
    paired_tests,
    patient_interval,
    patient_means,
    summarise,
)

BOOTSTRAP = {"resamples": 2000, "confidence": 0.95, "seed": 1}


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


def scores_of(values):
    """Return rows of scores: (patient, case, fold) -> value."""
    return pd.DataFrame(
        [(*key, value) for key, value in values.items()], columns=["patient", "case", "fold", "value"]
    )


def test_a_patient_s_mean_is_over_folds_and_scans_and_without_undefined_values():
    scores = scores_of(
        {
            ("q", "q_1", "0"): 0.5, ("p", "p_1", "0"): 0.2, ("p", "p_1", "1"): 0.4, ("p", "p_2", "1"): 0.9,
            ("q", "q_1", "1"): math.nan, ("r", "r_1", "0"): math.nan,
        }
    )  # fmt: skip
    assert patient_means(scores).to_dict() == pytest.approx({"p": 0.5, "q": 0.5})
    found = patient_interval(scores, **BOOTSTRAP)
    assert (found.mean, found.n) == (pytest.approx((0.2 + 0.4 + 0.9 + 0.5) / 4), 2), "every value counts once"


def test_wilcoxon_by_hand():
    index = pd.Index(range(8))
    better = pd.Series(np.linspace(0.5, 0.9, 8), index)
    (found,) = paired_tests({"a": better, "b": better - np.linspace(0.01, 0.05, 8)})
    assert found["p"] == pytest.approx(2 / 2**8), "all eight differences positive, two-sided and exact"
    (same,) = paired_tests({"a": better, "b": better})
    assert math.isnan(same["p_holm"])
