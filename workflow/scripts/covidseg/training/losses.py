"""Dice plus cross entropy with deep supervision (nnU-Net v1, DC_and_CE_loss)."""

import torch
from torch.nn import functional

SMOOTH = 1e-5


def soft_dice_loss(probabilities: torch.Tensor, target: torch.Tensor, *, batch_dice: bool) -> torch.Tensor:
    """Return minus the mean soft Dice of the foreground classes.

    Args:
        probabilities: (batch, classes, z, y, x), softmax over classes.
        target: (batch, z, y, x), class indices.
        batch_dice: one Dice over the whole batch, instead of one a sample.
    """
    one_hot = functional.one_hot(target.long(), probabilities.shape[1]).movedim(-1, 1)[:, 1:]
    foreground = probabilities[:, 1:]
    axes = (0, 2, 3, 4) if batch_dice else (2, 3, 4)
    overlap = (foreground * one_hot).sum(axes)
    total = foreground.sum(axes) + one_hot.sum(axes)
    return -((2 * overlap + SMOOTH) / (total + SMOOTH).clamp_min(1e-8)).mean()


def dice_and_cross_entropy(logits: torch.Tensor, target: torch.Tensor, *, batch_dice: bool) -> torch.Tensor:
    """Return cross entropy plus the Dice loss, in float32; shapes as `soft_dice_loss`."""
    logits = logits.float()
    cross_entropy = functional.cross_entropy(logits, target.long())
    return cross_entropy + soft_dice_loss(logits.softmax(1), target, batch_dice=batch_dice)


def supervision_weights(outputs: int) -> list[float]:
    """Return 1, 1/2, 1/4, ... with the last set to 0, normalised: 8, 4, 2, 1, 0 fifteenths for five."""
    weights = [0.5**i for i in range(outputs)]
    if outputs > 1:
        weights[-1] = 0.0
    return [weight / sum(weights) for weight in weights]


def deep_supervision_loss(
    outputs: list[torch.Tensor], target: torch.Tensor, *, batch_dice: bool
) -> torch.Tensor:
    """Sum the loss over the decoder's resolutions, the target downsampled by nearest neighbour.

    Args:
        outputs: logits (batch, classes, z, y, x), full resolution first.
        target: (batch, z, y, x), class indices at full resolution.
    """
    loss = torch.zeros((), device=target.device)
    for logits, weight in zip(outputs, supervision_weights(len(outputs)), strict=True):
        if weight > 0:
            scaled = functional.interpolate(target[:, None].float(), logits.shape[2:], mode="nearest")[:, 0]
            loss = loss + weight * dice_and_cross_entropy(logits, scaled, batch_dice=batch_dice)
    return loss
