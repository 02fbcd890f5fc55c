"""What each part of the site reads: files, and settings from the configuration."""

from typing import Any

from covidseg.config import in_use
from covidseg.config.configuration import Configuration
from covidseg.config.methods import methods


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


def paper_parameters(config: Configuration, paper: str) -> dict[str, Any]:
    """Return what the page of a paper shows."""
    return {"paper": paper, "artefacts": in_use.shown_artefacts(config)[paper], "methods": methods(config)}


def case_parameters(config: Configuration, dataset: str) -> dict[str, Any]:
    """Return what the pages of a data set's cases show."""
    shown = [one for one in methods(config) if dataset in config.experiments[one["experiment"]].evaluate]
    return {
        "dataset": dataset,
        "title": config.datasets[dataset]["title"],
        "regions": config.datasets[dataset]["regions"],
        "methods": [
            one
            | {
                "labels": config.experiments[one["experiment"]].labels[dataset],
                "split": config.experiments[one["experiment"]].evaluate[dataset],
            }
            for one in shown
        ],
    }


def slice_parameters(config: Configuration, dataset: str) -> dict[str, Any]:
    """Return what the pages of a data set of slices show."""
    return {
        "dataset": dataset,
        "title": config.datasets[dataset]["title"],
        "localisers": [
            name for name, localiser in config.localisers.items() if dataset in localiser.evaluate
        ],
        "threshold": config.weak_variant["threshold"],
    }


def data_parameters(config: Configuration) -> dict[str, Any]:
    """Return what the pages of the data sets show."""
    names = in_use.datasets(config)
    return {name: in_use.pick(config.datasets[name], *in_use.LICENCE) for name in names}


def training_parameters(config: Configuration) -> dict[str, Any]:
    """Return what the page of the trainings shows."""
    return {"methods": methods(config), "models": in_use.models(config)}
