"""What a configuration uses: its data sets, archives, slices, models and scores.

All functions are pure. Each takes a checked configuration and returns names, paths, or the parameters that
decide a job.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from covidseg.config.configuration import Configuration
from covidseg.config.entries import ArtefactEntry
from covidseg.config.kinds import KINDS
from covidseg.config.without import reduce_artefact
from covidseg.errors import InputError
from covidseg.training.strategies import STRATEGIES
from covidseg.weak import SYSTEMS

# Parameters that change how a training runs, but not its result. A change of one of them reruns no job and
# restarts no training.
WITHOUT_EFFECT = ("checkpoint_seconds", "compile", "device_memory_gib")
OF_WATCHED = ("validation_every", "validation_patches")  # read only where held-out cases are watched

# Keys of an entry in datasets.yaml, per rule or table that reads them.
INGESTED = (
    *("images", "labels", "lungs", "registry", "case_name", "patient"),
    *("regions", "sides", "intensity", "missing_slices"),
)
EXPORTED = ("title", "homepage", "licence", "patient", "regions", "intensity", "split")
LICENCE = ("title", "licence", "citation", "homepage", "gigabytes")


def pick(mapping: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return the part of a mapping that a job reads: the given keys with their values, where present."""
    return {key: mapping[key] for key in keys if key in mapping}


def datasets(config: Configuration) -> list[str]:
    """Return the data sets that models are trained on or evaluated on."""
    return sorted(
        {
            name
            for one in config.experiments.values()
            for name in (*one.train, *one.source_datasets, *one.evaluate)
        }
    )


def sliced_datasets(config: Configuration) -> list[str]:
    """Return the data sets that the pipeline makes slices from."""
    trained = {model.train for model in config.weak_models.values()}
    return sorted(trained.union(*(one.evaluate for one in config.localisers.values())))


def archives(config: Configuration) -> list[str]:
    """Return the paths, relative to data/raw, of the archives to fetch."""
    names = {*datasets(config), *sliced_datasets(config)}
    return sorted({path for name in names for path in config.archives(name)})


def hosts(config: Configuration) -> list[str]:
    """Return the data sets that own the archives to fetch."""
    return sorted({path.partition("/")[0] for path in archives(config)})


def image_hosts(config: Configuration) -> dict[str, str]:
    """Return data set in use -> the data set that owns the archive of its scans."""
    return {name: config.datasets[name]["images"]["archive"].partition("/")[0] for name in datasets(config)}


def licence_entries(config: Configuration) -> dict[str, dict[str, object]]:
    """Return data set -> what the table of licences prints, per data set that owns an archive to fetch."""
    return {name: pick(config.datasets[name], *LICENCE) for name in hosts(config)}


def models(config: Configuration) -> list[str]:
    """Return the folder of every model, relative to results/models."""
    networks = [
        f"{name}/fold{fold}" for name in trained(config) for fold in range(config.experiments[name].folds)
    ]
    return networks + [f"{name}/fold0" for name in config.weak_models]


def trained(config: Configuration) -> list[str]:
    """Return the experiments that have a training of their own; the others evaluate other models."""
    return [name for name, one in config.experiments.items() if one.model == name]


def external(config: Configuration) -> list[str]:
    """Return the experiments whose predictions were made elsewhere."""
    return [name for name, one in config.experiments.items() if one.predictions]


def released(config: Configuration, asked: object) -> list[str]:
    """Return the experiments whose models `snakemake release` is asked for; none, if it is to choose them.

    Args:
        config: the checked configuration.
        asked: names of experiments, as a list or with commas; or "all".

    Raises:
        InputError: no model has one of the names.
    """
    known = trained(config)
    names = [str(name) for name in (asked if isinstance(asked, list) else re.findall(r"[^,\s]+", str(asked)))]
    if names == ["all"]:
        return known
    for name in names:
        if name not in known:
            one = config.experiments.get(name)
            near = [one.model] if one and one.model else get_close_matches(name, known, n=3)
            remedy = f"nearest: {', '.join(near)}" if near else f"for example {known[-1]}; or all"
            raise InputError(f"models={name}: no model is trained under this name; {remedy}")
    return list(dict.fromkeys(names))


def nnunet_started(config: Configuration) -> dict[str, str]:
    """Return experiment -> source, of the trainings that start from a network of nnU-Net."""
    return {name: one.nnunet_source for name, one in config.experiments.items() if one.nnunet_source}


def scored(config: Configuration) -> list[str]:
    """Return the models and localisers that have a table of scores in results/scores, as <name>/fold<k>."""
    networks = [
        f"{one.name}/fold{fold}"
        for one in config.experiments.values()
        if one.evaluate
        for fold in range(one.folds)
    ]
    return networks + [f"{name}/fold0" for name in config.localisers]


