"""Means and standard deviations as in the papers, and what the papers leave out: intervals and tests."""

from itertools import combinations
from typing import TypedDict

import numpy as np
import pandas as pd
from scipy import stats


def summarise(values: pd.Series) -> tuple[float, float, int]:
    """Return mean, sample standard deviation (ddof 1) and number of the defined values.

    For a fold the values are those of its cases. For "avg" the values are those of the cases of all folds,
    pooled (published_errata.md, What the printed std is).
    """
    return float(values.mean()), float(values.std(ddof=1)), int(values.count())


def bootstrap_interval(
    values: np.ndarray, *, resamples: int, confidence: float, seed: int
) -> tuple[float, float]:
    """Return the ends of the percentile bootstrap interval of the mean over cases; NaN below two values."""
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
    """Return p values adjusted by Holm's step-down method (Holm 1979), in the order given; NaN stays NaN."""
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
        n: number of pairs of values.
        median_difference: median of the differences a - b.
        p: p value of the test; NaN if all differences are 0.
        p_holm: p value with Holm's correction over all pairs of samples.
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
        samples: name -> values indexed by (fold, case). A model that is not trained per fold has values
            indexed by case alone; each of these values is compared with the value of every fold. A pair
            of values counts if both are defined.
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
    """Return first - second for the index entries that are in both and defined in both."""
    pairs = first.to_frame("a").join(second.rename("b"), how="inner").dropna()
    return pairs["a"] - pairs["b"]
