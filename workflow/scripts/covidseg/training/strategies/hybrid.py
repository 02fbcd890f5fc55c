"""Hybrid-encoder learning with Selective Fusion (wang2021 3.5)."""

from pathlib import Path

from torch import nn

from covidseg.training.sections import Architecture, Network
from covidseg.training.strategies.base import Strategy
from covidseg.training.weights import LoadedWeights, load_parts


class HybridEncoder(Strategy):
    """A dedicated encoder, which starts random, and an adapted encoder, pre-trained and frozen.

    Attention fuses the features of both encoders.

    The option `decoder` decides whether the decoder starts new or pre-trained: the paper does not say. The
    segmentation heads start new.
    """

    def architecture(self, network: Network) -> Architecture:
        """Add the second encoder and Selective Fusion."""
        return {**network, "design": "selective-fusion", "reduction": self.options["reduction"]}

    def prepare(self, network: nn.Module, pretrained: Path | None) -> LoadedWeights:
        """Load and freeze the adapted encoder, which is the network's `general_encoder`."""
        assert pretrained is not None  # the strategy's entry in the registry asks for a source
        parts = [("encoder.", "general_encoder.")]
        if self.options["decoder"] == "pretrained":
            parts.append(("decoder.", "decoder."))
        loaded = load_parts(network, pretrained, parts)
        network.general_encoder.requires_grad_(False)
        return LoadedWeights.of(network, loaded=loaded)
