"""Pre-trained lesion representations (wang2021 3.4.2)."""

from pathlib import Path

from torch import nn

from covidseg.training.freezing import freeze
from covidseg.training.strategies.base import Strategy
from covidseg.training.weights import LoadedWeights, load_all


class LesionRepresentations(Strategy):
    """Start from all pre-trained weights, freeze the encoder, and train the decoder.

    No gradient is computed for the frozen encoder, since neither its input nor its weights require one. The
    option `head` decides about the segmentation heads, see `load_all`.
    """

    def prepare(self, network: nn.Module, pretrained: Path | None) -> LoadedWeights:
        """Load encoder, decoder and segmentation heads, and freeze the encoder."""
        assert pretrained is not None  # the strategy's entry in the registry asks for a source
        loaded = load_all(network, pretrained, head=self.options["head"])
        freeze(network, "encoder")
        return LoadedWeights.of(network, loaded=loaded)
