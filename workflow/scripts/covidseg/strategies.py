"""The transfer strategies: how a training starts from a pre-trained model (wang2021 3.3 to 3.5).

A strategy is one function here and one line in the registry; experiments name it in
`config/experiments.yaml`. torch is imported only where a network is at hand, so that the configuration
can be checked against the registry in no time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from covidseg.model_files import Transfer


@dataclass(frozen=True)
class Strategy:
    """A way to start a training.

    Attributes:
        prepare: gets the new network and the pre-trained model.safetensors (None without a source),
            changes the network in place and tells what it loaded, left new and froze.
        needs_source: whether experiments must name `sources`.
    """

    prepare: Callable[[nn.Module, Path | None], Transfer]
    needs_source: bool


def scratch(network: nn.Module, pretrained: Path | None) -> Transfer:
    """Keep the random weights."""
    from covidseg.model_files import Transfer

    return Transfer(loaded=[], new=[name for name, _ in network.named_parameters()], frozen=[])


def body_finetune(network: nn.Module, pretrained: Path | None) -> Transfer:
    """Load all but the head and train everything with a fresh schedule (wang2021 3.4.1)."""
    from covidseg.model_files import load_all_but_head

    return load_all_but_head(network, pretrained)


STRATEGIES = {
    "scratch": Strategy(scratch, needs_source=False),
    "body-finetune": Strategy(body_finetune, needs_source=True),
}
