"""What the papers claim: claims.yaml, checked against experiments.yaml, with every comparison written out."""

import math
from collections.abc import Iterator
from dataclasses import astuple
from itertools import product
from pathlib import Path
from typing import NamedTuple

from covidseg.archives.dataset import Datasets
from covidseg.config.checks import check_known
from covidseg.config.configuration import Configuration
from covidseg.config.entries import (
    ArtefactEntry,
    CellParameters,
    ClaimEntry,
    ClaimParameters,
    Claims,
    ComparisonEntry,
    Panel,
    SideEntry,
)
from covidseg.config.experiments import Experiment
from covidseg.config.series import FROZEN, RELATIONS, Series
from covidseg.config.without import describe_left_out
from covidseg.errors import InputError, told_together

# (experiment, metric, region, split) -> (tables, row, source) of each place in published.csv
Printed = dict[tuple[str, str, str, str], list[tuple[str | list[str], str, str]]]


class Cell(NamedTuple):
    """A mean of our scores, which one cell of a table can print.

    Attributes:
        experiment: name of the experiment or localiser.
        metric: name of the metric.
        region, split: where it is scored.
        fold: number of the fold as text, or "avg" for all folds together.
    """

    experiment: str
    metric: str
    region: str
    split: str
    fold: str


class Comparison(NamedTuple):
    """A single comparison: the measured number is that of side `a`, minus that of side `b` if there is one.

    Attributes:
        a, b: the cells of each side; the number of a side is its mean, or the range of several means.
        above, below: limits of the claim, None if there is none.
        printed: the number in the text of the paper, or None.
    """

    a: tuple[Cell, ...]
    b: tuple[Cell, ...]
    above: float | None
    below: float | None
    printed: float | None


def expand(entry: ComparisonEntry) -> Iterator[Comparison]:
    """Yield every combination of the entry's sides, metrics, regions, splits and folds."""
    wheres = product(
        entry.get("metrics", ["DSC"]), entry.get("regions", ["infection"]), entry.get("splits", ["test"])
    )
    folds = [[fold] for fold in entry["folds"]] if "folds" in entry else [[]]
    for where, fold, a, b in product(wheres, folds, _sides(entry["a"]), _sides(entry.get("b"))):
        yield Comparison(
            _cells(a, *where, fold),
            _cells(b, *where, fold),
            entry.get("above"),
            entry.get("below"),
            entry.get("printed"),
        )


def _sides(written: str | list[str] | SideEntry | None) -> list[SideEntry]:
    if written is None:
        return [{}]
    if isinstance(written, dict):
        return [written]
    return [{"experiments": [name]} for name in ([written] if isinstance(written, str) else written)]


def _cells(side: SideEntry, metric: str, region: str, split: str, folds: list[int]) -> tuple[Cell, ...]:
    place = side.get("metric", metric), side.get("region", region), side.get("split", split)
    named = [str(fold) for fold in side.get("folds", folds)] or ["avg"]
    return tuple(Cell(name, *place, fold) for name in side.get("experiments", []) for fold in named)


def check_claims(
    claims: Claims,
    artefacts: dict[str, dict[str, ArtefactEntry]],
    experiments: dict[str, Experiment],
    datasets: Datasets,
    path: Path,
) -> None:
    """Raise InputErrors for the claims that name what does not exist; each message lists what does.

    Args:
        claims: content of claims.yaml.
        artefacts: content of artefacts.yaml, whose artefacts of kind "claims" name a paper of claims.yaml.
        experiments: name -> experiment, with the localisers.
        datasets: content of datasets.yaml.
        path: path of claims.yaml, for messages.
    """
    with told_together() as faults:
        for artefact in (one for group in artefacts.values() for one in group.values() if "claims" in one):
            where = f"{path.with_name('artefacts.yaml')}: claims"
            with faults.gathered():
                check_known([artefact["claims"]], claims, where, "paper")
        for paper, group in claims.items():
            for name, claim in group.items():
                where = f"{path}: {paper}.{name}"
                if ("comparisons" in claim) == ("untold" in claim):
                    faults.found.append(f"{where}: needs either comparisons or untold; write one of the two")
                for entry in claim.get("comparisons", []):
                    with faults.gathered():
                        _check_comparison(entry, experiments, datasets, where)


def _check_comparison(
    entry: ComparisonEntry, experiments: dict[str, Experiment], datasets: Datasets, where: str
) -> None:
    with told_together() as faults:
        if not entry.keys() & {"above", "below"}:
            faults.found.append(f"{where}: a comparison has no limit; write above, below, or both")
        if entry.get("above", -math.inf) >= entry.get("below", math.inf):
            faults.found.append(
                f"{where}: above {entry['above']} and below {entry['below']}: no number is both"
            )
        for cell in dict.fromkeys(cell for one in expand(entry) for cell in one.a + one.b):
            with faults.gathered():
                _check_cell(cell, experiments, datasets, where)


