"""What is left for a user who has no access to some data sets: the configuration's `without`."""

from collections.abc import Iterable
from typing import cast

from covidseg.archives.dataset import Datasets
from covidseg.archives.origins import archive_paths
from covidseg.config.artefacts import shown_rows
from covidseg.config.entries import ArtefactEntry
from covidseg.config.experiments import Experiment
from covidseg.config.series import Series
from covidseg.config.sheets import ExperimentRow, ExperimentSheet, SourceRow, WeakSheet


def missing_datasets(without: list[str], datasets: Datasets) -> dict[str, str]:
    """Return the data sets named, and those that read their archives -> the name that leaves them out."""
    missing: dict[str, str] = {}
    for name, entry in datasets.items():
        owners = [name, *(archive.partition("/")[0] for archive in archive_paths(entry))]
        for owner in filter(without.__contains__, owners):
            missing.setdefault(name, owner)
    return missing


def present(names: Iterable[str], missing: dict[str, str]) -> list[str]:
    """Return the data sets that are there."""
    return [name for name in names if name not in missing]


def reduce_experiments(sheet: ExperimentSheet, missing: dict[str, str]) -> ExperimentSheet:
    """Return the content of experiments.yaml without what needs a missing data set.

    A source is made of those of its data sets that are there. Left out are sources of which there is none,
    what starts from them, what trains on a missing data set, and the evaluation on one.
    """
    sources: dict[str, SourceRow] = {
        name: {
            **row,
            "evaluate": _present_in(row["evaluate"], missing),
            "datasets": present(row["datasets"], missing),
        }
        for name, row in sheet["sources"].items()
        if present(row["datasets"], missing)
    }
    experiments: dict[str, ExperimentRow] = {}
    for name, row in sheet["experiments"].items():
        reduced: ExperimentRow = {**row, "evaluate": _present_in(row["evaluate"], missing)}
        if "sources" in row:
            reduced["sources"] = [source for source in row["sources"] if source in sources]
        if row.get("source") not in sources:
            reduced.pop("source", None)  # no more than a name in the tables
        if missing.keys().isdisjoint(row["train"]) and reduced.get("sources") != []:
            experiments[name] = reduced
    weak: WeakSheet = {**sheet["weak"], "evaluate": _present_in(sheet["weak"]["evaluate"], missing)}
    if weak["train"] in missing or not weak["evaluate"]:
        weak |= {"models": {}, "localisers": {}}
    return {"sources": sources, "experiments": experiments, "weak": weak}


def _present_in(evaluate: dict[str, str], missing: dict[str, str]) -> dict[str, str]:
    return {name: split for name, split in evaluate.items() if name not in missing}


def left_out(
    experiment: Experiment, all_experiments: dict[str, Experiment], missing: dict[str, str]
) -> set[str]:
    """Return the missing data sets that an experiment would learn from, its source's too.

    Args:
        experiment: as experiments.yaml has it.
        all_experiments: all experiments, as experiments.yaml has them.
        missing: of `missing_datasets`.
    """
    pretrained = all_experiments[experiment.pretraining].train if experiment.pretraining else ()
    return missing.keys() & {*experiment.train, *experiment.source_datasets, *pretrained}


def reduce_artefact(
    artefact: ArtefactEntry, series: list[Series], missing: dict[str, str]
) -> ArtefactEntry | None:
    """Return a figure without what is not run, or None if nothing is left.

    Args:
        artefact: entry of artefacts.yaml.
        series: what it shows.
        missing: of `missing_datasets`.
    """
    keys = [key for key in ("rows", "columns", "localisers", "experiment", "datasets") if key in artefact]
    if not keys:
        return artefact  # it shows no model and no data set by name
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
    return artefact if key == "experiment" else cast("ArtefactEntry", {**artefact, key: kept})


def describe_left_out(shown: list[tuple[str, bool, str]], config_name: str) -> list[str]:
    """Return what must be said below a table or figure: what is not run, and what learned from less.

    Args:
        shown: printed name, whether it is run, and the names in `without` that it would need.
        config_name: its name.
    """
    groups: dict[str, dict[str, None]] = {}
    for name, runs, needed in shown:
        if needed:
            start = "Learned without" if runs else f"Not run, as configuration {config_name} is without"
            end = ", unlike the published" if runs else ""
            groups.setdefault(f"{start} {needed}{end}", {})[name] = None
    return [f"{reason}: {'; '.join(names)}." for reason, names in groups.items()]


def rows_needing(series: list[Series]) -> list[tuple[str, bool, str]]:
    """Return each series for `describe_left_out`: with its source if the row has several.

    With its panel as well if the row is run in some panels alone.
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
    """Return each missing data set of an artefact for `describe_left_out`."""
    return [
        (f"{title} ({name})", False, missing[name])
        for title, names in artefact["datasets"].items()
        for name in names
        if name in missing
    ]
