"""What every figure and page shows of a model: how it was trained (strategy), and from what (source)."""

from typing import TypedDict

from covidseg.config.configuration import Configuration
from covidseg.config.experiments import Experiment, same_scans
from covidseg.config.rows import pretraining_of
from covidseg.config.weak_models import Localiser, WeakModel

# Key of a strategy in the palette -> its title. What a user adds has its own key as title: a strategy, or an
# experiment whose predictions were made elsewhere.
STRATEGY_TITLES = {
    "scratch": "Train from scratch",
    "continual": "Continual Learning",
    "body-finetune": "Body Fine-tuning",
    "lesion-representations": "Pre-trained Lesion Representations",
    "hybrid": "Hybrid-encoder",
    "multi-encoder": "Multi-encoder",
    "collaborative": "Collaborative learning",
    "other-data": "Other data only (Task 2)",
    "fused-data": "Fused data (Task 3)",
    "pretrain": "Pre-training",
}
# Key of a weakly supervised system -> its title.
SYSTEM_TITLES = {
    "decomposition": "Decomposition",
    "biomarker-localisation": "Biomarker localisation (BL)",
    "va-gan": "VA-GAN",
    "cam": "CAM",
    "grad-cam": "Grad-CAM",
    "classifier": "Classifier of CAM and Grad-CAM",
}


class Method(TypedDict):
    """A network, of ours or one whose predictions were made elsewhere, as figures and pages show it.

    Attributes:
        experiment: key of the experiment, such as continual-msd.
        paper: key of the paper that the experiment belongs to.
        strategy: key of the palette, such as continual or fused-data.
        strategy_title: such as Continual Learning.
        source: key of the source, such as msd, or "none".
        source_title: such as MSD.
        model: name of the experiment whose models are used; its own name, but for pre-trained models that are
            evaluated as they are. Empty if the predictions were made elsewhere.
        folds: number of models.
    """

    experiment: str
    paper: str
    strategy: str
    strategy_title: str
    source: str
    source_title: str
    model: str
    folds: int


def methods(config: Configuration) -> list[Method]:
    """Return every network of a configuration; not the weakly supervised systems."""
    return [_method(config, one) for one in config.experiments.values()]


def all_methods(config: Configuration) -> list[Method]:
    """Return the networks of all experiments, also of those that the configuration leaves out."""
    networks = (one for one in config.all_experiments.values() if not isinstance(one, Localiser))
    return [_method(config, one) for one in networks]


class System(TypedDict):
    """A weakly supervised system, as figures and pages show it.

    Attributes:
        system: key of the palette.
        model: name of the model whose heat maps are used.
        without: the part that is left out, or "".
    """

    system: str
    model: str
    without: str


def systems(config: Configuration) -> dict[str, System]:
    """Return localiser -> its system; CAM and Grad-CAM are two kinds of heat map of one classifier."""
    found: dict[str, System] = {}
    localisers = {name: one for name, one in config.all_experiments.items() if isinstance(one, Localiser)}
    for name, one in localisers.items():
        options = config.weak_models[one.model].options if one.model in config.weak_models else {}
        found[name] = {
            "system": one.map if one.strategy == "classifier" else one.strategy,
            "model": one.model,
            "without": next((part for part, has in options.items() if has is False), ""),
        }
    return found


def weak_title(model: WeakModel) -> str:
    """Return the name of a weakly supervised model: its system, and what an ablation goes without."""
    off = [name.replace("_", " ") for name, value in model.options.items() if value is False]
    title = SYSTEM_TITLES.get(model.system, model.system)
    return ", ".join([title, *(f"without {name}" for name in off)])


def _method(config: Configuration, experiment: Experiment) -> Method:
    pretrained = _pretrained(config).get(experiment.name)
    strategy = "pretrain" if pretrained else shown_strategy(config, experiment)
    source = pretrained or experiment.source
    return {
        "experiment": experiment.name,
        "paper": experiment.paper,
        "strategy": strategy,
        "strategy_title": STRATEGY_TITLES.get(strategy, strategy),
        "source": source,
        "source_title": config.source_titles[source],
        "model": experiment.model,
        "folds": experiment.folds,
    }


def _pretrained(config: Configuration) -> dict[str, str]:
    """Return name of a pre-training -> key of its source."""
    sources = [name for name in config.source_titles if name != "none"]
    return {pretraining_of(name, halfway=half): name for name in sources for half in (False, True)}


def shown_strategy(config: Configuration, experiment: Experiment) -> str:
    """Return the key of an experiment's strategy in the palette.

    Tasks 2 and 3 of ma2021 train from scratch too. Their strategies are the data that they learn from: other
    data alone, or COVID-19 scans and other data together. An experiment whose predictions were made elsewhere
    has its own name as key.
    """
    if experiment.predictions:
        return experiment.name
    if experiment.strategy == "collaborative-backbone":
        return "collaborative"
    if experiment.strategy in ("scratch", "pretrain") and experiment.source != "none":
        target = config.sections["plan"]["target"]
        learned = any(same_scans(name, target, config.datasets) for name in experiment.train)
        return "fused-data" if learned else "other-data"
    return experiment.strategy
