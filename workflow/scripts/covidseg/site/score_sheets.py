"""Reads the sheets of a table of scores: its numbers, intervals and tests."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.reading import read_table
from covidseg.site.looks import Look
from covidseg.site.measures import PANEL, Measure, measures_of
from covidseg.site.score_rows import Block, Cell, Fold, Row, ScoreTable

# (experiment, region, split, metric) -> ends of the interval
Limits = Mapping[tuple[str, str, str, str], tuple[float, float]]
NUMBERS = ("ours_mean", "ours_std", "published_mean", "published_std", "low", "high", "difference")


def read_score_table(
    base: Path, entry: ArtefactEntry, looks: Mapping[str, Look], tolerances: dict[str, float]
) -> ScoreTable:
    """Read a table of scores: <base>.csv, <base>_intervals.csv and <base>_tests.csv.

    Args:
        base: path of the artefact without suffix.
        entry: entry of artefacts.yaml.
        looks: experiment -> its look.
        tolerances: region -> tolerance of the NSD in mm.
    """
    cells, intervals, tests = (read_sheet(Path(f"{base}{end}.csv")) for end in ("", "_intervals", "_tests"))
    measures = measures_of(entry, cells, intervals, tolerances)
    limits = {
        (one.experiment, one.region, one.split, one.metric): (one.low, one.high)
        for one in _records(intervals)
    }
    rows = [
        _row(f"{base.name}-{number}", part, measures, limits, looks)
        for number, (_, part) in enumerate(cells.groupby(["row", "source"], sort=False))
    ]
    return ScoreTable(
        base.name,
        measures,
        [Block(group[0].look.title, group) for group in _by_strategy(rows)],
        _reference(rows),
        {
            (test.region, test.split, test.metric, test.a, test.b): (test.low, test.difference, test.high)
            for test in _records(tests)
        },
    )


def read_sheet(path: Path) -> pd.DataFrame:
    """Read a sheet of an artefact; "none" stays a word, and an empty number becomes NaN."""
    return read_table(
        path,
        [],
        keep_default_na=False,
        na_values={name: [""] for name in NUMBERS},
        dtype={"fold": str, "left_out": str, "published_in": str},
    )


def _records(table: pd.DataFrame) -> Iterator[Any]:
    """Yield one tuple per row; the columns are the attributes of the tuple."""
    return table.itertuples(index=False)


def _row(
    key: str, part: pd.DataFrame, measures: list[Measure], limits: Limits, looks: Mapping[str, Look]
) -> Row:
    first = part.iloc[0]
    own = {panel: list(_records(group)) for panel, group in part.groupby(PANEL)}
    cells = {measure: _cell(measure, own[measure.key], limits) for measure in measures if measure.key in own}
    return Row(key, first["row"], first["source"], looks[first["experiment"]], cells)


def _cell(measure: Measure, own: list[Any], limits: Limits) -> Cell:
    average = next(one for one in own if one.fold == "avg")
    low, high = limits.get((average.experiment, *measure.key), (float("nan"), float("nan")))
    return Cell(
        measure=measure,
        experiment=average.experiment,
        mean=average.ours_mean,
        std=average.ours_std,
        low=low,
        high=high,
        published=average.published_mean,
        published_std=average.published_std,
        elsewhere=average.published_in,
        mark=measure.marks.get((average.row, average.source), ""),
        status=average.status,
        left_out=average.left_out,
        n=int(average.n),
        folds=[Fold(one.fold, one.ours_mean, one.published_mean) for one in own if one.fold != "avg"],
    )


def _by_strategy(rows: list[Row]) -> list[list[Row]]:
    return [list(group) for _, group in groupby(rows, key=lambda row: (row.look.strategy, row.look.title))]


def _reference(rows: list[Row]) -> Row | None:
    """Return the row trained from scratch, or among weakly supervised systems the first row."""
    if rows and not rows[0].look.title:
        return rows[0]
    return next((row for row in rows if row.look.strategy == "scratch"), None)
