"""The backbone of collaborative learning: both encoders without the consistency losses (zhang2021 IV-C)."""

from pathlib import Path

from torch import nn

from covidseg.training.sections import Architecture, Network
from covidseg.training.strategies.base import Strategy
from covidseg.training.weights import LoadedWeights, load_parts


class CollaborativeBackbone(Strategy):
    """A target encoder T and a decoder D, which start random, and a general encoder G, which is frozen.

    The features of both encoders are concatenated. No case of the source is read.

    The option `general_encoder` decides whether G starts random or pre-trained: the paper does not say.
    """

    def architecture(self, network: Network) -> Architecture:
        """Add the second encoder: G is `general_encoder`, T is `encoder`."""
        return {**network, "design": "concatenation"}

    def prepare(self, network: nn.Module, pretrained: Path | None) -> LoadedWeights:
        """Load G unless G starts random, and freeze G."""
        network.general_encoder.requires_grad_(False)
        return load_general_encoder(network, pretrained)


def load_general_encoder(network: nn.Module, pretrained: Path | None) -> LoadedWeights:
    """Copy the encoder of a pre-trained model into G; without such a model, G stays random."""
    loaded = load_parts(network, pretrained, [("encoder.", "general_encoder.")]) if pretrained else []
    return LoadedWeights.of(network, loaded=loaded)
