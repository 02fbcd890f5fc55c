"""Mean DSC and mean NSD of every experiment, for DVC's metrics and plots."""

from pathlib import Path
from typing import cast

import pandas as pd

from covidseg.reading import read_table

READ = ("experiment", "dataset", "region", "split", "metric", "value")  # columns of scores.csv
METRICS = ["DSC", "NSD"]
DECIMALS = 9  # to which a mean is rounded, as the values in scores.csv


def mean_scores(scores: pd.DataFrame, *, dataset: str, region: str, split: str) -> pd.DataFrame:
    """Return a table of experiment, DSC and NSD: the means over the cases of all folds.

    The order of experiments is that of the scores. Cases without a value are left out of the mean. If no
    case has a value, the mean is NaN.

    Args:
        scores: as returned by `read_scores`.
        dataset: the data set whose cases are averaged.
        region: the region whose scores are averaged.
        split: the split whose scores are averaged.
    """
    scored = (scores["dataset"] == dataset) & (scores["region"] == region) & (scores["split"] == split)
    found = scores[scored & scores["metric"].isin(METRICS)]
    means = found.groupby(["experiment", "metric"], sort=False)["value"].mean().round(DECIMALS)
    table = means.unstack().reindex(index=found["experiment"].unique(), columns=METRICS)
    return table.rename_axis(index="experiment", columns=None).reset_index()


def as_metrics(means: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """Return experiment -> metric -> mean, with None in place of NaN, which JSON does not have."""
    table = means.set_index("experiment").astype(object)
    known = table.where(table.notna(), None).to_dict("index")
    return cast("dict[str, dict[str, float | None]]", known)


def read_scores(path: Path) -> pd.DataFrame:
    """Read scores.csv; an empty value becomes NaN, and the word "none" and names like "007" stay text."""
    types = {"fold": str, "case": str, "patient": str, "value": float}
    return read_table(path, READ, keep_default_na=False, na_values={"value": [""]}, dtype=types)
