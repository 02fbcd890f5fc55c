"""The optimisers against torch's own classes."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from conftest import SMALL_NETWORK
from covidseg.training.network import build_network
from covidseg.training.optimisers import Adam, NesterovSGD


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
        optimiser.step(torch.tensor(rate, dtype=torch.float64))
    for a, b in zip(ours.parameters(), reference.parameters(), strict=True):
        assert torch.equal(a, b)


def test_optimiser_leaves_frozen_parameters_alone():
    network = build_network(SMALL_NETWORK, classes=2, seed=0)
    network.encoder.requires_grad_(False)
    before = {name: p.clone() for name, p in network.named_parameters()}
    optimiser = NesterovSGD(network, momentum=0.9, weight_decay=0.1)
    network(torch.randn(1, 1, 2, 8, 8))[0].sum().backward()
    optimiser.step(torch.tensor(0.1))
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, before[name]) == name.startswith("encoder"), name
    optimiser.zero_grad()
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_adam_is_torch_s_own(memory_format):
    torch.manual_seed(0)
    ours, theirs = (nn.Conv2d(3, 2, 3).to(memory_format=memory_format) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    adam, oracle = (
        Adam(ours, betas=(0.5, 0.9)),
        torch.optim.Adam(theirs.parameters(), lr=0.01, betas=(0.5, 0.9)),
    )
    for _ in range(5):
        images = torch.randn(4, 3, 6, 5).to(memory_format=memory_format)
        for network, optimiser in ((ours, adam), (theirs, oracle)):
            optimiser.zero_grad()
            network(images).square().sum().backward()
        adam.step(0.01)
        oracle.step()
    for parameter, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(parameter, other)


def test_adam_leaves_parameters_without_a_gradient_alone():
    """Their moments begin with their first gradient, as in torch's class."""
    torch.manual_seed(0)
    ours, theirs = (nn.ParameterDict({"a": torch.ones(3), "b": torch.ones(3)}) for _ in range(2))
    adam, oracle = (
        Adam(ours, betas=(0.5, 0.9)),
        torch.optim.Adam(theirs.parameters(), lr=0.1, betas=(0.5, 0.9)),
    )
    for names in ("a", "ab", "ab"):
        for network, optimiser in ((ours, adam), (theirs, oracle)):
            optimiser.zero_grad()
            sum(network[name].square().sum() for name in names).backward()
        adam.step(0.1)
        oracle.step()
        if names == "a":
            assert torch.equal(ours["b"], torch.ones(3))
    for name in "ab":
        torch.testing.assert_close(ours[name], theirs[name])


def test_adam_moves_by_the_learning_rate_and_hardly_less_where_the_gradient_is_small():
    """The first step is rate x g / (|g| + 1e-8): for g = 1e-8 half of the rate."""
    network = nn.ParameterDict({"a": torch.zeros(2)})
    network["a"].grad = torch.tensor([1.0, 1e-8])
    Adam(network, betas=(0.5, 0.9)).step(0.1)
    assert network["a"].tolist() == pytest.approx([-0.1, -0.05])
