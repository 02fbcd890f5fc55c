"""Leaves out what needs a missing data set.

A user without access to some data sets names these data sets in `without` of the configuration.
"""

from collections.abc import Iterable
from typing import cast

from covidseg.archives.dataset import Datasets
from covidseg.archives.origins import archive_paths
from covidseg.config.artefacts import shown_rows
from covidseg.config.entries import ArtefactEntry
from covidseg.config.experiments import Experiment
from covidseg.config.rows import pretraining_of
from covidseg.config.series import Series
from covidseg.config.sheets import ExperimentRow, ExperimentSheet, SourceRow, WeakSheet


def missing_datasets(without: list[str], datasets: Datasets) -> dict[str, str]:
    """Return missing data set -> the name in `without` that leaves the data set out.

    A data set is missing if `without` names it or if it reads an archive of a data set that `without` names.
    """
    missing: dict[str, str] = {}
    for name, entry in datasets.items():
        owners = [name, *(archive.partition("/")[0] for archive in archive_paths(entry))]
        for owner in filter(without.__contains__, owners):
            missing.setdefault(name, owner)
    return missing


def present(names: Iterable[str], missing: dict[str, str]) -> list[str]:
    """Return those of the data sets that are not missing."""
    return [name for name in names if name not in missing]


def reduce_experiments(sheet: ExperimentSheet, missing: dict[str, str]) -> ExperimentSheet:
    """Return the content of experiments.yaml without what needs a missing data set.

    A source keeps those of its data sets that are not missing. Five things are left out: a source without any
    data set, an experiment that starts only from such sources, an experiment that evaluates the pre-trained
    model of such a source, an experiment that trains on a missing data set, and the evaluation on a missing
    data set. Of predictions that were made elsewhere, only those on missing data sets are left out.
    """
    sources: dict[str, SourceRow] = {
        name: kept_row
        for name, source in sheet["sources"].items()
        if (kept_row := _reduce_source(source, missing))
    }
    experiments: dict[str, ExperimentRow] = {}
    for name, row in sheet["experiments"].items():
        reduced: ExperimentRow = {**row, "evaluate": _present_in(row["evaluate"], missing)}
        if "sources" in row:
            reduced["sources"] = [source for source in row["sources"] if source in sources]
        if row.get("source") not in sources:
            reduced.pop("source", None)  # here `source` is only a name in the tables
        if "model" in row:
            kept = row["model"] in map(pretraining_of, sources)
        elif "predictions" in row:
            kept = bool(reduced["evaluate"])
            reduced["train"] = present(row.get("train", []), missing)
        else:
            kept = missing.keys().isdisjoint(row["train"]) and reduced.get("sources") != []
        if kept:
            experiments[name] = reduced
    weak: WeakSheet = {**sheet["weak"], "evaluate": _present_in(sheet["weak"]["evaluate"], missing)}
    if weak["train"] in missing or not weak["evaluate"]:
        weak |= {"models": {}, "localisers": {}}
    return {"sources": sources, "experiments": experiments, "weak": weak}


def _reduce_source(row: SourceRow, missing: dict[str, str]) -> SourceRow | None:
    """Return a source without missing data sets; None if nothing is left. A model of nnU-Net needs none."""
    if "nnunet" in row:
        return row
    kept = present(row["datasets"], missing)
    return {**row, "evaluate": _present_in(row["evaluate"], missing), "datasets": kept} if kept else None


def _present_in(evaluate: dict[str, str], missing: dict[str, str]) -> dict[str, str]:
    return {name: split for name, split in evaluate.items() if name not in missing}


def left_out(
    experiment: Experiment, all_experiments: dict[str, Experiment], missing: dict[str, str]
) -> set[str]:
    """Return the missing data sets that an experiment, or its pre-training, would learn from.

    Args:
        experiment: the experiment as defined in experiments.yaml, before anything is left out.
        all_experiments: name -> experiment, for all experiments, before anything is left out.
        missing: missing data set -> name in `without`, as returned by `missing_datasets`.
    """
    return missing.keys() & learned_from(experiment, all_experiments)


def learned_from(experiment: Experiment, experiments: dict[str, Experiment]) -> set[str]:
    """Return the data sets that an experiment and its pre-training learn from."""
    pretrained = experiments[experiment.pretraining].train if experiment.pretraining else ()
    return {*experiment.train, *experiment.source_datasets, *pretrained}


def reduce_artefact(
    artefact: ArtefactEntry, series: list[Series], missing: dict[str, str]
) -> ArtefactEntry | None:
    """Return a figure's entry without models that are not run and data sets that are missing.

    The result is None if nothing is left to show or if the data set that the figure shows is missing.

    Args:
        artefact: the figure's entry in artefacts.yaml.
        series: the scores that the figure shows.
        missing: missing data set -> name in `without`, as returned by `missing_datasets`.
    """
    keys = [key for key in ("rows", "columns", "localisers", "experiment", "datasets") if key in artefact]
    if not keys:
        return artefact  # the figure names no model and no data set
    key = keys[0]
    kept: dict[str, str | list[str]]
    if key == "datasets":
        groups = {title: present(names, missing) for title, names in artefact["datasets"].items()}
        kept = {title: names for title, names in groups.items() if names}
    else:
        running = {one.row for one in series if one.runs}
        kept = {row: names for row, names in shown_rows(artefact).items() if row in running}
    if not kept or artefact.get("truth") in missing:
        return None
    if key == "experiment":
        return artefact
    changed: dict[str, object] = {**artefact, key: kept}
    if "segmented" in artefact:  # names some of the localisers
        changed["segmented"] = [name for name in artefact["segmented"] if name in kept]
    return cast("ArtefactEntry", changed)


def describe_left_out(shown: list[tuple[str, bool, str]], config_name: str) -> list[str]:
    """Return the remarks below a table or figure: models that are not run or that learned from less data.

    Args:
        shown: per model or data set, its printed name, whether it is run, and the names in `without` that
            it would need, separated by commas.
        config_name: name of the configuration.
    """
    groups: dict[str, dict[str, None]] = {}
    for name, runs, needed in shown:
        if not (runs or needed):
            groups.setdefault("Not run in a rehearsal", {})[name] = None
        elif needed:
            start = "Learned without" if runs else f"Not run, as configuration {config_name} is without"
            end = ", unlike the published" if runs else ""
            groups.setdefault(f"{start} {needed}{end}", {})[name] = None
    return [f"{reason}: {'; '.join(names)}." for reason, names in groups.items()]


def rows_needing(series: list[Series]) -> list[tuple[str, bool, str]]:
    """Return the argument `shown` of `describe_left_out`, with one item per series.

    The printed name has the source if the row has several sources. The printed name has the region and the
    split if the row is run in only some of its panels.
    """
    found = []
    for one in series:
        row = [other for other in series if other.row == one.row]
        name = one.row
        if len({other.source for other in row}) > 1:
            name += f" ({one.source})"
        if len({other.runs for other in row if other.source == one.source}) > 1:
            name += f", {one.region.replace('_', ' ')} at {one.split}"
        found.append((name, one.runs, one.left_out))
    return found


def titles_needing(artefact: ArtefactEntry, missing: dict[str, str]) -> list[tuple[str, bool, str]]:
    """Return the argument `shown` of `describe_left_out`, with one item per missing data set."""
    return [
        (f"{title} ({name})", False, missing[name])
        for title, names in artefact["datasets"].items()
        for name in names
        if name in missing
    ]
