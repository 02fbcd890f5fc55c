"""What the pages of the data sets show of cases: volumes, lesion load, folds, and what `ingest` has told."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from covidseg.cases.case_folder import CaseRow
from covidseg.cases.ingest_log import NUMBERS
from covidseg.cases.splits import Folds, evaluation_cases
from covidseg.regions import LESIONS, LUNGS


@dataclass(frozen=True)
class Case:
    """A case of a data set.

    Attributes:
        row: its row of cases.csv.
        volumes: region -> mL.
        load: share of the lungs that is lesion, in percent; None without lesions or labelled lungs.
        parts: per fold "train", "test" or "" (neither).
        predicted: whether a model has segmented the case, so that the viewer shows it.
    """

    row: CaseRow
    volumes: dict[str, float]
    load: float | None
    parts: tuple[str, ...]
    predicted: bool

    @property
    def lesion(self) -> float | None:
        """Volume of all lesions in mL; None if the data set labels none."""
        found = [volume for region, volume in self.volumes.items() if region in LESIONS]
        return sum(found) if found else None


def volumes(row: CaseRow) -> dict[str, float]:
    """Return region -> volume in mL."""
    voxel_ml = math.prod(row.spacing_mm) / 1000
    return {region: count * voxel_ml for region, count in row.voxels.items()}


def lung_volumes(tables: Mapping[str, Sequence[CaseRow]]) -> dict[str, float]:
    """Return checksum of a scan -> volume of its lungs in mL, lesions in them included.

    One scan may belong to several data sets, of which only one labels the lungs. Scans are the same if their
    files have the same checksum.

    Args:
        tables: data set -> its cases.
    """
    found: dict[str, float] = {}
    for rows in tables.values():
        for row in rows:
            if set(LUNGS) <= row.voxels.keys():
                found.setdefault(row.sha256, sum(volumes(row).values()))
    return found


def make_cases(
    rows: Sequence[CaseRow], *, lungs: Mapping[str, float], folds: Folds, predicted: Collection[str]
) -> list[Case]:
    """Return the cases of a data set.

    Args:
        rows: its rows of cases.csv.
        lungs: checksum of a scan -> volume of its lungs in mL.
        folds: the data set's split.
        predicted: names of the cases that a model has segmented.
    """
    cases = []
    for row in rows:
        parts = tuple(
            next((part for part in ("train", "test") if row.case in fold[part]), "") for fold in folds
        )
        cases.append(Case(row, volumes(row), lesion_load(row, lungs), parts, row.case in predicted))
    return cases


def lesion_load(row: CaseRow, lungs: Mapping[str, float]) -> float | None:
    """Return the share of the lungs that is lesion, in percent; None without lesions or labelled lungs.

    Args:
        row: row of cases.csv.
        lungs: checksum of a scan -> volume of its lungs in mL.
    """
    own = volumes(row)
    lesions = [own[region] for region in own if region in LESIONS]
    whole = sum(own.values()) if set(LUNGS) <= own.keys() else lungs.get(row.sha256)
    return 100 * sum(lesions) / whole if lesions and whole else None


def predicted_cases(
    dataset: str, experiments: Mapping[str, Mapping[str, Any]], splits: Mapping[str, Folds]
) -> set[str]:
    """Return the cases of a data set that a model segments.

    Args:
        dataset: name of the data set.
        experiments: name -> data sets that it trains on (`train`), `evaluate`, and number of `folds`.
        splits: data set -> folds.
    """
    return {
        case
        for one in experiments.values()
        if dataset in one["evaluate"]
        for fold in range(one["folds"])
        for case in evaluation_cases(dict(splits), dataset, list(one["train"]), fold)
    }


def told(cases: Sequence[Case]) -> list[tuple[str, list[str]]]:
    """Return what `ingest` has corrected or warned of, as (sentence, cases), most cases first.

    Sentences that differ in numbers alone are one kind; the first sentence stands for all.
    """
    kinds: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for case in cases:
        for text in (*case.row.corrections, *case.row.warnings):
            kinds[NUMBERS.sub("..", text)].append((text, case.row.case))
    found = [(texts[0][0], [case for _, case in texts]) for texts in kinds.values()]
    return sorted(found, key=lambda kind: -len(kind[1]))


@dataclass(frozen=True)
class Spread:
    """The values of one quantity over the cases.

    Attributes:
        title: of the quantity, with its unit.
        values: (case, value) of the cases for which the quantity is known.
    """

    title: str
    values: list[tuple[str, float]]

    @property
    def numbers(self) -> list[float]:
        """The values alone."""
        return [value for _, value in self.values]

    @property
    def median(self) -> float:
        """The median of the values."""
        return median(self.numbers)


def spreads(cases: Sequence[Case]) -> list[Spread]:
    """Return the quantities that at least one case has."""
    quantities: dict[str, list[tuple[str, float | None]]] = {
        "Lesion volume, mL": [(case.row.case, case.lesion) for case in cases],
        "Lesion load, % of the lungs": [(case.row.case, case.load) for case in cases],
        "Lungs, mL": [(case.row.case, _lungs(case)) for case in cases],
        "Slices": [(case.row.case, case.row.shape[0]) for case in cases],
        "Slice spacing, mm": [(case.row.case, case.row.spacing_mm[0]) for case in cases],
        "Pixel spacing, mm": [(case.row.case, case.row.spacing_mm[2]) for case in cases],
    }
    found = [
        Spread(title, [(case, value) for case, value in values if value is not None])
        for title, values in quantities.items()
    ]
    return [one for one in found if one.values]


def _lungs(case: Case) -> float | None:
    return sum(case.volumes.values()) if set(LUNGS) <= case.volumes.keys() else None
