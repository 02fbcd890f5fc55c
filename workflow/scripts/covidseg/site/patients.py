"""The patients behind a number: each patient's mean over folds, and the page that shows the case."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pandas as pd

from covidseg.config.series import Series
from covidseg.evaluation.statistics import patient_means
from covidseg.paper.measures import SIGNS, measure_of
from covidseg.paper.tables import select
from covidseg.site.file_names import case_page, safe_name
from covidseg.site.score_rows import Cell

Scores = Mapping[str, pd.DataFrame]  # experiment -> its rows of scores.csv


@dataclass(frozen=True)
class Patient:
    """A patient's score.

    Attributes:
        name: of the patient.
        value: mean over folds and scans.
        reference: the same of the row that is compared with; NaN without one.
        link: page of the patient's first case, below the site's folder.
    """

    name: str
    value: float
    reference: float
    link: str


def patients_of(scores: Scores, cell: Cell, other: Cell | None, slice_datasets: list[str]) -> list[Patient]:
    """Return the patients of a cell from the best to the worst.

    Args:
        scores: experiment -> its rows of scores.csv.
        cell: the cell; without scores of cases, as of a metric over all slices, it has no patients.
        other: the reference's cell of the same measure.
        slice_datasets: data sets of slices, which have other pages than cases.
    """
    found = _scores_of(scores, cell) if cell.status == "run" else pd.DataFrame(columns=["patient"])
    references = (
        patient_means(_scores_of(scores, other))
        if other and other.status == "run"
        else pd.Series(dtype=float)
    )
    cases = found.drop_duplicates("patient").set_index("patient")
    means = patient_means(found) if len(found) else pd.Series(dtype=float)
    order = (means * (SIGNS[measure_of(cell.measure.metric).better] or 1)).sort_values(kind="stable").index
    against = other if other and other.experiment != cell.experiment else None
    return [
        Patient(
            str(name),
            float(means[name]),
            float(references.get(name, float("nan"))) if against else float("nan"),
            _link(cases.loc[name], found, cell, against, slice_datasets),
        )
        for name in order
    ]


def _scores_of(scores: Scores, cell: Cell) -> pd.DataFrame:
    where = cell.measure
    one = Series("", "", where.region, where.split, cell.experiment)
    found = select(scores[cell.experiment], one, where.metric)
    return found[found["patient"].notna() & (found["patient"] != "")]


def _link(
    case: Any,  # noqa: ANN401  (a row of scores.csv)
    scores: pd.DataFrame,
    cell: Cell,
    other: Cell | None,
    slice_datasets: list[str],
) -> str:
    shown = [cell.experiment, *([other.experiment] if other else [])]
    if case["dataset"] in slice_datasets and cell.measure.region == "lesion":
        slices = scores.loc[scores["dataset"] == case["dataset"], "case"].unique().tolist()
        return slice_link(case["dataset"], slices.index(case["case"]) + 1, shown)
    return case_link(case["dataset"], case["case"], case["fold"], shown)


def case_link(dataset: str, case: str, fold: str, experiments: list[str]) -> str:
    """Return the address of the viewer with a case, and a fold of one or two experiments as A and B."""
    views = zip("ab", experiments, strict=False)
    shown = "&".join(f"{side}={quote(name, safe='')}/fold{fold}" for side, name in views)
    return f"{case_page(dataset, case)}#{shown}"


def slice_link(dataset: str, number: int, systems: list[str]) -> str:
    """Return the address of the viewer with a slice, counted from 1, and one or two systems as A and B."""
    shown = "&".join(f"{side}={quote(name, safe='')}" for side, name in zip("ab", systems, strict=False))
    return f"slices/{safe_name(dataset)}/index.html#{shown}&slice={number}"
