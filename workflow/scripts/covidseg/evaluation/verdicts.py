"""The verdict on a claim: whether the interval of a number lies where the number is claimed to lie."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from math import isnan

import numpy as np
import pandas as pd

from covidseg.evaluation.statistics import Interval, Resampling, Sample, percentile_interval

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
    a: Sequence[Sample], b: Sequence[Sample], *, paired: bool, resampling: Resampling
) -> Interval:
    """Return the number of side `a` minus that of side `b`, and its bootstrap interval.

    The number of a side is its statistic or, of several statistics, their range: the largest minus the
    smallest. Without side `b` it is the number of side `a`.

    Args:
        a, b: the statistics of each side.
        paired: whether both sides have the same patients, who are then drawn together.
        resampling: how the patients are resampled.

    Returns:
        The interval; its n is the number of patients, or of the smaller group of patients if not paired.
    """
    groups = [_on_all_patients([*a, *b])] if paired else [_on_all_patients(side) for side in (a, b) if side]
    resamples, seed = resampling.resamples, resampling.seed
    drawn = [one.resample(resamples, seed + place) for place, group in enumerate(groups) for one in group]
    whole = [np.array([one.estimate()]) for group in groups for one in group]
    resampled, estimate = (_difference(values[: len(a)], values[len(a) :]) for values in (drawn, whole))
    n = min(len(group[0].patients) for group in groups)
    return percentile_interval(float(estimate[0]), resampled, n=n, confidence=resampling.confidence)


def _on_all_patients(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples with the patients of all; a patient whom a sample lacks adds nothing to its sums."""
    patients = reduce(pd.Index.union, [sample.patients for sample in samples])
    found = []
    for sample in samples:
        places = sample.patients.get_indexer(patients)
        known = (places >= 0).astype(float)
        parts = tuple((part[places].T * known).T for part in sample.parts)
        found.append(replace(sample, patients=patients, parts=parts))
    return found


def _difference(*sides: list[np.ndarray]) -> np.ndarray:
    """Return the number of the first side minus that of the second, if there is one, for each draw."""
    numbers = [side[0] if len(side) == 1 else np.ptp(np.stack(side), axis=0) for side in sides if side]
    return numbers[0] - numbers[1] if len(numbers) > 1 else numbers[0]


def too_few(interval: Interval) -> bool:
    """Return whether an interval rests on too few patients for a verdict."""
    return interval.n < FEWEST_PATIENTS or isnan(interval.low)
