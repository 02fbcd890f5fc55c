"""A frozen part is frozen, and nothing else: the library's decoder holds its encoder."""

import pytest
import torch

from conftest import SMALL_NETWORK
from covidseg.training.freezing import freeze
from covidseg.training.network import build_network
from covidseg.training.weights import LoadedWeights

DESIGNS = {
    "unet": ("encoder", "decoder", "head"),
    "selective-fusion": ("encoder", "general_encoder", "fusion", "decoder", "head"),
    "concatenation": ("encoder", "general_encoder", "decoder", "head"),
}


def network_of(design):
    return build_network(SMALL_NETWORK | {"design": design, "reduction": 2}, classes=2, seed=0)


@pytest.mark.parametrize(("design", "part"), [(d, part) for d, parts in DESIGNS.items() for part in parts])
def test_a_part_is_frozen_and_no_other(design, part):
    network = network_of(design)
    freeze(network, part)
    counts = LoadedWeights.of(network, loaded=[]).counts(network)
    assert set(counts) == set(DESIGNS[design])
    for name, count in counts.items():
        assert (count["trained"] == 0) == (name == part), name
        assert (count["frozen"] > 0) == (name == part), name


def test_the_encoder_learns_through_a_frozen_decoder():
    network = network_of("unet")
    freeze(network, "decoder", "head")
    sum(output.square().mean() for output in network(torch.randn(1, 1, 4, 8, 8))).backward()
    assert all(parameter.grad is not None for parameter in network.encoder.parameters())
    own = [p for name, p in network.named_parameters() if name.startswith("decoder.")]
    assert own
    assert all(parameter.grad is None for parameter in own)


def test_a_part_that_is_not_there_is_refused():
    with pytest.raises(
        ValueError, match="no part 'encodr' of the network; there are: encoder, decoder, head"
    ):
        freeze(network_of("unet"), "encodr")
