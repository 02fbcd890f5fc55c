"""The number that judges a comparison of a claim: ours with its interval, and the published one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from math import isnan
from pathlib import Path

import numpy as np
import pandas as pd

from covidseg.config.entries import CellParameters, ClaimParameters, ComparisonParameters
from covidseg.config.series import FROZEN, RELATIONS, Series
from covidseg.evaluation.comparisons import compare_samples
from covidseg.evaluation.statistics import (
    Interval,
    Sample,
    mean_sample,
    paired_interval,
    patient_means,
    sample_interval,
)
from covidseg.evaluation.verdicts import range_interval, too_few
from covidseg.paper.tables import TIME, read_published, select
from covidseg.paper.uncertainty import Bootstrap
from covidseg.reading import read_json, read_table
from covidseg.weak.evaluation import WHOLE

NAN = float("nan")
NOTHING = Interval(NAN, NAN, NAN, 0)
HELD_OUT = {"validation": "in_domain"}  # two names of the same cases, in ma2021's Tasks 3 and 2
RELATIVE = (TIME, *RELATIONS)  # metrics whose numbers are relative changes
OF_TRAININGS = {
    TIME: "seconds per epoch",
    FROZEN: "share of the parameters that are frozen",
    "general_difference": "difference between the general encoder's relations of both kinds of cases",
    "target_difference": "difference between the two encoders' relations",
}
Side = list[CellParameters]
Measured = tuple[Interval, str]  # a number, and why there is no number or no interval
# (table, row, source, fold, region, split, metric) -> the published number, as a fraction
Published = dict[tuple[str, ...], float]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the numbers are computed from.

    Attributes:
        scores: experiment -> its rows of scores.csv.
        files: log.csv and model.json of models, as far as the claims need them.
        bootstrap: how the patients are resampled.
    """

    scores: dict[str, pd.DataFrame]
    files: list[Path]
    bootstrap: Bootstrap

    def of(self, cell: CellParameters) -> pd.DataFrame:
        """Return the rows of scores.csv whose mean is the cell, without undefined values."""
        return self._rows(Series(*cell["series"]), cell["metric"], cell["fold"]).dropna(subset="value")

    def patients(self, side: Side) -> set[str]:
        """Return the patients of the cells, also those whose value is undefined."""
        rows = (self._rows(Series(*cell["series"]), cell["metric"], cell["fold"]) for cell in side)
        return {patient for part in rows for patient in part.patient}

    @cache  # noqa: B019  (a cell is part of many comparisons)
    def _rows(self, series: Series, metric: str, fold: str) -> pd.DataFrame:
        found = select(self.scores[series.experiment], series, metric)
        return found if fold == "avg" else found[found.fold == fold]

    def sample(self, cell: CellParameters) -> Sample:
        """Return the cell as a statistic that can be resampled."""
        series, metric = Series(*cell["series"]), cell["metric"]
        if metric in WHOLE:
            return self.bootstrap.sample(self.scores[series.experiment], series, metric)
        return mean_sample(self.of(cell))

    def paths(self, cell: CellParameters, name: str) -> list[Path]:
        """Return the files of this name of the cell's experiment, one per fold."""
        experiment = Series(*cell["series"]).experiment
        return [path for path in self.files if path.name == name and path.parts[-3] == experiment]


def measure(comparison: ComparisonParameters, evidence: Evidence) -> Measured:
    """Return our number for a comparison with its interval, and a reason if one of the two is missing."""
    return MEASURES.get(comparison["a"][0]["metric"], _by_patient)(comparison["a"], comparison["b"], evidence)


def _by_patient(a: Side, b: Side, evidence: Evidence) -> Measured:
    if any(evidence.of(cell).empty for cell in a + b):
        return NOTHING, "no scores"
    interval = _interval(a, b, evidence)
    if too_few(interval):
        return interval._replace(low=NAN, high=NAN), f"too few patients: {interval.n}"
    return interval, ""


