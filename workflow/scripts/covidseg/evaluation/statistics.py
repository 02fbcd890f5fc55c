"""Aggregation as the papers do it, and what they leave out: intervals and tests."""

from itertools import combinations

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


def paired_tests(samples: dict[str, pd.Series]) -> list[dict]:
    """Compare every two samples by the Wilcoxon signed-rank test, with Holm's correction over all pairs.

    Args:
        samples: name -> values indexed by (fold, case), or by case alone: the one model is then compared
            with that of every fold. Only pairs defined in both count.

    Returns:
        Rows with a, b, n, median_difference (a - b), p and p_holm; p is NaN where all differences are 0.
    """
    rows = []
    for a, b in combinations(samples, 2):
        pairs = samples[a].to_frame("a").join(samples[b].rename("b"), how="inner").dropna()
        difference = pairs["a"] - pairs["b"]
        p = float(stats.wilcoxon(difference).pvalue) if difference.any() else float("nan")
        rows.append(
            {"a": a, "b": b, "n": len(difference), "median_difference": float(difference.median()), "p": p}
        )
    for row, adjusted in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = adjusted
    return rows
