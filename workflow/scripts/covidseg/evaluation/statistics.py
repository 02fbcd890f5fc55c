"""Aggregation as the papers do it, and what they leave out: intervals and tests."""

from itertools import combinations
from typing import TypedDict

import numpy as np
import pandas as pd
from scipy import stats


def summarise(values: pd.Series) -> tuple[float, float, int]:
    """Return mean, sample standard deviation (ddof 1) and number of the defined values.

    A fold's values are its cases; "avg" pools the cases of all folds (published_errata.md, What the
    printed std is).
    """
    return float(values.mean()), float(values.std(ddof=1)), int(values.count())


def bootstrap_interval(
    values: np.ndarray, *, resamples: int, confidence: float, seed: int
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean over cases; NaN below two values."""
    if len(values) < 2:
        return float("nan"), float("nan")
    result = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=resamples,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
        batch=1000,
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def holm(p_values: list[float]) -> list[float]:
    """Return Holm's step-down adjusted p values, in the order given (Holm 1979); NaN stay NaN."""
    p = np.asarray(p_values, float)
    defined = np.flatnonzero(~np.isnan(p))
    order = defined[np.argsort(p[defined], kind="stable")]
    adjusted = np.full(len(p), np.nan)
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * factors))
    return adjusted.tolist()


class PairedTest(TypedDict):
    """The comparison of two samples by the Wilcoxon signed-rank test.

    Attributes:
        a, b: names of the samples.
        n: number of pairs.
        median_difference: of a - b.
        p: of the test; NaN where all differences are 0.
        p_holm: p with Holm's correction over all pairs of samples.
    """

    a: str
    b: str
    n: int
    median_difference: float
    p: float
    p_holm: float


def paired_tests(samples: dict[str, pd.Series]) -> list[PairedTest]:
    """Compare every two samples by the Wilcoxon signed-rank test, with Holm's correction over all pairs.

    Args:
        samples: name -> values indexed by (fold, case), or by case alone: the one model is then compared
            with that of every fold. Only pairs defined in both count.
    """
    pairs = list(combinations(samples, 2))
    differences = [_differences(samples[a], samples[b]) for a, b in pairs]
    p_values = [float(stats.wilcoxon(found).pvalue) if found.any() else float("nan") for found in differences]
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


def _differences(first: pd.Series, second: pd.Series) -> pd.Series:
    """Return first - second, of the index that both have and where both are defined."""
    pairs = first.to_frame("a").join(second.rename("b"), how="inner").dropna()
    return pairs["a"] - pairs["b"]
