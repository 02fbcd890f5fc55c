"""The registry of training strategies (wang2021 3.2 to 3.5, wang2020 III-E, zhang2021 III).

A strategy is one module in this folder and one entry in STRATEGIES. `config/experiments.yaml` refers to a
strategy by its key in STRATEGIES. A module is imported only where a network is trained. Therefore the
configuration is checked without torch, and a changed or added strategy reruns only its own trainings (see
`strategy_code` in rules/functions/models.smk).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from covidseg.training.sections import Options
    from covidseg.training.strategies.base import Strategy


@dataclass(frozen=True)
class Entry:
    """What the configuration must know of a strategy.

    Attributes:
        module: name of the strategy's module in this folder.
        class_name: name of the subclass of Strategy in this module.
        needs_source: whether experiments must name `sources`.
        options: key that an experiment's `options` must have -> allowed values, or type of the value.
        trains_on_source: whether the strategy also trains on the cases of the source.
        starts_halfway: whether the strategy starts from a pre-training that stops in the middle of its
            learning-rate schedule, and goes on with this schedule. All other strategies start from a
            pre-training that has finished its schedule.
    """

    module: str
    class_name: str
    needs_source: bool = True
    options: Mapping[str, tuple[object, ...] | type[int] | type[float]] = field(default_factory=dict)
    trains_on_source: bool = False
    starts_halfway: bool = False


HEAD = {"head": ("auto", "pretrained", "new")}
STRATEGIES = {
    "pretrain": Entry(
        "pretrain",
        "Pretraining",
        needs_source=False,
        options={"lesions": ("union", "classes", "heads"), "schedule": ("whole", "first half")},
    ),
    "scratch": Entry("scratch", "Scratch", needs_source=False),
    "continual": Entry("continual", "ContinualLearning", options=HEAD, starts_halfway=True),
    "body-finetune": Entry("body_finetune", "BodyFinetuning", options=HEAD),
    "lesion-representations": Entry("lesion_representations", "LesionRepresentations", options=HEAD),
    "hybrid": Entry("hybrid", "HybridEncoder", options={"decoder": ("new", "pretrained"), "reduction": int}),
    "multi-encoder": Entry("multi_encoder", "MultiEncoder", options={"decoder": ("new", "pretrained")}),
    "collaborative-backbone": Entry(
        "collaborative_backbone",
        "CollaborativeBackbone",
        options={"general_encoder": ("random", "pretrained")},
    ),
    "collaborative": Entry(
        "collaborative",
        "CollaborativeLearning",
        options={
            "relations": ("general", "both"),
            "general_encoder": ("random", "pretrained"),
            "lambda_general": float,
            "lambda_target": float,
            "ramp_up": float,
            "snapshots": int,
        },
        trains_on_source=True,
    ),
}


def load_strategy(name: str, options: Options, datasets: list[str]) -> Strategy:
    """Import a strategy and make it for an experiment.

    Args:
        name: key of STRATEGIES.
        options: options of the experiment.
        datasets: training data sets of the experiment.
    """
    entry = STRATEGIES[name]
    module = importlib.import_module(f"covidseg.training.strategies.{entry.module}")
    return getattr(module, entry.class_name)(options, datasets)
