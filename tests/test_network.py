"""The network of zhang2021 Table I, and its parts against torch's."""

import math

import pytest
import torch
import yaml

from conftest import ROOT, SMALL_NETWORK
from covidseg.training.network import InstanceNorm, build_network, is_head


@pytest.fixture(scope="module")
def paper_network():
    architecture = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())["network"]
    return build_network(architecture | {"design": "unet"}, classes=2, seed=0)


def test_paper_network_has_the_published_size(paper_network):
    parameters = sum(parameter.numel() for parameter in paper_network.parameters())
    assert parameters == pytest.approx(30.7e6, rel=0.01)


def test_paper_network_has_the_published_stages(paper_network):
    """Feature sizes of zhang2021 Table I, at a quarter of the patch's width and height."""
    shapes = []
    hooks = [
        stage.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape[1:])))
        for stage in paper_network.encoder.stages
    ]
    with torch.inference_mode():
        outputs = paper_network(torch.zeros(1, 1, 56, 64, 64))
    for hook in hooks:
        hook.remove()
    assert shapes == [
        (32, 56, 64, 64),
        (64, 56, 32, 32),
        (128, 28, 16, 16),
        (256, 14, 8, 8),
        (320, 7, 4, 4),
        (320, 7, 2, 2),
    ]
    assert [tuple(output.shape[1:]) for output in outputs] == [
        (2, 56, 64, 64), (2, 56, 32, 32), (2, 28, 16, 16), (2, 14, 8, 8), (2, 7, 4, 4),
    ]  # fmt: skip


def test_first_and_last_convolutions_are_flat(paper_network):
    """conv1 and conv10 of zhang2021 Table I are 1x3x3, all between them 3x3x3; two a stage."""
    encoder = [stage[0].convs for stage in paper_network.encoder.stages]
    decoder = [stage.convs for stage in paper_network.decoder.stages]
    kernels = [convs[-1].conv.kernel_size for convs in encoder + decoder]
    assert kernels == [(1, 3, 3), *[(3, 3, 3)] * 9, (1, 3, 3)]
    assert all(len(convs) == 2 for convs in encoder + decoder)


@pytest.mark.parametrize(
    "design", [{"design": "concatenation"}, {"design": "selective-fusion", "reduction": 4}]
)
def test_skip_connections_come_from_the_encoder_and_the_general_encoder_gives_its_bottleneck(
    design, monkeypatch
):
    """Whatever the general encoder's finer features are, the logits stay the same."""
    network = build_network(SMALL_NETWORK | design, classes=2, seed=0)
    image = torch.randn(1, 1, 4, 16, 16)
    with torch.inference_mode():
        expected = network(image)
        *finer, bottleneck = network.general_encoder(image)
        without = [torch.full_like(features, math.nan) for features in finer]
        monkeypatch.setattr(network.general_encoder, "forward", lambda image: [*without, bottleneck])
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(network(image), expected, strict=True))
        *finer, bottleneck = network.encoder(image)
        monkeypatch.setattr(
            network.encoder, "forward", lambda image: [*map(torch.zeros_like, finer), bottleneck]
        )
        assert not torch.equal(network(image)[0], expected[0])


def test_every_parameter_belongs_to_encoder_decoder_or_head():
    names = [name for name, _ in build_network(SMALL_NETWORK, classes=2, seed=0).named_parameters()]
    assert {name.split(".")[0] for name in names} == {"encoder", "decoder"}
    assert [name for name in names if is_head(name)] == [
        "decoder.seg_layers.0.weight",
        "decoder.seg_layers.0.bias",
    ]


def test_the_seed_fixes_the_weights():
    first, same, other = (build_network(SMALL_NETWORK, classes=2, seed=seed) for seed in (1, 1, 2))
    pairs = zip(first.parameters(), same.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
@pytest.mark.parametrize("size", [(3, 5, 5), (8, 12, 12)])
@pytest.mark.parametrize("channels", [6, 16])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_instance_norm_is_torch_s_own(layout, size, channels, precision):
    """Values and gradients, on either side of the bounds at which the function changes."""
    torch.manual_seed(0)
    features = (3 * torch.randn(2, channels, *size) + 1).to(precision, memory_format=layout)
    slopes = torch.randn(2, channels, *size).to(precision)
    ours, theirs = InstanceNorm(channels, affine=True), torch.nn.InstanceNorm3d(channels, affine=True)
    with torch.no_grad():
        for norm in (ours, theirs):
            norm.weight.copy_(torch.arange(channels) + 1)
            norm.bias.copy_(torch.arange(channels))
    results = []
    for norm, given in ((ours, features), (theirs, features.float())):
        given = given.clone().requires_grad_()
        output = norm(given)
        assert output.dtype == given.dtype
        output.backward(slopes.to(output.dtype))
        results.append((output, given.grad, norm.weight.grad, norm.bias.grad))
    tolerance = 1e-4 if precision == torch.float32 else 3e-2
    for first, second in zip(*results, strict=True):
        assert torch.allclose(
            first.float(), second, rtol=tolerance, atol=tolerance * second.detach().abs().max().item()
        )
