"""How large the cases are: from cases.csv once it exists, before that from config/grids.csv."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from covidseg.cases.case_folder import CaseFolder, parse_shape, parse_spacing, read_case_rows
from covidseg.cases.resampling import new_shape
from covidseg.cases.splits import published_folds
from covidseg.cases.target_spacing import target_spacing
from covidseg.config.configuration import Configuration

TEST_SHARE = 0.2  # share of the test cases in a random split


@dataclass(frozen=True)
class Grid:
    """Number of voxels (z, y, x) and voxel spacing in mm of one case."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]


@dataclass(frozen=True)
class Cohort:
    """The cases of a data set.

    Attributes:
        grids: case -> grid; empty while the cases or their grids are unknown.
        basis: where the grids come from, as printed in the table.
    """

    grids: dict[str, Grid]
    basis: str


def read_cohort(config: Configuration, dataset: str, cases: Path | None) -> Cohort:
    """Return the cases of a data set.

    Args:
        config: the checked configuration.
        dataset: name of a data set of volumes, not of slices.
        cases: the folder results/cases of this configuration, or None if there is none.
    """
    table = _table(cases, dataset)
    if table:
        rows = read_case_rows(table)
        return Cohort({row.case: Grid(row.shape, row.spacing_mm) for row in rows}, "cases.csv")
    names = config.case_names(dataset) or []
    # A data set that reads another data set's archives (covid20-lung) has the grid of the archives' owner.
    owner = config.datasets[dataset]["images"]["archive"].partition("/")[0]
    typical = {} if config.is_phantom(dataset) else typical_grids(config.folder / "grids.csv")
    if owner not in typical or not names:
        return Cohort({}, "unknown before ingest")
    return Cohort(dict.fromkeys(names, typical[owner]), "config/grids.csv")


def _table(cases: Path | None, dataset: str) -> Path | None:
    table = cases and CaseFolder(cases / dataset).table
    return table if table and table.exists() else None


def typical_grids(table: Path) -> dict[str, Grid]:
    """Return host of archives -> the grid of its typical scan, from config/grids.csv."""
    with open(table, newline="", encoding="utf-8") as file:
        return {
            row["dataset"]: Grid(parse_shape(row["shape"]), parse_spacing(row["spacing_mm"]))
            for row in csv.DictReader(file)
        }


def known_target_spacing(config: Configuration, cases: Path | None) -> tuple[float, ...] | None:
    """Return the target spacing (z, y, x) in mm.

    The spacing is configured or follows from the cases of the target data set. The result is None while these
    cases are unknown.
    """
    plan = config.sections["plan"]
    if plan["spacing"]:
        return tuple(plan["spacing"])
    table = _table(cases, plan["target"])
    if table:
        return target_spacing(table)
    grids = read_cohort(config, plan["target"], cases).grids
    return next(iter(grids.values())).spacing if grids else None  # all grids are equal: no median is needed


def at_target_spacing(grid: Grid, target_spacing: tuple[float, ...]) -> tuple[int, int, int]:
    """Return the number of voxels (z, y, x) of a case after preprocessing."""
    return new_shape(grid.shape, grid.spacing, target_spacing)


def predicted_grids(
    config: Configuration, cohort: Cohort, dataset: str, *, trained_on: tuple[str, ...], fold: int
) -> list[Grid]:
    """Return the grids of the cases that a model segments.

    These are the test cases of the fold if the model was trained on the data set, otherwise all cases.

    Args:
        config: the checked configuration.
        cohort: the cases of the data set.
        dataset: name of the data set.
        trained_on: names of the data sets that the model was trained on.
        fold: number of the fold.
    """
    names, split = list(cohort.grids), config.datasets[dataset]["split"]
    if dataset in trained_on and split in config.splits:
        folds = published_folds(config.splits[split], set(names))
        names = folds[fold if len(folds) > 1 else 0]["test"]
    elif dataset in trained_on:
        names = names[: math.ceil(TEST_SHARE * len(names))]
    return [cohort.grids[name] for name in names]
