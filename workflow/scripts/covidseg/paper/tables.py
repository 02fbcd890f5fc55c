"""The papers' tables from scores.csv, each number beside the published one."""

from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.config.series import Series
from covidseg.evaluation.statistics import bootstrap_interval, paired_tests, summarise

SERIES = ["row", "source", "region", "split"]
KEYS = ["row", "source", "fold", "region", "split", "metric", "unit"]
COLUMNS = [
    *KEYS,
    "ours_mean",
    "ours_std",
    "published_mean",
    "published_std",
    "difference",
    "n",
    "status",
    "left_out",
]
TIME = "time"  # seconds per epoch of a fold's training; its "case" is the device
WHOLE = ("AUPRC", "DSC_lower_bound")  # of all slices together: nothing to test or to resample
NOT_RUN = "not run"
NOT_TIMED = "not timed"
SYNONYMS = {"Recall": "Sensitivity"}  # ma2021 Table X prints the one quantity under both names


def read_published(path: Path, paper: str, tables: str | list[str]) -> pd.DataFrame:
    """Read the published numbers of one table, or of several that make one of ours, indexed by KEYS."""
    published = pd.read_csv(
        path, keep_default_na=False, na_values={"mean": [""], "std": [""]}, dtype={"fold": str}
    )
    # A row of yang2021 names the range of its bound, as the metric does.
    published["row"] = published["row"].str.replace(r" \(every threshold in .*\)", "", regex=True)
    tables = [tables] if isinstance(tables, str) else tables
    return published[(published.paper == paper) & published.table.isin(tables)].set_index(KEYS)


def select(scores: pd.DataFrame, series: Series, metric: str) -> pd.DataFrame:
    """Return the rows of scores.csv that belong to a series, of one metric."""
    metric = SYNONYMS.get(metric, metric)
    found = scores[(scores.experiment == series.experiment) & (scores.metric == metric)]
    if metric == TIME:  # of a training, which has neither region nor split
        return found
    return found[(found.region == series.region) & (found.split == series.split)]


def table_cells(
    series: list[Series], artefact: ArtefactEntry, scores: pd.DataFrame, published: pd.DataFrame
) -> pd.DataFrame:
    """Return one row per printed cell, with the columns of the contract.

    Means and standard deviations under "ours" come from `scores` alone; where there are none they are NaN.
    `status` is "run", "not run" or, of times that the configuration leaves out, "not timed"; `left_out` names
    what a row would need and has not (config/public.yaml).
    """
    cells = []
    for one in series:
        for metric in artefact["metrics"]:
            unit = "seconds" if metric == TIME else artefact["unit"]
            found = select(scores, one, metric) if one.runs else scores.iloc[:0]
            status = _status(one, metric, found)
            for fold, values in _by_fold(one, found, artefact):
                key = (one.row, one.source, fold, one.region, one.split, metric, unit)
                percent = 100 if unit == "percent" else 1
                cells.append(
                    (*key, *_beside_published(percent * values, key, published), status, one.left_out)
                )
    return pd.DataFrame(cells, columns=COLUMNS)


def _status(one: Series, metric: str, found: pd.DataFrame) -> str:
    if metric == TIME and one.runs and found.empty:
        return NOT_TIMED
    return "run" if one.runs else NOT_RUN


def _beside_published(
    values: pd.Series, key: tuple[str, ...], published: pd.DataFrame
) -> tuple[float, float, float, float, float, int]:
    mean, std, count = summarise(values)
    known = published.loc[[key]].iloc[0] if key in published.index else {"mean": np.nan, "std": np.nan}
    return mean, std, known["mean"], known["std"], mean - known["mean"], count


def _by_fold(one: Series, scores: pd.DataFrame, artefact: ArtefactEntry) -> Iterator[tuple[str, pd.Series]]:
    """Yield the values of each fold and of all; of a series without scores no values, of as many folds."""
    if artefact.get("folds", "each") == "each":
        for fold in sorted(scores["fold"].unique()) or map(str, range(one.folds)):
            yield fold, scores["value"][scores["fold"] == fold]
    yield "avg", scores["value"]


def devices_of(series: list[Series], scores: pd.DataFrame) -> list[str]:
    """Return the devices that the series' trainings were timed on."""
    experiments = [one.experiment for one in series if one.runs]
    timed = scores[(scores.metric == TIME) & scores.experiment.isin(experiments)]
    return sorted(timed["case"].unique())


def interval_rows(
    series: list[Series],
    artefact: ArtefactEntry,
    scores: pd.DataFrame,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> pd.DataFrame:
    """Return the bootstrap interval of every pooled mean, and how many cases were left out as undefined."""
    found = []
    for one in (one for one in series if one.runs):
        for metric in _scored(artefact):
            values = select(scores, one, metric)["value"] * (100 if artefact["unit"] == "percent" else 1)
            low, high = bootstrap_interval(
                values.dropna().to_numpy(),
                resamples=resamples,
                confidence=confidence,
                seed=seed,
            )
            mean, _, count = summarise(values)
            undefined = int(values.isna().sum())
            found.append((*astuple(one)[:4], metric, mean, low, high, count, undefined))
    return pd.DataFrame(found, columns=[*SERIES, "metric", "mean", "low", "high", "n", "undefined"])


def comparison_rows(series: list[Series], artefact: ArtefactEntry, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the paired tests between all rows of a panel, corrected within each panel and metric."""
    found = []
    for region, split in dict.fromkeys((one.region, one.split) for one in series):
        compared = [one for one in series if one.runs and (one.region, one.split) == (region, split)]
        for metric in _scored(artefact):
            samples = {one.experiment: _sample(select(scores, one, metric)) for one in compared}
            panel = {"region": region, "split": split, "metric": metric}
            found += [panel | test for test in paired_tests(samples)]
    columns = ["region", "split", "metric", "a", "b", "n", "median_difference", "p", "p_holm"]
    return pd.DataFrame(found, columns=columns)


def _sample(scores: pd.DataFrame) -> pd.Series:
    """Return the values by fold and case; by case alone for the one model of an experiment without folds."""
    return scores.set_index(["fold", "case"] if scores.fold.nunique() > 1 else ["case"])["value"]


def _scored(artefact: ArtefactEntry) -> list[str]:
    """Return the metrics that have one value per case."""
    return [metric for metric in artefact["metrics"] if metric not in (TIME, *WHOLE)]
