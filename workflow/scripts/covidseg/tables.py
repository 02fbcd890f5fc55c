"""The papers' tables from scores.csv, each number beside the published one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from covidseg.files import write_text
from covidseg.statistics import bootstrap_interval, paired_tests, summarise

KEYS = ["row", "source", "fold", "region", "split", "metric", "unit"]
COLUMNS = [*KEYS, "ours_mean", "ours_std", "published_mean", "published_std", "difference", "n"]
TIME = "time"  # seconds per epoch of a fold's training; its "case" is the device
CASE = ["fold", "case"]


@dataclass(frozen=True)
class TableRow:
    """A row of a printed table: its name and source in the papers' words, and our experiment."""

    row: str
    source: str
    experiment: str


def read_scores(path: Path) -> pd.DataFrame:
    """Read scores.csv; "none" stays a word and empty values become NaN."""
    return pd.read_csv(path, keep_default_na=False, na_values={"value": [""]}, dtype={"fold": str})


def read_published(path: Path, paper: str, table: str) -> pd.DataFrame:
    """Read the published numbers of one table, indexed by the columns KEYS."""
    published = pd.read_csv(
        path, keep_default_na=False, na_values={"mean": [""], "std": [""]}, dtype={"fold": str}
    )
    return published[(published.paper == paper) & (published.table == table)].set_index(KEYS)


def table_cells(
    rows: list[TableRow], artefact: dict, scores: pd.DataFrame, published: pd.DataFrame
) -> pd.DataFrame:
    """Return one row a printed cell, with the columns of the contract.

    Means and standard deviations under "ours" come from `scores` alone; where there are none they are NaN.
    """
    cells = []
    for row in rows:
        for metric in artefact["metrics"]:
            unit = "seconds" if metric == TIME else artefact["unit"]
            selected = _select(scores, row.experiment, artefact, metric)
            for fold, values in _by_fold(selected, unit, artefact.get("folds", "each")):
                key = (row.row, row.source, fold, artefact["region"], artefact["split"], metric, unit)
                cells.append((*key, *_beside_published(values, key, published)))
    return pd.DataFrame(cells, columns=COLUMNS)


def _beside_published(values: pd.Series, key: tuple, published: pd.DataFrame) -> tuple:
    mean, std, count = summarise(values)
    known = published.loc[[key]].iloc[0] if key in published.index else {"mean": np.nan, "std": np.nan}
    return mean, std, known["mean"], known["std"], mean - known["mean"], count


def _select(scores: pd.DataFrame, experiment: str, artefact: dict, metric: str) -> pd.DataFrame:
    found = scores[(scores.experiment == experiment) & (scores.metric == metric)]
    if metric == TIME:  # of a training, which has neither region nor split
        return found
    return found[(found.region == artefact["region"]) & (found.split == artefact["split"])]


def _by_fold(scores: pd.DataFrame, unit: str, folds: str) -> Iterator[tuple[str, pd.Series]]:
    values = scores["value"] * (100 if unit == "percent" else 1)
    if folds == "each":
        for fold, part in values.groupby(scores["fold"]):
            yield str(fold), part
    yield "avg", values


def devices_of(rows: list[TableRow], scores: pd.DataFrame) -> list[str]:
    """Return the devices that the rows' trainings were timed on."""
    experiments = [row.experiment for row in rows]
    timed = scores[(scores.metric == TIME) & scores.experiment.isin(experiments)]
    return sorted(timed["case"].unique())


def interval_rows(
    rows: list[TableRow], artefact: dict, scores: pd.DataFrame, evaluation: dict, seed: int
) -> pd.DataFrame:
    """Return the bootstrap interval of every pooled mean, and how many cases were left out as undefined."""
    found = []
    for row in rows:
        for metric in _scored(artefact):
            values = _select(scores, row.experiment, artefact, metric)["value"]
            low, high = bootstrap_interval(
                values.dropna().to_numpy(),
                resamples=evaluation["bootstrap"],
                confidence=evaluation["confidence"],
                seed=seed,
            )
            mean, _, count = summarise(values)
            found.append((row.row, row.source, metric, mean, low, high, count, int(values.isna().sum())))
    return pd.DataFrame(found, columns=["row", "source", "metric", "mean", "low", "high", "n", "undefined"])


def comparison_rows(rows: list[TableRow], artefact: dict, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the paired tests between all rows of the table, corrected within each metric."""
    found = []
    for metric in _scored(artefact):
        samples = {}
        for row in rows:
            selected = _select(scores, row.experiment, artefact, metric)
            samples[row.experiment] = selected.set_index(CASE)["value"]
        found += [{"metric": metric, **test} for test in paired_tests(samples)]
    return pd.DataFrame(found, columns=["metric", "a", "b", "n", "median_difference", "p", "p_holm"])


def _scored(artefact: dict) -> list[str]:
    """Return the metrics that have a value a case."""
    return [metric for metric in artefact["metrics"] if metric != TIME]


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, atomically, numbers with nine decimals."""
    write_text(path, table.to_csv(index=False, float_format="%.9g", lineterminator="\n"))
