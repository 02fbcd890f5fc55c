"""The numbers of the papers' tables: means, intervals and tests from scores.csv, and published numbers."""

from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.config.series import Series
from covidseg.evaluation.statistics import bootstrap_interval, paired_tests, summarise
from covidseg.paper.measures import measure_of

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
TIME = "time"  # seconds per training epoch, one row per fold; the column "case" names the device
WHOLE = (
    "AUPRC",
    "DSC_lower_bound",
)  # metrics over all slices, so that intervals and tests are impossible
NOT_RUN = "not run"
NOT_TIMED = "not timed"
SYNONYMS = {"Recall": "Sensitivity"}  # ma2021 Table X prints the same quantity under both names


def read_published(path: Path, paper: str, tables: str | list[str]) -> pd.DataFrame:
    """Read the published numbers that one of our tables is compared with.

    Args:
        path: config/published.csv.
        paper: key of the paper.
        tables: name of the published table, or names of several tables that we print as one.

    Returns:
        One row per published number, indexed by KEYS.
    """
    published = pd.read_csv(
        path, keep_default_na=False, na_values={"mean": [""], "std": [""]}, dtype={"fold": str}
    )
    # In yang2021 some names of rows repeat the range of thresholds, which the metric already stands for.
    published["row"] = published["row"].str.replace(r" \(every threshold in .*\)", "", regex=True)
    tables = [tables] if isinstance(tables, str) else tables
    return published[(published.paper == paper) & published.table.isin(tables)].set_index(KEYS)


def select(scores: pd.DataFrame, series: Series, metric: str) -> pd.DataFrame:
    """Return the rows of scores.csv that belong to one series and one metric."""
    metric = SYNONYMS.get(metric, metric)
    found = scores[(scores.experiment == series.experiment) & (scores.metric == metric)]
    if metric == TIME:  # the time of a training has neither region nor split
        return found
    return found[(found.region == series.region) & (found.split == series.split)]


def table_cells(
    series: list[Series], artefact: ArtefactEntry, scores: pd.DataFrame, published: pd.DataFrame
) -> pd.DataFrame:
    """Return one row per printed cell, with the columns COLUMNS.

    The columns `ours_mean` and `ours_std` come from `scores` alone; they are NaN if a cell has no scores.
    `status` is "run", "not run", or "not timed" if the configuration does not time trainings. `left_out`
    names the entries of the configuration's `without` because of which the row is not run (public.yaml).

    Args:
        series: the rows of the table, per panel.
        artefact: entry of artefacts.yaml.
        scores: table scores.csv.
        published: published numbers, as returned by `read_published`.
    """
    cells = []
    for one in series:
        for metric in artefact["metrics"]:
            unit = unit_of(metric, artefact)
            found = select(scores, one, metric) if one.runs else scores.iloc[:0]
            status = _status(one, metric, found)
            for fold, values in _by_fold(one, found, artefact):
                key = (one.row, one.source, fold, one.region, one.split, metric, unit)
                values = _in_unit(values, unit)
                cells.append((*key, *_beside_published(values, key, published), status, one.left_out))
    return pd.DataFrame(cells, columns=COLUMNS)


def unit_of(metric: str, artefact: ArtefactEntry) -> str:
    """Return the unit in which a table prints a metric."""
    return measure_of(metric).unit or artefact["unit"]


def _in_unit(values: pd.Series, unit: str) -> pd.Series:
    return values * 100 if unit == "percent" else values


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
    """Yield (fold, values) for every fold, and then ("avg", values of all folds).

    A series without scores yields empty values, for as many folds as the experiment has models. Only "avg"
    is yielded if the entry has `folds: average`.
    """
    if artefact.get("folds", "each") == "each":
        for fold in sorted(scores["fold"].unique()) or map(str, range(one.folds)):
            yield fold, scores["value"][scores["fold"] == fold]
    yield "avg", scores["value"]


def devices_of(series: list[Series], scores: pd.DataFrame) -> list[str]:
    """Return the devices on which the trainings of the series were timed, in alphabetical order."""
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
    """Return one row per series and metric: the mean over the cases of all folds, and its bootstrap interval.

    Args:
        series: the rows of the table, per panel.
        artefact: entry of artefacts.yaml.
        scores: table scores.csv.
        resamples: number of bootstrap samples.
        confidence: level of the intervals, 0 to 1.
        seed: seed of the random generator.

    Returns:
        Mean, interval from `low` to `high`, number `n` of defined values and number of `undefined` values.
        Undefined values do not enter the mean.
    """
    found = []
    for one in (one for one in series if one.runs):
        for metric in _scored(artefact):
            values = _in_unit(select(scores, one, metric)["value"], unit_of(metric, artefact))
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
    """Return one row per paired test, for every two series of a panel and every metric.

    Holm's correction covers the tests of one panel and metric (see `paired_tests`).
    """
    found = []
    for region, split in dict.fromkeys((one.region, one.split) for one in series):
        compared = [one for one in series if one.runs and (one.region, one.split) == (region, split)]
        for metric in (name for name in _scored(artefact) if measure_of(name).better):
            samples = {one.experiment: _sample(select(scores, one, metric)) for one in compared}
            panel = {"region": region, "split": split, "metric": metric}
            found += [panel | test for test in paired_tests(samples)]
    columns = ["region", "split", "metric", "a", "b", "n", "median_difference", "p", "p_holm"]
    return pd.DataFrame(found, columns=columns)


def _sample(scores: pd.DataFrame) -> pd.Series:
    """Return the values indexed by (fold, case), or by case if the scores come from one fold only."""
    return scores.set_index(["fold", "case"] if scores.fold.nunique() > 1 else ["case"])["value"]


def _scored(artefact: ArtefactEntry) -> list[str]:
    """Return the metrics of the entry that have one value per case."""
    return [metric for metric in artefact["metrics"] if metric not in (TIME, *WHOLE)]
