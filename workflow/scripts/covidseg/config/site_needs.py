"""What each part of the site reads: files, and settings from the configuration."""

from typing import Any

from covidseg.config import in_use, needs
from covidseg.config.choices import find_choices
from covidseg.config.configuration import Configuration
from covidseg.config.entries import ArtefactEntry
from covidseg.config.kinds import KINDS
from covidseg.config.methods import Method, methods

# Strategies that the start page compares, in the short words of its pictures.
TASK_STRATEGIES = {"scratch": "From scratch", "hybrid": "Hybrid-encoder"}


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


def front_parameters(config: Configuration) -> dict[str, Any]:
    """Return what the start page and the pages for the whole site show."""
    return {
        "papers": _papers(config),
        "models": len(in_use.models(config)),
        "confidence": config.sections["evaluation"]["confidence"],
        "pictures": _pictures(config),
        "choices": find_choices(config.folder, config.sections),
    }


def _papers(config: Configuration) -> dict[str, dict[str, int]]:
    """Return paper -> its numbers of tables, figures and models."""
    found = {}
    for paper, artefacts in in_use.shown_artefacts(config).items():
        pages = [KINDS[entry["kind"]].page for entry in artefacts.values()]
        found[paper] = {"tables": pages.count(".html"), "figures": pages.count(".svg"), "models": 0}
    for name in in_use.trained(config):
        one = config.experiments[name]
        found[one.paper]["models"] += one.folds
    for weak in {one.model: one for one in config.localisers.values()}.values():
        found[weak.paper]["models"] += 1
    return found


def task_figure(config: Configuration) -> ArtefactEntry | None:
    """Return the figure of cases that the start page shows, None without two models that find infection."""
    shown: dict[str, Method] = {}
    for one in methods(config):
        finds = ("infection", "test") in config.experiments[one["experiment"]].places(config.datasets)
        if finds and one["strategy"] in TASK_STRATEGIES:
            shown.setdefault(one["strategy"], one)
    if len(shown) < len(TASK_STRATEGIES):
        return None
    figure: ArtefactEntry = {
        "kind": "visual",
        "title": "",
        "columns": {title: shown[key]["experiment"] for key, title in TASK_STRATEGIES.items()},
        "truth": config.sections["plan"]["target"],
        "regions": ["infection"],
        "split": "test",
        "fold": 0,
        "cases": 3,  # the best, the median and the worst
    }
    return figure


def front_inputs(config: Configuration) -> needs.Inputs:
    """Return the files that the start page draws from."""
    figure = task_figure(config)
    return needs.visual_inputs(config, figure) if figure else {"scores": "results/scores.csv"}


def _pictures(config: Configuration) -> dict[str, Any] | None:
    figure = task_figure(config)
    return needs.visual_parameters(config, figure) | {"entry": figure} if figure else None