def nnunet_folders(config: Configuration) -> dict[str, str]:
    """Return the folder of each exported data set, as nnU-Net names folders -> the data set.

    The folders are numbered from 501 in the order of datasets.yaml. A data set appended to datasets.yaml
    therefore leaves the numbers of all earlier data sets unchanged.
    """
    used = datasets(config)
    return {
        f"Dataset{number}_{_camel_case(name)}": name
        for number, name in enumerate(config.datasets, start=501)
        if name in used
    }


def _camel_case(name: str) -> str:
    return "".join(part.capitalize() for part in re.findall("[A-Za-z0-9]+", name))


def training_datasets(config: Configuration, experiment: str) -> list[str]:
    """Return the data sets that a training reads: its own and, where it reads them too, its source's."""
    found = config.experiments[experiment]
    return list(dict.fromkeys([*found.train, *found.source_datasets]))


def predicted_datasets(config: Configuration, experiment: str) -> list[str]:
    """Return the data sets whose splits decide which cases a model segments."""
    found = config.experiments[experiment]
    return sorted({*found.train, *found.evaluate})


def training_parameters(config: Configuration, experiment: str) -> dict[str, Any]:
    """Return the part of the configuration's sections that decides the result of a training."""
    found = config.experiments[experiment]
    training: dict[str, Any] = dict(config.sections["training"])
    unread = [*WITHOUT_EFFECT, *([] if found.watched else OF_WATCHED)]
    if training["restart"]["momentum"] is None:
        unread.append("restart")  # a warning alone
    return pick(config.sections, "seed", "timed", "network", "augmentation") | {
        "plan": pick(config.sections["plan"], "patch", "window"),
        "training": {key: value for key, value in training.items() if key not in unread},
    }


def weak_parameters(config: Configuration, model: str) -> dict[str, Any]:
    """Return the part of section `weak` that decides the result of a weakly supervised training."""
    weak, system = config.sections["weak"], SYSTEMS[config.weak_models[model].system]
    values = pick(config.weak_variant, "normalisation", "range", "batch", *system.values)
    return pick(weak, "epochs", "iterations", "device", "variant", *system.sections) | {
        "variants": {weak["variant"]: values}
    }


def strategy_module(config: Configuration, experiment: str) -> str:
    """Return the module of an experiment's strategy: a path without suffix, as `runs.code` expects."""
    return f"covidseg/training/strategies/{STRATEGIES[config.experiments[experiment].strategy].module}"


def system_module(config: Configuration, model: str) -> str:
    """Return the module of a weak model's system: a path without suffix, as `runs.code` expects."""
    return f"covidseg/weak/{SYSTEMS[config.weak_models[model].system].module}"


def lung_folder(config: Configuration) -> str | None:
    """Return the folder, among predictions, that has the lungs; None for the ground truth's lungs."""
    name = config.sections["weak"]["lungs"]
    if name == "truth":
        return None
    return config.experiments[name].places(config.datasets)["left_lung", "test"][0]


def shown_artefacts(config: Configuration) -> dict[str, dict[str, ArtefactEntry]]:
    """Return paper -> name -> each artefact that is made.

    Tables keep the rows of models that the configuration does not run. Figures leave these models out.
    """
    found: dict[str, dict[str, ArtefactEntry]] = {}
    for paper, group in config.artefacts.items():
        found[paper] = {}
        for name, artefact in group.items():
            keeps_rows = KINDS[artefact["kind"]].keeps_rows
            kept = (
                artefact if keeps_rows else reduce_artefact(artefact, config.series(artefact), config.missing)
            )
            if kept:
                found[paper][name] = kept
    return found


def artefact_files(shown: dict[str, dict[str, ArtefactEntry]], *kinds: str) -> list[str]:
    """Return the files of tables and figures.

    Args:
        shown: paper -> name -> artefact, as returned by `shown_artefacts`.
        kinds: the kinds to include; all kinds if none is given.
    """
    return [
        f"results/paper/{paper}/{name}{suffix}"
        for paper, artefacts in shown.items()
        for name, artefact in artefacts.items()
        for suffix in KINDS[artefact["kind"]].suffixes
        if artefact["kind"] in (kinds or KINDS)
    ]


def artefacts_of_kind(shown: dict[str, dict[str, ArtefactEntry]], kind: str) -> list[str]:
    """Return one pattern per artefact of a kind; it matches the name only in the folder of its own paper."""
    return [
        f"(?<={paper}/){name}"
        for paper, artefacts in shown.items()
        for name, artefact in artefacts.items()
        if artefact["kind"] == kind
    ]
