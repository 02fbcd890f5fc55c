"""Which models a table or figure shows: artefacts.yaml, checked against experiments.yaml."""

import math
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Literal

from covidseg.archives.dataset import Datasets
from covidseg.config.checks import check_known
from covidseg.config.entries import ArtefactEntry
from covidseg.config.experiments import Experiment
from covidseg.config.sheets import Sections
from covidseg.errors import InputError, told_together

ROWS: tuple[Literal["rows", "columns"], ...] = ("rows", "columns")  # keys that name experiments
OF_NETWORKS = ("parameters", "strategies")  # kinds whose rows are networks
OF_TRAINING = "train"  # in `parts` of a table of settings, the cases that a model is trained on
TRAINING = ("", "")  # (region, split) of a figure or table about a training itself, which has neither


def named(
    rows: Mapping[str, str | list[str]], experiments: dict[str, Experiment]
) -> dict[str, list[Experiment]]:
    """Return the experiments of each row or column of an artefact.

    A row or column names one or several rows of experiments.yaml. A row of experiments.yaml that has sources
    stands for one experiment per source.
    """
    return {
        row: [
            experiment
            for name in ([names] if isinstance(names, str) else names)
            for experiment in experiments.values()
            if name in (experiment.name, experiment.row)
        ]
        for row, names in rows.items()
    }


def shown_rows(artefact: ArtefactEntry) -> Mapping[str, str | list[str]]:
    """Return printed name -> names of the experiments, of the rows, columns or localisers of an artefact.

    The result is empty for an artefact that shows data sets and no models.
    """
    if "experiment" in artefact:
        return {artefact["experiment"]: artefact["experiment"]}
    return artefact.get("rows") or artefact.get("columns") or artefact.get("localisers") or {}


def panels(artefact: ArtefactEntry) -> list[tuple[str, str]]:
    """Return the (region, split) pairs that an artefact shows.

    A table of scores or a violin plot lists its panels. A figure or table of the trainings themselves has
    TRAINING alone. A figure of cases has one pair per region, and a figure of localisers has the region
    "lesion".
    """
    if "panels" in artefact:
        return [(panel["region"], panel["split"]) for panel in artefact["panels"]]
    if "split" not in artefact:
        return [TRAINING]
    return [(region, artefact["split"]) for region in artefact.get("regions", ["lesion"])]


def patch_remarks(artefact: ArtefactEntry, sections: Sections) -> list[str]:
    """Return a sentence if the strides of the network do not divide the patch that the paper states."""
    stated = artefact.get("patch", [])
    steps = [math.prod(axis) for axis in zip(*sections["network"]["strides"], strict=True)]
    uneven = [voxels for voxels, step in zip(stated, steps, strict=False) if voxels % step]
    if not uneven:
        return []
    paper, ours = ("x".join(map(str, patch)) for patch in (stated, sections["plan"]["patch"]))
    return [
        f"The paper states patches of {paper} voxels; the network's strides do not divide {uneven[0]}, and "
        f"patches of {ours} voxels are used."
    ]


def check_artefacts(
    artefacts: dict[str, dict[str, ArtefactEntry]],
    experiments: dict[str, Experiment],
    datasets: Datasets,
    sections: Sections,
    path: Path,
) -> None:
    """Raise InputErrors for the artefacts that cannot be made.

    For an unknown name, the message lists the known names.
    """
    with told_together() as faults:
        for paper, group in artefacts.items():
            for name, artefact in group.items():
                where = f"{path}: {paper}.{name}"
                with faults.gathered():
                    _check_names(artefact, experiments, datasets, where)
                    _check_artefact(artefact, experiments, datasets, sections, where)


def _check_names(
    artefact: ArtefactEntry, experiments: dict[str, Experiment], datasets: Datasets, where: str
) -> None:
    """Raise InputErrors for the names that no experiment, split or data set has."""
    volumes = [name for name, entry in datasets.items() if "slices" not in entry]
    known = dict.fromkeys(sorted({*experiments, *(experiment.row for experiment in experiments.values())}))
    splits = dict.fromkeys(split for one in experiments.values() for split in one.evaluate.values())
    with told_together() as faults:
        for key in (key for key in ROWS if key in artefact):
            for names in artefact[key].values():
                with faults.gathered():
                    listed = [names] if isinstance(names, str) else names
                    check_known(listed, known, f"{where}.{key}", "experiment")
        with faults.gathered():
            check_known(_splits(artefact), splits, where, "split of the scores")
        for shown in artefact.get("datasets", {}).values():
            with faults.gathered():
                check_known(shown, volumes, f"{where}.datasets", "data set")
        if "experiment" in artefact:
            with faults.gathered():
                check_known([artefact["experiment"]], experiments, f"{where}.experiment", "experiment")


