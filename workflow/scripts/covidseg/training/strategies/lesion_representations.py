"""Pre-trained lesion representations (wang2021 3.4.2)."""

from pathlib import Path

from torch import nn

from covidseg.training.strategies.base import Strategy
from covidseg.training.weights import LoadedWeights, load_all_but_head


class LesionRepresentations(Strategy):
    """Start from all pre-trained weights except those of the heads, freeze the encoder, train the decoder.

    No gradient is computed for the frozen encoder, since neither its input nor its weights require one.
    """

    def prepare(self, network: nn.Module, pretrained: Path | None) -> LoadedWeights:
        """Load encoder and decoder, and freeze the encoder."""
        assert pretrained is not None  # the strategy's entry in the registry asks for a source
        loaded = load_all_but_head(network, pretrained)
        network.encoder.requires_grad_(False)
        return LoadedWeights.of(network, loaded=loaded)
