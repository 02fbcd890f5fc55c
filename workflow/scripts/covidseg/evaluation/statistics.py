"""Means and standard deviations as in the papers, and what the papers leave out: confidence intervals.

The scores of one patient depend on each other: a hard case is hard in every fold, and a patient may have two
scans. Therefore the bootstrap draws patients, each with all scores (tests and rankings: comparisons.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

NAN = float("nan")
BATCH = 1000  # number of bootstrap samples that are computed at a time, to save memory


def summarise(values: pd.Series) -> tuple[float, float, int]:
    """Return mean, sample standard deviation (ddof 1) and number of the defined values.

    For a fold the values are those of its cases. For "avg" the values are those of the cases of all folds,
    pooled (published_errata.md, What the printed std is).
    """
    return float(values.mean()), float(values.std(ddof=1)), int(values.count())


def patient_means(scores: pd.DataFrame) -> pd.Series:
    """Return the mean of each patient's values over folds and scans; undefined values are left out.

    Args:
        scores: rows of scores.csv, of one model and one metric.

    Returns:
        Values indexed by patient, in alphabetical order.
    """
    return scores.dropna(subset="value").groupby("patient")["value"].mean()


@dataclass(frozen=True)
class Resampling:
    """How the patients are resampled.

    Attributes:
        resamples: number of bootstrap samples.
        confidence: level of the intervals, 0 to 1.
        seed: seed of the random generator.
    """

    resamples: int
    confidence: float
    seed: int


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


@dataclass(frozen=True, eq=False)
class Sample:
    """A statistic of one model, which can be computed again for any draw of the patients.

    Attributes:
        patients: names of the patients with a defined value.
        parts: arrays (patients, ...), what each patient adds to the sums that the statistic is computed from.
        statistic: function of the sums (draws, ...), one per array of `parts`, that returns (draws,).
    """

    patients: pd.Index
    parts: tuple[np.ndarray, ...]
    statistic: Callable[..., np.ndarray]

    def estimate(self) -> float:
        """Return the statistic of all patients; NaN without patients."""
        if self.patients.empty:
            return NAN
        return float(self.statistic(*(part.sum(0, keepdims=True) for part in self.parts))[0])

    @lru_cache(maxsize=64)  # noqa: B019  (models are compared in pairs: each is drawn once, not once per pair)
    def resample(self, resamples: int, seed: int) -> np.ndarray:
        """Return the statistic of each bootstrap sample: (resamples,)."""
        weights = draw_patients(len(self.patients), resamples, seed)
        batches = (weights[start : start + BATCH] for start in range(0, resamples, BATCH))
        return np.concatenate([self.statistic(*(batch @ part for part in self.parts)) for batch in batches])

    def of(self, patients: pd.Index) -> Sample:
        """Return the sample with only some of its patients, in the order given."""
        if patients.equals(self.patients):
            return self
        places = self.patients.get_indexer(patients)
        return replace(self, patients=patients, parts=tuple(part[places] for part in self.parts))


def mean_sample(scores: pd.DataFrame) -> Sample:
    """Return the mean over all values, as the tables print it: every case of every fold counts once.

    Args:
        scores: rows of scores.csv, of one model and one metric.
    """
    values = scores.dropna(subset="value").groupby("patient")["value"].agg(["sum", "count"])
    parts = (values["sum"].to_numpy(float), values["count"].to_numpy(float))
    return Sample(values.index, parts, lambda total, count: total / count)


@lru_cache(maxsize=8)
def draw_patients(patients: int, resamples: int, seed: int) -> np.ndarray:
    """Return how often each bootstrap sample draws each patient: float (resamples, patients).

    The same arguments give the same array, so that models are compared on the same draws.
    """
    shares = np.full(patients, 1 / max(1, patients))
    counts = np.random.default_rng(seed).multinomial(patients, shares, resamples).astype(float)
    counts.flags.writeable = False
    return counts


def sample_interval(sample: Sample, resampling: Resampling) -> Interval:
    """Return the statistic and its bootstrap interval, which resamples patients.

    A bootstrap sample has each drawn patient with all folds and scans (cluster bootstrap: Davison and Hinkley
    1997, Bootstrap Methods and their Application, section 3.8).

    Args:
        sample: the statistic of one model.
        resampling: how the patients are resampled.
    """
    n = len(sample.patients)
    drawn = sample.resample(resampling.resamples, resampling.seed) if n else np.empty(0)
    return percentile_interval(sample.estimate(), drawn, n=n, confidence=resampling.confidence)


def paired_interval(a: pd.Series, b: pd.Series, *, resampling: Resampling) -> Interval:
    """Return the mean of a - b over the patients that both have, and its bootstrap interval.

    Args:
        a, b: values indexed by patient, as returned by `patient_means`.
        resampling: how the patients are resampled.
    """
    difference = (a - b).dropna()
    sample = Sample(difference.index, (difference.to_numpy(float), np.ones(len(difference))), np.divide)
    return sample_interval(sample, resampling)


def percentile_interval(estimate: float, resampled: np.ndarray, *, n: int, confidence: float) -> Interval:
    """Return the expanded percentile interval of Hesterberg (2015, The American Statistician 69, 371-386).

    With few patients the plain percentile interval is too narrow. The levels of its ends are therefore moved
    outwards, from alpha / 2 to Phi(-sqrt(n / (n - 1)) t), where t is the quantile 1 - alpha / 2 of Student's
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
