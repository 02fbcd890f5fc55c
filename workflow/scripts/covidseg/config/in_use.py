"""What is in use: the data sets, archives, slices, models and scores that a configuration's runs need.

Pure functions from a checked configuration to names, paths and the parameters that decide a job.
"""

import re
from collections.abc import Mapping
from typing import Any

from covidseg.config.configuration import Configuration
from covidseg.config.entries import ArtefactEntry
from covidseg.config.kinds import KINDS
from covidseg.config.without import reduce_artefact
from covidseg.training.strategies import STRATEGIES
from covidseg.weak import SYSTEMS

# How a training runs, and not what it comes to: no job is rerun and no training restarted for these.
WITHOUT_EFFECT = ("checkpoint_seconds", "device_memory_gib")
OF_WATCHED = ("validation_every", "validation_patches")  # read where held-out cases are watched

# Keys of an entry in datasets.yaml that a rule reads.
INGESTED = (
    *("images", "labels", "lungs", "registry", "case_name", "patient"),
    *("regions", "sides", "intensity"),
)
EXPORTED = ("title", "homepage", "licence", "patient", "regions", "intensity")
LICENCE = ("title", "licence", "citation", "homepage", "gigabytes")


def pick(mapping: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return those of the keys that a mapping has, with their values: what a job reads of it."""
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
    """Return the data sets that slices are made of."""
    trained = {model.train for model in config.weak_models.values()}
    return sorted(trained.union(*(one.evaluate for one in config.localisers.values())))


def archives(config: Configuration) -> list[str]:
    """Return the paths below data/raw of the archives that are fetched."""
    names = {*datasets(config), *sliced_datasets(config)}
    return sorted({path for name in names for path in config.archives(name)})


def hosts(config: Configuration) -> list[str]:
    """Return the data sets whose archives are fetched."""
    return sorted({path.partition("/")[0] for path in archives(config)})


def licence_entries(config: Configuration) -> dict[str, dict[str, object]]:
    """Return what the table of licences prints of each data set whose archives are fetched."""
    return {name: pick(config.datasets[name], *LICENCE) for name in hosts(config)}


def models(config: Configuration) -> list[str]:
    """Return the folder of every model below results/models."""
    networks = [f"{one.name}/fold{fold}" for one in config.experiments.values() for fold in range(one.folds)]
    return networks + [f"{name}/fold0" for name in config.weak_models]


def scored(config: Configuration) -> list[str]:
    """Return the model or localiser of every table of scores below results/scores, as <name>/fold<k>."""
    networks = [
        f"{one.name}/fold{fold}"
        for one in config.experiments.values()
        if one.evaluate
        for fold in range(one.folds)
    ]
    return networks + [f"{name}/fold0" for name in config.localisers]


def nnunet_folders(config: Configuration) -> dict[str, str]:
    """Return nnU-Net's folder of each exported data set -> the data set.

    Folders are numbered from 501 in the order of datasets.yaml: a data set appended there changes the
    number of no other.
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
    """Return the data sets whose cases a training sees, its source's too where it trains on them."""
    found = config.experiments[experiment]
    return list(dict.fromkeys([*found.train, *found.source_datasets]))


def predicted_datasets(config: Configuration, experiment: str) -> list[str]:
    """Return the data sets whose splits decide which cases a model segments."""
    found = config.experiments[experiment]
    return sorted({*found.train, *found.evaluate})


def training_parameters(config: Configuration, experiment: str) -> dict[str, Any]:
    """Return what decides a training, of the configuration's sections."""
    found, training = config.experiments[experiment], dict(config.sections["training"])
    unread = [*WITHOUT_EFFECT, *([] if found.watched else OF_WATCHED)]
    if found.strategy != "pretrain":
        unread.append("pretraining_schedule")
    return pick(config.sections, "seed", "timed", "network", "augmentation") | {
        "plan": pick(config.sections["plan"], "patch", "window"),
        "training": {key: value for key, value in training.items() if key not in unread},
    }


def weak_parameters(config: Configuration, model: str) -> dict[str, Any]:
    """Return what decides the training of a weakly supervised system, of the section `weak`."""
    weak, system = config.sections["weak"], SYSTEMS[config.weak_models[model].system]
    return pick(weak, "epochs", "iterations", "device", "variant", *system.sections) | {
        "variants": pick(weak["variants"], weak["variant"])
    }


def strategy_module(config: Configuration, experiment: str) -> str:
    """Return the module of an experiment's strategy, as `runs.code` names it."""
    return f"covidseg/training/strategies/{STRATEGIES[config.experiments[experiment].strategy].module}"


def system_module(config: Configuration, model: str) -> str:
    """Return the module of a weakly supervised model's system, as `runs.code` names it."""
    return f"covidseg/weak/{SYSTEMS[config.weak_models[model].system].module}"


def lung_folder(config: Configuration) -> str | None:
    """Return the folder, in the predictions of the model that cuts out lungs, that has the volumes."""
    name = config.sections["weak"]["lungs"]
    if name == "truth":
        return None
    return config.experiments[name].places(config.datasets)["left_lung", "test"][0]


def shown_artefacts(config: Configuration) -> dict[str, dict[str, ArtefactEntry]]:
    """Return the artefacts that are made, by paper and name, figures without what is not run."""
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
    """Return the files of all tables and figures, or of those of some kinds; `shown` by paper and name."""
    return [
        f"results/paper/{paper}/{name}{suffix}"
        for paper, artefacts in shown.items()
        for name, artefact in artefacts.items()
        for suffix in KINDS[artefact["kind"]].suffixes
        if artefact["kind"] in (kinds or KINDS)
    ]


def artefacts_of_kind(shown: dict[str, dict[str, ArtefactEntry]], kind: str) -> list[str]:
    """Return a pattern for each artefact of a kind, which fits in its own paper's folder alone."""
    return [
        f"(?<={paper}/){name}"
        for paper, artefacts in shown.items()
        for name, artefact in artefacts.items()
        if artefact["kind"] == kind
    ]
