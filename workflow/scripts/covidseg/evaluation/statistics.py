"""Means and standard deviations as in the papers, and what the papers leave out: intervals, tests and ranks.

The scores of one patient depend on each other: a hard case is hard in every fold, and a patient may have two
scans. Therefore the bootstrap draws patients, each with all scores, and tests compare means of patients.
"""

from functools import lru_cache
from itertools import combinations
from typing import NamedTuple, TypedDict

import numpy as np
import pandas as pd
from scipy import stats

NAN = float("nan")


def summarise(values: pd.Series) -> tuple[float, float, int]:
    """Return mean, sample standard deviation (ddof 1) and number of the defined values.

    For a fold the values are those of its cases. For "avg" the values are those of the cases of all folds,
    pooled (published_errata.md, What the printed std is).
    """
    return float(values.mean()), float(values.std(ddof=1)), int(values.count())


class Interval(NamedTuple):
    """An estimate and its confidence interval.

    Attributes:
        mean: the estimate from all patients.
        low, high: ends of the confidence interval; NaN below two patients.
        n: number of patients with a defined value.
    """

    mean: float
    low: float
    high: float
    n: int


def patient_means(scores: pd.DataFrame) -> pd.Series:
    """Return the mean of each patient's values over folds and scans; undefined values are left out.

    Args:
        scores: rows of scores.csv, of one model and one metric.

    Returns:
        Values indexed by patient, in alphabetical order.
    """
    return scores.dropna(subset="value").groupby("patient")["value"].mean()


def patient_interval(scores: pd.DataFrame, *, resamples: int, confidence: float, seed: int) -> Interval:
    """Return the mean over all values and its bootstrap interval, which resamples patients.

    The mean is the one that the tables print: every case of every fold counts once. A resample takes each
    drawn patient with all folds and scans (cluster bootstrap, Davison and Hinkley 1997, section 3.8).

    Args:
        scores: rows of scores.csv, of one model and one metric.
        resamples: number of bootstrap samples.
        confidence: level of the interval, 0 to 1.
        seed: seed of the random generator.
    """
    values = scores.dropna(subset="value")["value"]
    patients = scores["patient"].loc[values.index]
    sums, counts = (getattr(values.groupby(patients), name)().to_numpy(float) for name in ("sum", "count"))
    weights = draw_patients(len(sums), resamples, seed)
    return percentile_interval(
        float(values.mean()), (weights @ sums) / (weights @ counts), n=len(sums), confidence=confidence
    )


def paired_interval(a: pd.Series, b: pd.Series, *, resamples: int, confidence: float, seed: int) -> Interval:
    """Return the mean of a - b over the patients that both have, and its bootstrap interval.

    Args:
        a, b: values indexed by patient, as returned by `patient_means`.
        resamples: number of bootstrap samples.
        confidence: level of the interval, 0 to 1.
        seed: seed of the random generator.
    """
    found = paired_differences(a, b).to_numpy()
    mean = float(found.mean()) if len(found) else NAN
    means = draw_patients(len(found), resamples, seed) @ found / max(1, len(found))
    return percentile_interval(mean, means, n=len(found), confidence=confidence)


@lru_cache(maxsize=8)
def draw_patients(patients: int, resamples: int, seed: int) -> np.ndarray:
    """Return how often each bootstrap sample draws each patient: float (resamples, patients).

    The same arguments give the same array, so that models are compared on the same samples.
    """
    if patients == 0:
        return np.zeros((resamples, 0))
    counts = np.random.default_rng(seed).multinomial(patients, np.full(patients, 1 / patients), resamples)
    counts = counts.astype(float)
    counts.flags.writeable = False
    return counts


def percentile_interval(estimate: float, resampled: np.ndarray, *, n: int, confidence: float) -> Interval:
    """Return the expanded percentile interval (Hesterberg 2015, What Teachers Should Know, section 5.3).

    The plain percentile interval is too narrow for few patients, as is an interval by the normal distribution
    and the standard deviation with divisor n. The levels of the percentiles are therefore moved outwards:
    from alpha / 2 to Phi(-sqrt(n / (n - 1)) t), where t is the quantile 1 - alpha / 2 of Student's
    distribution with n - 1 degrees of freedom.

    Args:
        estimate: the estimate from all patients.
        resampled: the estimate from each bootstrap sample.
        n: number of patients.
        confidence: level of the interval, 0 to 1.
    """
    if n < 2:
        return Interval(estimate, NAN, NAN, n)
    quantile = stats.t.ppf((1 + confidence) / 2, n - 1)
    tail = stats.norm.cdf(-np.sqrt(n / (n - 1)) * quantile)
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Interval(estimate, float(low), float(high), n)


def holm(p_values: list[float]) -> list[float]:
    """Return p values adjusted by Holm's step-down method (Holm 1979), in the order given; NaN stays NaN."""
    p = np.asarray(p_values, float)
    defined = np.flatnonzero(~np.isnan(p))
    order = defined[np.argsort(p[defined], kind="stable")]
    adjusted = np.full(len(p), np.nan)
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * factors))
    return adjusted.tolist()


class PairedTest(TypedDict):
    """The comparison of two models on the same patients by the Wilcoxon signed-rank test.

    Attributes:
        a, b: names of the models.
        n: number of patients that both models have a value of.
        median_difference: median of the differences a - b over these patients.
        p: p value of the test; NaN if all differences are 0.
        p_holm: p value with Holm's correction over all pairs of models.
    """

    a: str
    b: str
    n: int
    median_difference: float
    p: float
    p_holm: float


def paired_tests(samples: dict[str, pd.Series]) -> list[PairedTest]:
    """Compare every two models by the Wilcoxon signed-rank test, with Holm's correction over all pairs.

    Args:
        samples: name of a model -> its values indexed by patient, as returned by `patient_means`.
    """
    pairs = list(combinations(samples, 2))
    differences = [paired_differences(samples[a], samples[b]) for a, b in pairs]
    p_values = [float(stats.wilcoxon(found).pvalue) if found.any() else NAN for found in differences]
    return [
        {
            "a": a,
            "b": b,
            "n": len(found),
            "median_difference": float(found.median()),
            "p": p,
            "p_holm": p_holm,
        }
        for (a, b), found, p, p_holm in zip(pairs, differences, p_values, holm(p_values), strict=True)
    ]


def paired_differences(a: pd.Series, b: pd.Series) -> pd.Series:
    """Return a - b for the patients that both have a defined value of."""
    return (a - b).dropna()
