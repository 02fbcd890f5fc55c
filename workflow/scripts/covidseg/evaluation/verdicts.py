"""The verdict on a claim: whether the interval of a number lies where the number is claimed to lie."""

from collections.abc import Sequence
from math import isnan

import numpy as np
import pandas as pd

from covidseg.evaluation.statistics import Interval, draw_patients, percentile_interval

HOLDS, FAILS, UNTOLD = "holds", "does not hold", "cannot be told"
# With five patients, even five differences of one sign happen by chance in more than 5 % of all samples:
# 2 / 2^5 = 6 %, by the sign test. With six patients they do in 3 %.
FEWEST_PATIENTS = 6


def judge(interval: Interval, above: float | None, below: float | None) -> str:
    """Return the verdict on the claim that a number lies above and below the limits.

    Args:
        interval: our number with its interval; ends that are NaN mean that there is none.
        above, below: limits, None if the claim has none on this side.

    Returns:
        HOLDS if the whole interval lies within the limits, FAILS if it lies wholly beyond one of them, UNTOLD
        otherwise. An end of the interval that is exactly on a limit is neither within nor beyond the limit.
    """
    lowest, highest = -np.inf if above is None else above, np.inf if below is None else below
    if lowest < interval.low and interval.high < highest:
        return HOLDS
    return FAILS if interval.high < lowest or interval.low > highest else UNTOLD


def overall(verdicts: Sequence[str], *, most: bool = False) -> str:
    """Return the verdict on a claim about several comparisons.

    Args:
        verdicts: one or more verdicts on single comparisons.
        most: whether the claim is about more than half of the comparisons and not about all.

    Returns:
        HOLDS if it holds in enough comparisons; FAILS if it does not hold in so many that enough cannot be
        reached any more; UNTOLD otherwise.
    """
    needed = len(verdicts) // 2 + 1 if most else len(verdicts)
    if verdicts.count(HOLDS) >= needed:
        return HOLDS
    return FAILS if verdicts.count(FAILS) > len(verdicts) - needed else UNTOLD


def range_interval(
    a: Sequence[pd.Series],
    b: Sequence[pd.Series],
    *,
    paired: bool,
    resamples: int,
    confidence: float,
    seed: int,
) -> Interval:
    """Return the number of side `a` minus that of side `b`, and its bootstrap interval.

    The number of a side is its mean over patients, or, of several means, their range: the largest minus the
    smallest. Without side `b` it is the number of side `a`.

    Args:
        a, b: values indexed by patient, as returned by `patient_means`.
        paired: whether both sides have the same patients, who are then resampled together.
        resamples: number of bootstrap samples.
        confidence: level of the interval, 0 to 1.
        seed: seed of the random generator.

    Returns:
        The interval; its n is the number of patients, or of the smaller group of patients if not paired.
    """
    groups = [[*a, *b]] if paired else [group for group in (a, b) if group]
    tables = [pd.concat(group, axis=1) for group in groups]
    n = min(len(table) for table in tables)
    if n == 0:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    drawn = [
        _means(table, draw_patients(len(table), resamples, seed + place))
        for place, table in enumerate(tables)
    ]
    whole = [_means(table, np.ones((1, len(table)))) for table in tables]
    resampled, estimate = (_difference(np.hstack(means), len(a)) for means in (drawn, whole))
    return percentile_interval(float(estimate[0]), resampled, n=n, confidence=confidence)


def _means(table: pd.DataFrame, weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean of each column: (samples, columns); undefined values have no weight."""
    defined = table.notna().to_numpy(float)
    with np.errstate(invalid="ignore"):  # a sample without any defined value has no mean
        return (weights @ table.fillna(0).to_numpy(float)) / (weights @ defined)


def _difference(means: np.ndarray, of_a: int) -> np.ndarray:
    """Return per sample the number of the first `of_a` columns, minus that of the columns after them."""
    sides = [side for side in (means[:, :of_a], means[:, of_a:]) if side.shape[1]]
    numbers = [side[:, 0] if side.shape[1] == 1 else np.ptp(side, axis=1) for side in sides]
    return numbers[0] - numbers[1] if len(numbers) > 1 else numbers[0]


def too_few(interval: Interval) -> bool:
    """Return whether an interval rests on too few patients for a verdict."""
    return interval.n < FEWEST_PATIENTS or isnan(interval.low)
