"""The network of zhang2021 Table I, losses by hand, and the optimiser against torch's."""

import math

import pytest
import torch
import yaml
from torch.nn import functional

from conftest import ROOT, SMALL_NETWORK
from covidseg.training.losses import (
    deep_supervision_loss,
    dice_and_cross_entropy,
    soft_dice_loss,
    supervision_weights,
)
from covidseg.training.network import InstanceNorm, build_network, is_head
from covidseg.training.optimisers import NesterovSGD


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


def test_supervision_weights_are_those_of_the_papers():
    assert supervision_weights(5) == pytest.approx([8 / 15, 4 / 15, 2 / 15, 1 / 15, 0])
    assert supervision_weights(1) == [1]


def test_dice_loss_by_hand():
    """Two samples of four voxels, foreground probabilities against truth."""
    foreground = torch.tensor([[0.8, 0.6, 0.4, 0.0], [0.5, 0.0, 0.0, 0.5]])
    truth = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 1]])
    probabilities = torch.stack([1 - foreground, foreground], 1)[:, :, None, None, :]
    target = truth[:, None, None, :]
    per_sample = (2 * 1.4 / (1.8 + 2) + 2 * 0.5 / (1 + 1)) / 2
    pooled = 2 * (1.4 + 0.5) / (1.8 + 2 + 1 + 1)
    assert soft_dice_loss(probabilities, target, batch_dice=False).item() == pytest.approx(
        -per_sample, abs=1e-4
    )
    assert soft_dice_loss(probabilities, target, batch_dice=True).item() == pytest.approx(-pooled, abs=1e-4)


def test_dice_loss_leaves_the_background_out_and_averages_classes():
    probabilities = torch.zeros(1, 3, 1, 1, 4)
    probabilities[0, 1, 0, 0, :2] = 1
    probabilities[0, 0, 0, 0, 2:] = 1
    target = torch.tensor([[[[1, 1, 2, 0]]]])
    assert soft_dice_loss(probabilities, target, batch_dice=True).item() == pytest.approx(
        -(1 + 0) / 2, abs=1e-4
    )


@pytest.mark.parametrize("batch_dice", [True, False])
def test_a_class_that_is_nowhere_has_a_dice_of_one(batch_dice):
    nothing = torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1, 1).expand(1, 2, 1, 1, 4)
    loss = soft_dice_loss(nothing, torch.zeros(1, 1, 1, 4), batch_dice=batch_dice)
    assert loss.item() == pytest.approx(-1)


def test_cross_entropy_by_hand():
    logits = torch.tensor([[0.0, 1.0], [2.0, -1.0]]).T[None, :, None, None, :]  # (1, 2, 1, 1, 2)
    target = torch.tensor([[[[1, 0]]]])
    expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(-3))) / 2
    total = dice_and_cross_entropy(logits, target, batch_dice=True).item()
    dice = soft_dice_loss(logits.softmax(1), target, batch_dice=True).item()
    assert total - dice == pytest.approx(expected, abs=1e-6)


def test_deep_supervision_sums_resolutions_with_nearest_targets():
    torch.manual_seed(0)
    target = torch.randint(0, 2, (2, 4, 8, 8), dtype=torch.uint8)
    outputs = [torch.randn(2, 2, 4, 8, 8), torch.randn(2, 2, 4, 4, 4), torch.randn(2, 2, 2, 2, 2)]
    expected = (
        2 / 3 * dice_and_cross_entropy(outputs[0], target, batch_dice=True)
        + 1 / 3 * dice_and_cross_entropy(outputs[1], target[:, :, ::2, ::2], batch_dice=True)
    )  # fmt: skip
    found = deep_supervision_loss(outputs, target, batch_dice=True)
    assert found.item() == pytest.approx(expected.item(), abs=1e-6)


def test_the_coarsest_resolution_gets_no_gradient():
    """And therefore no weight decay: the optimiser leaves parameters without a gradient alone."""
    outputs = [torch.zeros(1, 2, 1, 4, 4, requires_grad=True), torch.zeros(1, 2, 1, 2, 2, requires_grad=True)]
    deep_supervision_loss(outputs, torch.ones(1, 1, 4, 4), batch_dice=True).backward()
    assert outputs[0].grad.abs().sum() > 0
    assert outputs[1].grad is None


def test_optimiser_equals_torch_s_class():
    ours, reference = (build_network(SMALL_NETWORK, classes=2, seed=0) for _ in range(2))
    optimiser = NesterovSGD(ours, momentum=0.99, weight_decay=3e-5)
    expected = torch.optim.SGD(
        reference.parameters(), lr=0.1, momentum=0.99, weight_decay=3e-5, nesterov=True
    )
    image, target = torch.randn(1, 1, 2, 8, 8), torch.randint(0, 2, (1, 2, 8, 8))
    for rate in (0.1, 0.05, 0.01):
        for network in (ours, reference):
            for parameter in network.parameters():
                parameter.grad = None
            functional.cross_entropy(network(image)[0], target).backward()
        for group in expected.param_groups:
            group["lr"] = rate
        expected.step()
        optimiser.step(rate)
    for a, b in zip(ours.parameters(), reference.parameters(), strict=True):
        assert torch.equal(a, b)


def test_optimiser_leaves_frozen_parameters_alone():
    network = build_network(SMALL_NETWORK, classes=2, seed=0)
    network.encoder.requires_grad_(False)
    before = {name: p.clone() for name, p in network.named_parameters()}
    optimiser = NesterovSGD(network, momentum=0.9, weight_decay=0.1)
    network(torch.randn(1, 1, 2, 8, 8))[0].sum().backward()
    optimiser.step(0.1)
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, before[name]) == name.startswith("encoder"), name
    optimiser.zero_grad()
    assert all(p.grad is None for p in network.parameters())


def test_instance_norm_is_torch_s_own():
    """Values and gradients, in both memory layouts."""
    for layout in (torch.contiguous_format, torch.channels_last_3d):
        features = (3 * torch.randn(2, 6, 3, 5, 5) + 1).to(memory_format=layout)
        ours, theirs = InstanceNorm(6, affine=True), torch.nn.InstanceNorm3d(6, affine=True)
        with torch.no_grad():
            for norm in (ours, theirs):
                norm.weight.copy_(torch.arange(1.0, 7))
                norm.bias.copy_(torch.arange(6.0))
        results = []
        for norm in (ours, theirs):
            given = features.clone().requires_grad_()
            output = norm(given)
            output.square().sum().backward()
            results.append((output, given.grad, norm.weight.grad, norm.bias.grad))
        for first, second in zip(*results, strict=True):
            assert torch.allclose(first, second, rtol=1e-4, atol=1e-4)
