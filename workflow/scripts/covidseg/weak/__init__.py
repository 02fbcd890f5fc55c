"""The registry of systems that learn from image-level labels to localise lesions (yang2021)."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from covidseg.training.sections import Options
    from covidseg.weak.base import System
    from covidseg.weak.sections import Weak


@dataclass(frozen=True)
class Entry:
    """What the configuration must know of a system.

    Attributes:
        module: name of the system's module in this folder.
        class_name: name of the subclass of System in this module.
        maps: kinds of heat map that the system can make; the first one is the default.
        sections: keys of the configuration's `weak` that the system reads beside those that all systems read.
        values: keys of the chosen variant that the system reads beside those that all systems read.
        options: key that a model's `options` must have -> allowed values.
        needs_classifier: whether the system learns from a trained classifier.
    """

    module: str
    class_name: str
    maps: tuple[str, ...]
    sections: tuple[str, ...]
    values: tuple[str, ...]
    options: dict[str, tuple[object, ...]] = field(default_factory=dict)
    needs_classifier: bool = False


ON_OFF = (True, False)
OF_CRITIC = ("betas", "learning_rate", "penalty_weight", "critic_weight")
SYSTEMS = {
    "decomposition": Entry(
        "decomposition",
        "Decomposition",
        maps=("decoder", "rescaled", "difference"),
        sections=("features", "critic_features"),
        values=(*OF_CRITIC, "weights", "fakes", "edge_power", "shared_decoders", "critic_norm"),
        options={"normal_fidelity": ON_OFF, "lesion_decoder": ON_OFF, "critic": ON_OFF},
    ),
    "va-gan": Entry(
        "va_gan", "VAGAN", maps=("map",), sections=("features", "critic_features", "va_gan"), values=()
    ),
    "biomarker-localisation": Entry(
        "biomarker_localisation",
        "BiomarkerLocalisation",
        maps=("difference",),
        sections=("features", "critic_features", "biomarker_localisation"),
        values=OF_CRITIC,
        needs_classifier=True,
    ),
    "classifier": Entry(
        "classifier", "Classifier", maps=("cam", "grad-cam"), sections=("classifier",), values=("betas",)
    ),
}


def load_system(name: str, options: Options, weak: Weak) -> System:
    """Import a system and make it.

    Args:
        name: key of SYSTEMS.
        options: options of the model in experiments.yaml.
        weak: the configuration's `weak`.
    """
    entry = SYSTEMS[name]
    module = importlib.import_module(f"covidseg.weak.{entry.module}")
    return getattr(module, entry.class_name)(options, weak)