def _check_artefact(
    artefact: ArtefactEntry,
    experiments: dict[str, Experiment],
    datasets: Datasets,
    sections: Sections,
    where: str,
) -> None:
    if "panels" in artefact:
        _check_rows(artefact, experiments, datasets, sections, where)
    elif artefact["kind"] in OF_NETWORKS:
        rows = named(artefact["rows"], experiments).values()
        if not any(one.model for found in rows for one in found):
            raise InputError(f"{where}.rows: none has a network; name a trained experiment")
    if artefact["kind"] == "visual":
        _check_columns(artefact, experiments, datasets, where)
    if "localisers" in artefact:
        _check_localisers(artefact, experiments, where)
    if "experiment" in artefact:
        if not experiments[artefact["experiment"]].model:
            raise InputError(f"{where}.experiment: {artefact['experiment']} has predictions and no network")
        _check_fold(artefact, experiments[artefact["experiment"]], where)
        if "curve" in artefact:
            able = [name for name, found in experiments.items() if found.source_datasets]
            kind = "experiment with relation matrices"
            check_known([artefact["experiment"]], able, f"{where}.experiment", kind)


def _splits(artefact: ArtefactEntry) -> list[str]:
    """Return the names of splits that an artefact shows."""
    named = [*(panel["split"] for panel in artefact.get("panels", [])), *artefact.get("parts", {}).values()]
    return [split for split in [*named, artefact.get("split", OF_TRAINING)] if split != OF_TRAINING]


def _check_rows(
    artefact: ArtefactEntry,
    experiments: dict[str, Experiment],
    datasets: Datasets,
    sections: Sections,
    where: str,
) -> None:
    regions = [region for region, _ in panels(artefact)]
    with told_together() as faults:
        if artefact.get("across") == "folds" and len(regions) > 1:
            faults.found.append(f"{where}.across: folds, with {len(regions)} panels; set it to panels")
        with faults.gathered():
            check_known(regions, sections["evaluation"]["tolerance_mm"], f"{where}.panels", "region")
            faults.found += _row_faults(artefact, experiments, datasets, f"{where}.rows")


def _row_faults(
    artefact: ArtefactEntry, experiments: dict[str, Experiment], datasets: Datasets, where: str
) -> Iterator[str]:
    for row, found in named(artefact["rows"], experiments).items():
        scored = [
            (experiment.source, panel)
            for experiment, panel in product(found, panels(artefact))
            if panel in experiment.places(datasets)
        ]
        if not scored:
            yield f"{where}: {row} is scored in none of the panels {panels(artefact)}"
        if len(scored) > len(set(scored)):
            yield f"{where}: {row} names two experiments that are scored in one panel; name one"


def _check_columns(
    artefact: ArtefactEntry, experiments: dict[str, Experiment], datasets: Datasets, where: str
) -> None:
    truth = artefact["truth"]
    check_known(
        [truth],
        [name for name, entry in datasets.items() if "slices" not in entry],
        f"{where}.truth",
        "data set",
    )
    labelled = dict.fromkeys(datasets[truth]["regions"].values())
    check_known(artefact["regions"], labelled, f"{where}.regions", f"region of {truth}")
    with told_together() as faults:
        for column, found in named(artefact["columns"], experiments).items():
            if len({experiment.source for experiment in found}) > 1:
                faults.found.append(
                    f"{where}.columns: {column} stands for several sources; name one experiment"
                )
            for experiment in found:
                with faults.gathered():
                    _check_column(artefact, experiment, datasets, where)


def _check_column(artefact: ArtefactEntry, experiment: Experiment, datasets: Datasets, where: str) -> None:
    _check_fold(artefact, experiment, where)
    regions, split = artefact["regions"], artefact["split"]
    if all((region, split) not in experiment.places(datasets) for region in regions):
        raise InputError(
            f"{where}.columns: {experiment.name} segments none of {', '.join(regions)} at split {split}"
        )


def _check_localisers(artefact: ArtefactEntry, experiments: dict[str, Experiment], where: str) -> None:
    able = {name: None for name, found in experiments.items() if artefact["split"] in found.evaluate.values()}
    check_known(
        artefact["localisers"].values(), able, f"{where}.localisers", f"localiser at {artefact['split']}"
    )
    if "segmented" in artefact:
        check_known(artefact["segmented"], artefact["localisers"], f"{where}.segmented", "printed name")


def _check_fold(artefact: ArtefactEntry, experiment: Experiment, where: str) -> None:
    folds = dict.fromkeys(str(fold) for fold in range(experiment.folds))
    check_known([str(artefact["fold"])], folds, f"{where}.fold", f"fold of {experiment.name}")
