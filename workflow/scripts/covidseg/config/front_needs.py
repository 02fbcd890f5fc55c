"""What the start page and the pages for the whole site read: files, and settings from the configuration."""

from typing import Any

from covidseg.config import in_use, needs
from covidseg.config.choices import find_choices
from covidseg.config.configuration import Configuration
from covidseg.config.entries import ArtefactEntry
from covidseg.config.kinds import KINDS
from covidseg.config.methods import Method, methods
from covidseg.config.titles import label_of

# Strategies that the start page compares, in the short words of its pictures.
TASK_STRATEGIES = {"scratch": "From scratch", "hybrid": "Hybrid-encoder"}


def front_parameters(config: Configuration) -> dict[str, Any]:
    """Return what the start page and the pages for the whole site show."""
    return {
        "papers": _papers(config),
        "places": {
            paper: {label_of(paper, name): name for name in artefacts}
            for paper, artefacts in in_use.shown_artefacts(config).items()
        },
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
    }
    return figure


def front_inputs(config: Configuration) -> needs.Inputs:
    """Return the files that the start page draws from."""
    figure = task_figure(config)
    return needs.visual_inputs(config, figure) if figure else {"scores": "results/scores.csv"}


def _pictures(config: Configuration) -> dict[str, Any] | None:
    figure = task_figure(config)
    return needs.visual_parameters(config, figure) | {"entry": figure} if figure else None
