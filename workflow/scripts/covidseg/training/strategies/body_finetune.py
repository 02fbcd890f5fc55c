"""Body fine-tuning (wang2021 3.4.1)."""

from pathlib import Path

from torch import nn

from covidseg.training.strategies.base import Strategy
from covidseg.training.weights import LoadedWeights, load_all


class BodyFinetuning(Strategy):
    """Start from all pre-trained weights, and train everything with a new schedule.

    The option `head` decides about the segmentation heads, see `load_all`.
    """

    def prepare(self, network: nn.Module, pretrained: Path | None) -> LoadedWeights:
        """Load encoder, decoder and segmentation heads."""
        assert pretrained is not None  # the strategy's entry in the registry asks for a source
        return LoadedWeights.of(network, loaded=load_all(network, pretrained, head=self.options["head"]))
