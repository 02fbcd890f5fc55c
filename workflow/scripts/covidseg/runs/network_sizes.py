"""Counts the parameters and operations of networks, without their weights in memory."""

import json
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from covidseg.config.experiments import Experiment
from covidseg.config.weak_models import WeakModel
from covidseg.training.network import build_network
from covidseg.training.sections import Architecture, Network, Plan
from covidseg.training.strategies import load_strategy
from covidseg.weak import load_system
from covidseg.weak.sections import Weak


@dataclass(frozen=True)
class NetworkSize:
    """The size of one network.

    Attributes:
        parameters: number of parameters.
        forward: number of operations of one forward pass of one patch.
        encoder: number of operations of the same pass in one encoder.
    """

    parameters: int
    forward: int
    encoder: int


def network_size(experiment: Experiment, network: Network, plan: Plan) -> NetworkSize:
    """Return the size of an experiment's network; `network` and `plan` are sections of the configuration."""
    strategy = load_strategy(experiment.strategy, experiment.options, list(experiment.train))
    architecture = strategy.architecture(network)
    return _measure(json.dumps(architecture), 1 + len(experiment.classes), tuple(plan["patch"]))


def plain_size(network: Network, plan: Plan) -> NetworkSize:
    """Return the size of a U-Net with one encoder that segments only lesions."""
    architecture: Architecture = {**network, "design": "unet"}
    return _measure(json.dumps(architecture), 2, tuple(plan["patch"]))


@lru_cache
def _measure(architecture: str, classes: int, patch: tuple[int, int, int]) -> NetworkSize:
    with torch.device("meta"):
        network = build_network(json.loads(architecture), classes=classes, seed=0)
        image = torch.empty(1, 1, *patch)
    counted = []
    for part in (network, network.get_submodule("encoder")):
        with FlopCounterMode(display=False) as counter:
            part(image)
        counted.append(counter.get_total_flops())
    return NetworkSize(sum(p.numel() for p in network.parameters()), *counted)


def weak_parameters(model: WeakModel, weak: Weak) -> int:
    """Return the number of parameters of all networks of a system; `weak` is the section."""
    with torch.device("meta"):
        networks = load_system(model.system, model.options, weak).build()
    return sum(parameter.numel() for parameter in networks.parameters())
