"""Parameters and operations of networks, counted without their weights in memory."""

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
    """Of one network.

    Attributes:
        parameters: their number.
        forward: operations of a patch on its way through the network.
        encoder: those of them in one encoder.
    """

    parameters: int
    forward: int
    encoder: int


def network_size(experiment: Experiment, network: Network, plan: Plan) -> NetworkSize:
    """Return the size of an experiment's network by the configuration's `network` and `plan`."""
    strategy = load_strategy(experiment.strategy, experiment.options, list(experiment.train))
    architecture = strategy.architecture(network)
    return _measure(json.dumps(architecture), 1 + len(experiment.classes), tuple(plan["patch"]))


def plain_size(network: Network, plan: Plan) -> NetworkSize:
    """Return the size of one U-Net without a second encoder, for lesions alone."""
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
    """Return the parameters of all networks of a system by the configuration's `weak`."""
    with torch.device("meta"):
        networks = load_system(model.system, model.options, weak).build()
    return sum(parameter.numel() for parameter in networks.parameters())
