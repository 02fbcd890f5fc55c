"""Dice, cross entropy and deep supervision by hand."""

import math

import pytest
import torch

from covidseg.training.losses import (
    deep_supervision_loss,
    dice_and_cross_entropy,
    soft_dice_loss,
    supervision_weights,
)


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


@pytest.mark.parametrize("batch_dice", [True, False])
def test_dice_loss_leaves_the_background_out_and_averages_classes(batch_dice):
    """In two slices of four voxels, class 1 is found in two voxels of two, and class 2 in none of one."""
    probabilities = torch.zeros(1, 3, 2, 1, 4)
    probabilities[0, 1, :, 0, :2] = 1
    probabilities[0, 0, :, 0, 2:] = 1
    target = torch.tensor([[[[1, 1, 2, 0]], [[1, 1, 2, 0]]]])
    loss = soft_dice_loss(probabilities, target, batch_dice=batch_dice)
    assert loss.item() == pytest.approx(-(1 + 0) / 2, abs=1e-4)


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
