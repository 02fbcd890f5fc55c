"""What decides the colour and the shape of a model in figures: strategy, source, and what it lacks."""

from covidseg.config.configuration import Configuration
from covidseg.config.entries import ArtefactEntry
from covidseg.config.methods import shown_strategy
from covidseg.config.weak_models import Localiser

Look = tuple[
    str, str, str
]  # strategy or system, source, and the part that is left out, as in paper/palette.py


def looks(config: Configuration, artefact: ArtefactEntry) -> dict[str, Look]:
    """Return experiment -> its look, for the experiments of an artefact that are run."""
    names = dict.fromkeys(one.experiment for one in config.series(artefact) if one.runs)
    return {name: look(config, name) for name in names}


def look(config: Configuration, name: str) -> Look:
    """Return the strategy, the source and the part left out of an experiment or a localiser."""
    if name in config.localisers:
        return _of_system(config, config.localisers[name])
    experiment = config.experiments[name]
    return shown_strategy(config, experiment), experiment.source, ""


def _of_system(config: Configuration, localiser: Localiser) -> Look:
    """Return the system, or the kind of heat map of a classifier, which belongs to no system."""
    if localiser.strategy == "classifier":
        return localiser.map, "none", ""
    options = config.weak_models[localiser.model].options
    return localiser.strategy, "none", next((part for part, has in options.items() if has is False), "")
