"""What each part of the site reads: files, and settings from the configuration."""

from typing import Any

from covidseg.config import in_use, needs
from covidseg.config.configuration import Configuration
from covidseg.config.methods import SYSTEM_TITLES, all_methods, methods, systems, weak_title
from covidseg.config.remarks import find_remarks
from covidseg.config.rows import pretraining_of
from covidseg.config.weak_models import WEAK_SOURCE


def predicted_datasets(config: Configuration) -> list[str]:
    """Return the data sets with predictions; each has pages with a viewer."""
    return sorted({name for one in config.experiments.values() for name in one.evaluate})


def predictions(config: Configuration, dataset: str) -> list[str]:
    """Return the folders of predictions, some of which are for cases of a data set."""
    return [
        f"results/predictions/{one.name}/fold{fold}"
        for one in config.experiments.values()
        if dataset in one.evaluate
        for fold in range(one.folds)
    ]


def paper_inputs(config: Configuration, paper: str) -> dict[str, list[str]]:
    """Return the descriptions of the models that a paper's tables show, and the logs of its weak models."""
    found = config.experiments | config.localisers
    names = list(filter(None, dict.fromkeys(found[name].model for name in _scored(config, paper))))
    weak = [name for name in names if name in config.weak_models]
    return {
        "descriptions": [f"results/models/{name}/fold0/model.json" for name in names],
        "logs": [f"results/models/{name}/fold0/log.csv" for name in weak],
    }


def _scored(config: Configuration, paper: str) -> list[str]:
    """Return the experiments that the tables and figures of a paper show and the configuration runs."""
    entries = in_use.shown_artefacts(config)[paper].values()
    return list(
        dict.fromkeys(one.experiment for entry in entries for one in config.series(entry) if one.runs)
    )


def paper_parameters(config: Configuration, paper: str) -> dict[str, Any]:
    """Return what the page of a paper shows."""
    artefacts = in_use.shown_artefacts(config)[paper]
    return {
        "paper": paper,
        "artefacts": artefacts,
        "series": {name: needs.series(config, entry) for name, entry in artefacts.items()},
        "remarks": {name: find_remarks(config, entry) for name, entry in artefacts.items()},
        "scored": _scored(config, paper),
        "methods": {one["experiment"]: one for one in all_methods(config)},
        "systems": systems(config),
        "slices": in_use.sliced_datasets(config),
        "tolerances": config.sections["evaluation"]["tolerance_mm"],
        "confidence": config.sections["evaluation"]["confidence"],
    }


def case_parameters(config: Configuration, dataset: str) -> dict[str, Any]:
    """Return what the pages of a data set's cases show."""
    shown = [one for one in methods(config) if dataset in config.experiments[one["experiment"]].evaluate]
    return {
        "dataset": dataset,
        "title": config.datasets[dataset]["title"],
        "regions": config.datasets[dataset]["regions"],
        "intensity": config.datasets[dataset]["intensity"],
        "lesion_rule": config.sections["evaluation"]["lesions"],
        "tolerance_mm": config.sections["evaluation"]["tolerance_mm"],
        "methods": [
            one
            | {
                "labels": config.experiments[one["experiment"]].labels[dataset],
                "split": config.experiments[one["experiment"]].evaluate[dataset],
            }
            for one in shown
        ],
    }


def case_index_parameters(config: Configuration) -> dict[str, Any]:
    """Return what the index of all predicted cases shows."""
    sliced = {name for one in config.localisers.values() for name in one.evaluate}
    shown = sorted({*predicted_datasets(config), *sliced})
    return {
        "methods": methods(config),
        "titles": {name: config.datasets[name]["title"] for name in shown},
    }


def slice_parameters(config: Configuration, dataset: str) -> dict[str, Any]:
    """Return what the pages of a data set of slices show."""
    return {
        "dataset": dataset,
        "title": config.datasets[dataset]["title"],
        "localisers": [
            _shown_localiser(config, name)
            for name, one in config.localisers.items()
            if dataset in one.evaluate
        ],
        "threshold": config.weak_variant["threshold"],
    }


def _shown_localiser(config: Configuration, name: str) -> dict[str, str]:
    """Return a localiser's name, title, model, and system by the palette."""
    one = systems(config)[name]
    title = SYSTEM_TITLES.get(one["system"], one["system"])
    without = one["without"].replace("_", " ")
    return {
        "name": name,
        "title": f"{title}, without {without}" if without else title,
        "system": one["system"],
        "model": one["model"],
    }


def data_parameters(config: Configuration) -> dict[str, Any]:
    """Return what the pages of the data sets show."""
    names = sorted({*in_use.datasets(config), *in_use.sliced_datasets(config)})
    return {
        "datasets": {name: _shown_dataset(config, name) for name in names},
        "experiments": {
            name: {
                "train": one.train,
                "source_datasets": one.source_datasets,
                "evaluate": one.evaluate,
                "folds": one.folds,
                "model": one.model,
            }
            for name, one in config.experiments.items()
        },
        "methods": methods(config),
        "weak": {name: one.train for name, one in config.weak_models.items()},
        "timed": config.sections["timed"],
        "localised": sorted({name for one in config.localisers.values() for name in one.evaluate}),
    }


def _shown_dataset(config: Configuration, name: str) -> dict[str, Any]:
    entry = config.datasets[name]
    return in_use.pick(entry, *in_use.LICENCE, "regions", "split", "intensity") | {
        "left_out": config.left_out(name),
        "phantom": config.is_phantom(name),
        "colour": _source_of(config, name),
    }


def _source_of(config: Configuration, dataset: str) -> str:
    """Return the key of the source whose only data set has the same host; "none" without one."""
    for source in config.source_titles:
        pretraining = config.experiments.get(pretraining_of(source))
        if pretraining and [_host(config, name) for name in pretraining.train] == [_host(config, dataset)]:
            return source
    return "none"


def _host(config: Configuration, dataset: str) -> str:
    return config.archives(dataset)[0].partition("/")[0]


def training_parameters(config: Configuration) -> dict[str, Any]:
    """Return what the page of the trainings shows."""
    weak = {
        name: {
            "system": one.system,
            "title": weak_title(one),
            "classifier": one.classifier,
            "source_title": config.source_titles[WEAK_SOURCE],
        }
        for name, one in config.weak_models.items()
    }
    regions = {name: list(one.classes.values()) for name, one in config.experiments.items() if one.model}
    folds = {name: len(config.published_split(name) or [1]) for name in in_use.datasets(config)}
    return {
        "methods": [one for one in methods(config) if one["model"]],
        "models": in_use.models(config),
        "regions": regions,
        "weak": weak,
        "folds": folds,
        "timed": config.sections["timed"],
    }
