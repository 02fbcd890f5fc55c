"""Multi-encoder learning (wang2020 III-E)."""

from pathlib import Path

from torch import nn

from covidseg.training.sections import Architecture, Network
from covidseg.training.strategies.base import Strategy
from covidseg.training.weights import LoadedWeights, load_parts

# The first layer of the decoder takes twice the channels: there is nothing of its shape to load.
WIDENED = ("decoder.transpconvs.0.weight", "decoder.transpconvs.0.bias")


class MultiEncoder(Strategy):
    """A self-encoder that starts pre-trained, an adapted encoder pre-trained and frozen, concatenated.

    Whether the decoder starts new or pre-trained, which the paper does not say, is option `decoder`.
    """

    def architecture(self, network: Network) -> Architecture:
        """Add the second encoder."""
        return {**network, "design": "concatenation"}

    def prepare(self, network: nn.Module, pretrained: Path | None) -> LoadedWeights:
        """Load both encoders and freeze the adapted one, which is the network's `general_encoder`."""
        assert pretrained is not None  # its entry in the registry asks for a source
        parts = [("encoder.", "encoder."), ("encoder.", "general_encoder.")]
        if self.options["decoder"] == "pretrained":
            parts.append(("decoder.", "decoder."))
        loaded = load_parts(network, pretrained, parts, new=WIDENED)
        network.general_encoder.requires_grad_(False)
        return LoadedWeights.of(network, loaded=loaded)
