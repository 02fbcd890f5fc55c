"""What decides the colour and the shape of a model in figures: its method, its source, and what it lacks."""

from covidseg.config.configuration import Configuration
from covidseg.config.entries import ArtefactEntry
from covidseg.config.experiments import Experiment
from covidseg.config.weak_models import Localiser

RANDOM = ("scratch", "pretrain")  # strategies whose weights all start random
Look = tuple[str, str, str]  # method, source, and the part that is left out, as in paper/palette.py


def looks(config: Configuration, artefact: ArtefactEntry) -> dict[str, Look]:
    """Return experiment -> its look, for the experiments of an artefact that are run."""
    found = config.experiments | config.localisers
    names = dict.fromkeys(one.experiment for one in config.series(artefact) if one.runs)
    return {name: look(config, found[name]) for name in names}


def look(config: Configuration, experiment: Experiment) -> Look:
    """Return the method, the source and the part left out of an experiment or a localiser."""
    if isinstance(experiment, Localiser):
        return _of_system(config, experiment)
    if experiment.strategy not in RANDOM or experiment.source == "none":
        return experiment.strategy.removesuffix("-backbone"), experiment.source, ""
    # Tasks 2 and 3 of ma2021: training on other data, without and with COVID-19 cases.
    archive = config.datasets[config.sections["plan"]["target"]]["images"]["archive"]
    fused = any(config.datasets[name]["images"]["archive"] == archive for name in experiment.train)
    return "fused-data" if fused else "other-data", experiment.source, ""


def _of_system(config: Configuration, localiser: Localiser) -> Look:
    """Return the system, or the kind of heat map of a classifier, which belongs to no system."""
    if localiser.strategy == "classifier":
        return localiser.map, "none", ""
    options = config.weak_models[localiser.model].options
    return localiser.strategy, "none", next((part for part, has in options.items() if has is False), "")
