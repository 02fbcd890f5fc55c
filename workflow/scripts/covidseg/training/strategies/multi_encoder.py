"""Multi-encoder learning (wang2020 III-E)."""

from pathlib import Path

from torch import nn

from covidseg.training.sections import Architecture, Network
from covidseg.training.strategies.base import Strategy
from covidseg.training.weights import LoadedWeights, load_parts

# The decoder's first layer takes twice the channels of the pre-trained one, so its weights cannot be loaded.
WIDENED = ("decoder.transpconvs.0.weight", "decoder.transpconvs.0.bias")


class MultiEncoder(Strategy):
    """A self-encoder, which starts pre-trained, and an adapted encoder, pre-trained and frozen.

    The features of both encoders are concatenated.

    The option `decoder` decides whether the decoder starts new or pre-trained: the paper does not say. The
    segmentation heads start new.
    """

    def architecture(self, network: Network) -> Architecture:
        """Add the second encoder."""
        return {**network, "design": "concatenation"}

    def prepare(self, network: nn.Module, pretrained: Path | None) -> LoadedWeights:
        """Load both encoders, and freeze the adapted encoder, which is the network's `general_encoder`."""
        assert pretrained is not None  # the strategy's entry in the registry asks for a source
        parts = [("encoder.", "encoder."), ("encoder.", "general_encoder.")]
        if self.options["decoder"] == "pretrained":
            parts.append(("decoder.", "decoder."))
        loaded = load_parts(network, pretrained, parts, new=WIDENED)
        network.general_encoder.requires_grad_(False)
        return LoadedWeights.of(network, loaded=loaded)
