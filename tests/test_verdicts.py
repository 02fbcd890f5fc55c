"""The rule of the verdicts: on one comparison, on several, and the intervals of ranges."""

from math import nan

import numpy as np
import pandas as pd
import pytest

from claim_scores import BOOTSTRAP
from covidseg.evaluation.statistics import Interval, mean_sample
from covidseg.evaluation.verdicts import FAILS, HOLDS, UNTOLD, judge, overall, range_interval


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
