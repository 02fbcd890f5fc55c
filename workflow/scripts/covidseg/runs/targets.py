"""What can be asked for on the command line, and what comes nearest to a target that does not exist."""

from collections.abc import Iterable
from difflib import get_close_matches

from covidseg.config import in_use
from covidseg.config.configuration import Configuration
from covidseg.config.entries import ArtefactEntry

SINGLE = ("licences.csv", "licences.md", "licences.tex", "licences.html", "errata.html")


def files(config: Configuration, shown: dict[str, dict[str, ArtefactEntry]]) -> list[str]:
    """Return the files that a user may ask for: all that the whole workflow makes, but for parts of folders.

    Args:
        config: the configuration.
        shown: paper -> name -> artefact, as returned by `in_use.shown_artefacts`.
    """
    datasets, models, scored = in_use.datasets(config), in_use.models(config), in_use.scored(config)
    return [
        *("results/scores.csv", "results/metrics.csv", "results/trainings.csv", "results/splits.json"),
        *(f"results/paper/{name}" for name in SINGLE),
        *in_use.artefact_files(shown),
        *(f"data/raw/{path}" for path in in_use.archives(config)),
        *(f"results/cases/{name}/cases.csv" for name in datasets),
        *(f"results/preprocessed/{name}" for name in datasets),
        *(f"results/splits/{name}.json" for name in datasets),
        *(f"results/models/{name}/{file}" for name in models for file in ("model.safetensors", "log.csv")),
        *(f"results/scores/{name}.csv" for name in scored),
    ]


def advise(target: str, rules: Iterable[str], paths: Iterable[str]) -> str:
    """Return what the user may have meant, or where the names of all targets are.

    Args:
        target: the target that does not exist.
        rules: names of the rules that can be asked for.
        paths: files that can be asked for.
    """
    near = get_close_matches(target, paths if "/" in target else rules, n=3)
    return f"nearest: {', '.join(near)}" if near else "`snakemake --list` names all rules"
