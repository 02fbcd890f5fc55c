"""Comparisons of models on the same patients, which the papers leave out: tests and rankings."""

from collections.abc import Callable
from functools import reduce
from itertools import combinations
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd
from scipy import stats

from covidseg.evaluation.statistics import NAN, Resampling, Sample, paired_interval, percentile_interval

Model = TypeVar("Model", pd.Series, Sample)  # what two models are compared by


def holm(p_values: list[float]) -> list[float]:
    """Return p values adjusted by Holm's step-down method (Holm 1979), in the order given; NaN stays NaN."""
    p = np.asarray(p_values, float)
    defined = np.flatnonzero(~np.isnan(p))
    order = defined[np.argsort(p[defined], kind="stable")]
    adjusted = np.full(len(p), np.nan)
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * factors))
    return adjusted.tolist()


class Comparison(NamedTuple):
    """The comparison of two models a and b on the patients for whom both have a defined value.

    Attributes:
        n: number of these patients.
        difference: a's value minus b's.
        low, high: ends of the confidence interval of the difference.
        median_difference: median over the patients; NaN if a patient has no value of its own.
        test: name of the test.
        p: p value of the test; NaN if there is no difference in any patient.
    """

    n: int
    difference: float
    low: float
    high: float
    median_difference: float
    test: str
    p: float


def compare_means(a: pd.Series, b: pd.Series, *, resampling: Resampling) -> Comparison:
    """Compare the patients' means of two models by the Wilcoxon signed-rank test.

    Args:
        a, b: values indexed by patient, as returned by `patient_means`.
        resampling: how the patients are resampled.
    """
    found = (a - b).dropna()
    mean, low, high, n = paired_interval(a, b, resampling=resampling)
    p = float(stats.wilcoxon(found).pvalue) if found.any() else NAN
    return Comparison(n, mean, low, high, float(found.median()), "Wilcoxon", p)


def compare_samples(a: Sample, b: Sample, *, resampling: Resampling) -> Comparison:
    """Compare a statistic of two models, of which a single patient has no value, by a bootstrap test.

    The p value is the share of bootstrap samples whose difference lies at least as far from the difference
    found as the latter lies from 0 (Davison and Hinkley 1997, section 4.4).

    Args:
        a, b: the statistic of each model.
        resampling: how the patients are resampled.
    """
    common = a.patients.intersection(b.patients)
    a, b = a.of(common), b.of(common)
    first, second = (one.resample(resampling.resamples, resampling.seed) for one in (a, b))
    drawn, found = first - second, a.estimate() - b.estimate()
    mean, low, high, n = percentile_interval(found, drawn, n=len(common), confidence=resampling.confidence)
    p = (1 + np.count_nonzero(abs(drawn - mean) >= abs(mean))) / (1 + len(drawn))
    return Comparison(n, mean, low, high, NAN, "bootstrap", float(p) if drawn.any() else NAN)


def paired_tests(
    samples: dict[str, Model], compare: Callable[[Model, Model], Comparison]
) -> list[dict[str, object]]:
    """Compare every two models, with Holm's correction over all pairs.

    Args:
        samples: name of a model -> its sample, as `compare` takes it.
        compare: function that compares two samples.

    Returns:
        One row per pair: names `a` and `b`, the fields of Comparison, and `p_holm`.
    """
    pairs = list(combinations(samples, 2))
    found = [compare(samples[a], samples[b]) for a, b in pairs]
    adjusted = holm([one.p for one in found])
    return [
        {"a": a, "b": b, **one._asdict(), "p_holm": p_holm}
        for (a, b), one, p_holm in zip(pairs, found, adjusted, strict=True)
    ]


class Ranking(NamedTuple):
    """How a model ranks among others; rank 1 is the highest value, and equal values share the better rank.

    Attributes:
        n: number of patients for whom all models have a defined value; others are left out.
        value: the statistic over these patients.
        rank: rank of `value`.
        mean_rank, median_rank: mean and median of the ranks in the bootstrap samples.
        low, high: ends of the percentile interval of the ranks in the bootstrap samples.
        frequencies: share of the bootstrap samples in which the model has rank 1, 2, ...
    """

    n: int
    value: float
    rank: int
    mean_rank: float
    median_rank: float
    low: float
    high: float
    frequencies: tuple[float, ...]


def rankings(samples: list[Sample], resampling: Resampling) -> list[Ranking]:
    """Rank models by a statistic in bootstrap samples of the patients.

    Each draw first computes the statistic of every model and then ranks the models (aggregate, then rank), as
    challengeR does (Wiesenfarth et al. 2021, Scientific Reports 11, 2369). The list is empty if the models
    have fewer than two patients in common: models that were tested on different patients have no ranking.

    Args:
        samples: the statistic of each model.
        resampling: how the patients are resampled.
    """
    common = reduce(pd.Index.intersection, [sample.patients for sample in samples])
    if len(common) < 2:
        return []
    shared = [sample.of(common) for sample in samples]
    values = [sample.estimate() for sample in shared]
    drawn = [sample.resample(resampling.resamples, resampling.seed) for sample in shared]
    ranks, own, n = _ranks(np.stack(drawn, axis=1)).T, _ranks(np.array([values]))[0], len(common)
    return [
        _ranking(found, resampling.confidence, n=n, value=value, rank=int(rank), models=len(samples))
        for found, value, rank in zip(ranks, values, own, strict=True)
    ]


def _ranking(
    ranks: np.ndarray, confidence: float, *, n: int, value: float, rank: int, models: int
) -> Ranking:
    """Summarise the ranks of one of several models in the bootstrap samples: (resamples,)."""
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(ranks, ends, method="inverted_cdf")
    shares = np.bincount(ranks, minlength=models + 1)[1:] / len(ranks)
    mean, median = float(ranks.mean()), float(np.median(ranks))
    return Ranking(n, value, rank, mean, median, float(low), float(high), tuple(shares.tolist()))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return the ranks of the models in each row: (draws, models), rank 1 for the highest value."""
    return np.asarray(stats.rankdata(-values, axis=1, method="min")).astype(int)
