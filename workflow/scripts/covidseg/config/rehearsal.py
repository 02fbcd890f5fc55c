"""Section `rehearsal` of the configuration: the part of experiments.yaml that a rehearsal runs."""

from collections.abc import Iterable
from dataclasses import replace

from covidseg.config.checks import check_known
from covidseg.config.experiments import Experiment
from covidseg.config.weak_models import Localiser, WeakModel

Experiments = dict[str, Experiment]
WeakModels = dict[str, WeakModel]
Localisers = dict[str, Localiser]


def rehearsed(
    names: Iterable[str],
    experiments: Experiments,
    weak_models: WeakModels,
    localisers: Localisers,
    where: str,
) -> tuple[Experiments, WeakModels, Localisers]:
    """Return the named experiments with one fold each, the localisers, and the models that these start from.

    Args:
        names: experiments and localisers.
        experiments: name -> experiment, those that the configuration runs.
        weak_models: name -> weakly supervised system.
        localisers: name -> localiser.
        where: file and key of the names, for messages.

    Raises:
        InputError: there is no experiment or localiser of a name.
    """
    check_known(names, {*experiments, *localisers}, where, "experiment or localiser")
    shown = {name: localisers[name] for name in names if name in localisers}
    systems = {one.model for one in shown.values()}
    systems |= {found for name in systems if (found := weak_models[name].classifier)}
    wanted = {name for name in names if name in experiments}
    wanted |= {start for name in wanted if (start := experiments[name].pretraining)}
    wanted |= {experiments[name].model for name in wanted}
    return (
        {name: replace(one, folds=1) for name, one in experiments.items() if name in wanted},
        {name: one for name, one in weak_models.items() if name in systems},
        shown,
    )