def _interval(a: Side, b: Side, evidence: Evidence) -> Interval:
    """Return the number with the interval that the tables print, where they print the number.

    Both sides are paired if they are of one split and of the same patients. Two data sets that label
    different patients, as lungs and effusions of NSCLC, also share the name of a split.
    """
    resampling = evidence.bootstrap
    splits = [HELD_OUT.get(split, split) for split in (Series(*cell["series"]).split for cell in a + b)]
    paired = len(set(splits)) == 1 and (not b or evidence.patients(a) == evidence.patients(b))
    single = (len(a), len(b)) == (1, 1) and paired
    if single and a[0]["metric"] not in WHOLE:
        return paired_interval(*(patient_means(evidence.of(cell)) for cell in a + b), resampling=resampling)
    first, second = ([evidence.sample(cell) for cell in side] for side in (a, b))
    if single:
        found = compare_samples(first[0], second[0], resampling=resampling)
        return Interval(found.difference, found.low, found.high, found.n)
    if (len(a), len(b)) == (1, 0):
        return sample_interval(first[0], resampling)
    return range_interval(first, second, paired=paired, resampling=resampling)


def _by_fold(changes: pd.Series, whole: float) -> Interval:
    """Return a number with the lowest and the highest fold in place of an interval."""
    return Interval(whole, float(changes.min()), float(changes.max()), len(changes))


def _seconds(a: Side, b: Side, evidence: Evidence) -> Measured:
    timed = [evidence.of(cell) for cell in (a[0], b[0])]
    if any(rows.empty for rows in timed):
        return NOTHING, "not timed"
    if pd.concat(timed).case.nunique() > 1:
        return NOTHING, "timed on different devices"
    first, second = (rows.set_index("fold")["value"] for rows in timed)
    return _by_fold((first / second - 1).dropna(), float(first.mean() / second.mean() - 1)), ""


def _frozen(a: Side, b: Side, evidence: Evidence) -> Measured:
    (path,) = evidence.paths(a[0], "model.json")
    parts = read_json(path).get("parameters")
    if not parts:
        return NOTHING, "model.json lacks the numbers of parameters"
    frozen, trained = (sum(part[key] for part in parts.values()) for key in ("frozen", "trained"))
    share = frozen / (frozen + trained)
    return Interval(share, share, share, 0), ""


def _change_in_training(a: Side, b: Side, evidence: Evidence) -> Measured:
    metric = a[0]["metric"]
    columns = [read_table(path, [metric])[metric] for path in evidence.paths(a[0], "log.csv")]
    changes = pd.Series([column.iloc[-1] / column.iloc[0] - 1 for column in columns])
    return _by_fold(changes, float(changes.mean())), ""


Measure = Callable[[Side, Side, Evidence], Measured]
MEASURES: dict[str, Measure] = {
    TIME: _seconds,
    FROZEN: _frozen,
    **dict.fromkeys(RELATIONS, _change_in_training),
}


def read_numbers(path: Path, paper: str, claims: Iterable[ClaimParameters]) -> Published:
    """Return the published numbers of every table that the claims refer to.

    Args:
        path: config/published.csv.
        paper: key of the paper.
        claims: as returned by `claim_parameters`.
    """
    found = (one for claim in claims for one in claim["comparisons"])
    places = (place for one in found for cell in one["a"] + one["b"] for place in cell["published"])
    tables = sorted({table for place in places for table in _tables(place[0])})
    table = read_published(path, paper, tables).reset_index()
    keys = table[["table", "row", "source", "fold", "region", "split", "metric"]].itertuples(index=False)
    numbers = table["mean"].where(table.unit != "percent", table["mean"] / 100)
    return {tuple(key): number for key, number in zip(keys, numbers, strict=True)}


def _tables(written: str | list[str]) -> list[str]:
    return [written] if isinstance(written, str) else written


def published_number(comparison: ComparisonParameters, published: Published) -> float:
    """Return the number of a comparison by the paper's text or else by its tables; NaN if it prints none."""
    if comparison["printed"] is not None:
        return comparison["printed"]
    sides = [
        [_published_cell(cell, published) for cell in side]
        for side in (comparison["a"], comparison["b"])
        if side
    ]
    numbers = [side[0] if len(side) == 1 else float(np.ptp(side)) for side in sides]
    if comparison["a"][0]["metric"] in RELATIVE:
        return numbers[0] / numbers[1] - 1 if len(numbers) > 1 else NAN
    return numbers[0] - numbers[1] if len(numbers) > 1 else numbers[0]


def _published_cell(cell: CellParameters, published: Published) -> float:
    series = Series(*cell["series"])
    where = cell["fold"], series.region, series.split, cell["metric"]
    keys = (
        (table, row, source, *where) for tables, row, source in cell["published"] for table in _tables(tables)
    )
    return next((published[key] for key in keys if not isnan(published.get(key, NAN))), NAN)