def _check_cell(cell: Cell, experiments: dict[str, Experiment], datasets: Datasets, where: str) -> None:
    check_known([cell.experiment], experiments, where, "experiment")
    experiment = experiments[cell.experiment]
    if cell.metric in RELATIONS and not experiment.source_datasets:
        raise InputError(f"{where}: {cell.experiment} has no {cell.metric}; name a collaborative experiment")
    if cell.metric == FROZEN and not experiment.model:
        raise InputError(f"{where}: {cell.experiment} has predictions and no network, so no {FROZEN}")
    places = [f"{region} at {split}" for region, split in experiment.places(datasets)]
    check_known([f"{cell.region} at {cell.split}"], places, where, f"place of {cell.experiment}")
    if experiment.folds > 1 and cell.fold != "avg":
        check_known([cell.fold], [str(fold) for fold in range(experiment.folds)], where, "fold")


def claim_parameters(config: Configuration, paper: str) -> list[ClaimParameters]:
    """Return the claims of a paper, with every comparison written out, as plain values."""
    printed, titles = _printed(config, paper), _titles(config, paper)

    def cells(side: tuple[Cell, ...]) -> list[CellParameters]:
        return [_cell(config, printed, titles, cell) for cell in side]

    return [
        {
            "name": name,
            "section": claim["section"],
            "source": claim["source"],
            "claim": claim["claim"],
            "comparisons": [
                {"a": cells(a), "b": cells(b), "above": above, "below": below, "printed": number}
                for a, b, above, below, number in _comparisons(claim)
            ],
            "most": claim.get("most", False),
            "remark": claim.get("remark", ""),
            "untold": claim.get("untold", ""),
        }
        for name, claim in config.claims[paper].items()
    ]


def _printed(config: Configuration, paper: str) -> Printed:
    """Return (experiment, metric, region, split) -> where published.csv may have the number."""
    printed: Printed = {}
    for entry in (entry for entry in config.artefacts[paper].values() if entry["kind"] == "table"):
        for one, metric in product(config.series(entry), entry["metrics"]):
            place = (entry["published"], one.row, one.source)
            printed.setdefault((one.experiment, metric, one.region, one.split), []).append(place)
    return printed


def _comparisons(claim: ClaimEntry) -> list[Comparison]:
    return [one for entry in claim.get("comparisons", []) for one in expand(entry)]


def _titles(config: Configuration, paper: str) -> dict[str, str]:
    """Return experiment -> its name in the paper's tables and figures; with its source where they differ."""
    titles: dict[str, str] = {}
    for series in map(config.series, config.artefacts[paper].values()):
        sources = {one.row: {other.source for other in series if other.row == one.row} for one in series}
        for one in (one for one in series if one.row != one.experiment):  # a drawing has no row
            title = f"{one.row} ({one.source})" if len(sources[one.row]) > 1 else one.row
            titles.setdefault(one.experiment, title)
    return titles


def _cell(config: Configuration, printed: Printed, titles: dict[str, str], cell: Cell) -> CellParameters:
    panel: Panel = {"region": cell.region, "split": cell.split}
    (series,) = config.series({"rows": {cell.experiment: cell.experiment}, "panels": [panel]})
    return {
        "series": astuple(series),
        "title": titles.get(cell.experiment, cell.experiment),
        "metric": cell.metric,
        "fold": cell.fold if series.folds > 1 else "avg",
        "published": printed.get((cell.experiment, cell.metric, cell.region, cell.split), []),
    }


def claim_remarks(claims: list[ClaimParameters], config_name: str) -> list[str]:
    """Return the remarks on models that are not run or that learned from less data.

    Args:
        claims: as returned by `claim_parameters`.
        config_name: name of the configuration.
    """
    pairs = zip(_compared(claims), claimed_series(claims), strict=True)
    return describe_left_out([(cell["title"], one.runs, one.left_out) for cell, one in pairs], config_name)


def claimed_series(claims: list[ClaimParameters]) -> list[Series]:
    """Return the scores that claims compare."""
    return [Series(*cell["series"]) for cell in _compared(claims)]


def _compared(claims: list[ClaimParameters]) -> list[CellParameters]:
    comparisons = [one for claim in claims for one in claim["comparisons"]]
    return [cell for one in comparisons for cell in one["a"] + one["b"]]


def claim_inputs(config: Configuration, paper: str) -> dict[str, list[str]]:
    """Return the files that the claims of a paper read beside the scores."""
    comparisons = [one for claim in config.claims[paper].values() for one in _comparisons(claim)]
    cells = {cell for one in comparisons for cell in one.a + one.b}
    run = {cell for cell in cells if cell.experiment in config.experiments}
    frozen = sorted({cell.experiment for cell in run if cell.metric == FROZEN})
    related = sorted({cell.experiment for cell in run if cell.metric in RELATIONS})
    localisers = sorted({cell.experiment for cell in cells if cell.experiment in config.localisers})
    folds = [(name, fold) for name in related for fold in range(config.experiments[name].folds)]
    return {
        "models": [f"results/models/{name}/fold0/model.json" for name in frozen],
        "logs": [f"results/models/{name}/fold{fold}/log.csv" for name, fold in folds],
        "pixels": [f"results/curves/{name}.npz" for name in localisers],
    }
