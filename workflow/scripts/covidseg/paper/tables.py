"""The numbers of the papers' tables: means from scores.csv, and the published numbers beside them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.config.series import Series
from covidseg.evaluation.statistics import summarise
from covidseg.paper.measures import measure_of
from covidseg.reading import read_table
from covidseg.weak.evaluation import WHOLE

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
    "published_in",
    "status",
    "left_out",
    "experiment",
]
TIME = "time"  # seconds per training epoch, one row per fold; the column "case" names the device
NOT_RUN = "not run"
NOT_TIMED = "not timed"
# What the papers call "Ours", which here means this run.
AUTHORS_METHODS = {"zhang2021": "Collaborative learning", "yang2021": "Decomposition"}
SYNONYMS = {"Recall": "Sensitivity"}  # ma2021 Table X prints the same quantity under both names


def read_published(
    path: Path, paper: str, tables: str | list[str], elsewhere: str | None = None
) -> pd.DataFrame:
    """Read the published numbers that one of our tables is compared with.

    Args:
        path: config/published.csv.
        paper: key of the paper.
        tables: name of the published table, or names of several tables that we print as one.
        elsewhere: name of another published table, whose numbers stand in for numbers that `tables` lack.

    Returns:
        One row per published number, indexed by KEYS. Its column `published_in` is `elsewhere` for a number
        that stands in, and otherwise empty.
    """
    published = read_table(
        path,
        [*KEYS, "mean", "std"],
        "correct the file",
        keep_default_na=False,
        na_values={"mean": [""], "std": [""]},
        dtype={"fold": str},
    )
    # In yang2021 some names of rows repeat the range of thresholds, which the metric already stands for.
    published["row"] = published["row"].str.replace(r" \(every threshold in .*\)", "", regex=True)
    published["row"] = published["row"].str.replace("^Ours", AUTHORS_METHODS.get(paper, "Ours"), regex=True)
    tables = [tables] if isinstance(tables, str) else tables
    published = published[published.paper == paper].set_index(KEYS)
    own, other = published[published.table.isin(tables)], published[published.table == elsewhere]
    other = other[~other.index.isin(own.index)]
    return pd.concat([own.assign(published_in=""), other.assign(published_in=other["table"])])


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
    `experiment` is the key of our experiment in experiments.yaml.
    `n` is the number of patients with a defined value; of times it is the number of folds.

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
            for fold, part in _by_fold(one, found, artefact):
                key = (one.row, one.source, fold, one.region, one.split, metric, unit)
                values = scale_of(metric, artefact) * part["value"]
                counted = select(scores, one, "DSC") if metric in WHOLE and one.runs else part
                numbers = _beside_published(values, _count(counted, metric), key, published)
                cells.append((*key, *numbers, status, one.left_out, one.experiment))
    return pd.DataFrame(cells, columns=COLUMNS)


def unit_of(metric: str, artefact: ArtefactEntry) -> str:
    """Return the unit in which a table prints a metric."""
    return measure_of(metric).unit or artefact.get("unit", "fraction")


def scale_of(metric: str, artefact: ArtefactEntry) -> int:
    """Return the factor by which a table prints a metric of scores.csv."""
    return 100 if unit_of(metric, artefact) == "percent" else 1


def _status(one: Series, metric: str, found: pd.DataFrame) -> str:
    if metric == TIME and one.runs and found.empty:
        return NOT_TIMED
    return "run" if one.runs else NOT_RUN


def _count(scores: pd.DataFrame, metric: str) -> int:
    """Return the number of patients with a defined value; of times, the number of folds."""
    return int(scores.dropna(subset="value")["fold" if metric == TIME else "patient"].nunique())


def _beside_published(
    values: pd.Series, count: int, key: tuple[str, ...], published: pd.DataFrame
) -> tuple[float, float, float, float, float, int, str]:
    mean, std, _ = summarise(values)
    unknown = pd.Series({"mean": np.nan, "std": np.nan, "published_in": ""})
    known = published.loc[[key]].iloc[0] if key in published.index else unknown
    return mean, std, known["mean"], known["std"], mean - known["mean"], count, known["published_in"]


def _by_fold(
    one: Series, scores: pd.DataFrame, artefact: ArtefactEntry
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield (fold, scores) for every fold, and then ("avg", scores of all folds).

    A series without scores yields empty scores, for as many folds as the experiment has models. Only "avg"
    is yielded if the entry has `folds: average`.
    """
    if artefact.get("folds", "each") == "each":
        for fold in sorted(scores["fold"].unique()) or map(str, range(one.folds)):
            yield fold, scores[scores["fold"] == fold]
    yield "avg", scores


def devices_of(series: list[Series], scores: pd.DataFrame) -> list[str]:
    """Return the devices on which the trainings of the series were timed, in alphabetical order."""
    experiments = [one.experiment for one in series if one.runs]
    timed = scores[(scores.metric == TIME) & scores.experiment.isin(experiments)]
    return sorted(timed["case"].unique())
