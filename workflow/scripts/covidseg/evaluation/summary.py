"""How good every strategy is, in two numbers each: for DVC's metrics and plots."""

from pathlib import Path
from typing import cast

import pandas as pd

METRICS = ["DSC", "NSD"]
DECIMALS = 9  # as scores.csv has


def mean_scores(scores: pd.DataFrame, *, dataset: str, region: str, split: str) -> pd.DataFrame:
    """Return experiment, DSC, NSD: the means over the cases of all folds, in the order of experiments.

    Cases without a value are left out of the mean; NaN where no case has one.

    Args:
        scores: of `read_scores`.
        dataset: whose cases count.
        region: that is scored.
        split: of the scores.
    """
    scored = (scores["dataset"] == dataset) & (scores["region"] == region) & (scores["split"] == split)
    found = scores[scored & scores["metric"].isin(METRICS)]
    means = found.groupby(["experiment", "metric"], sort=False)["value"].mean().round(DECIMALS)
    table = means.unstack().reindex(index=found["experiment"].unique(), columns=METRICS)
    return table.rename_axis(index="experiment", columns=None).reset_index()


def as_metrics(means: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """Return experiment -> metric -> mean, None for NaN, which JSON does not have."""
    table = means.set_index("experiment").astype(object)
    known = table.where(table.notna(), None).to_dict("index")
    return cast("dict[str, dict[str, float | None]]", known)


def read_scores(path: Path) -> pd.DataFrame:
    """Read scores.csv; "none" stays a word and empty values become NaN."""
    return pd.read_csv(path, keep_default_na=False, na_values={"value": [""]}, dtype={"fold": str})
