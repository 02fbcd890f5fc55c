"""Dice plus cross entropy with deep supervision (nnU-Net v1, DC_and_CE_loss)."""

import torch
from torch.nn import functional

SMOOTH = 1e-5


def soft_dice_loss(probabilities: torch.Tensor, target: torch.Tensor, *, batch_dice: bool) -> torch.Tensor:
    """Return minus the mean soft Dice of the foreground classes.

    Args:
        probabilities: (batch, classes, z, y, x), softmax over classes.
        target: (batch, z, y, x), class indices.
        batch_dice: whether Dice is computed over the whole batch, instead of per sample.
    """
    one_hot = functional.one_hot(target.long(), probabilities.shape[1]).movedim(-1, 1)[:, 1:]
    foreground = probabilities[:, 1:]
    axes = (0, 2, 3, 4) if batch_dice else (2, 3, 4)
    overlap = (foreground * one_hot).sum(axes)
    total = foreground.sum(axes) + one_hot.sum(axes)
    return -((2 * overlap + SMOOTH) / (total + SMOOTH)).mean()


def dice_and_cross_entropy(logits: torch.Tensor, target: torch.Tensor, *, batch_dice: bool) -> torch.Tensor:
    """Return cross entropy plus Dice loss in float32, from logits (batch, classes, z, y, x) and classes."""
    logits = logits.float()
    cross_entropy = functional.cross_entropy(logits, target.long())
    return cross_entropy + soft_dice_loss(logits.softmax(1), target, batch_dice=batch_dice)


def supervision_weights(outputs: int) -> list[float]:
    """Return the weights 1, 1/2, 1/4, ... with the last one set to 0, normalised to a sum of 1.

    For five outputs the weights are 8/15, 4/15, 2/15, 1/15 and 0.
    """
    weights = [0.5**i for i in range(outputs)]
    if outputs > 1:
        weights[-1] = 0.0
    return [weight / sum(weights) for weight in weights]


def deep_supervision_loss(
    outputs: list[torch.Tensor], target: torch.Tensor, *, batch_dice: bool
) -> torch.Tensor:
    """Return the weighted sum of the loss over the decoder's resolutions.

    For each resolution the target is downsampled by nearest neighbour.

    Args:
        outputs: logits (batch, classes, z, y, x) of each resolution, full resolution first.
        target: (batch, z, y, x), class indices at full resolution.
        batch_dice: whether Dice is computed over the whole batch, instead of per sample.
    """
    loss = torch.zeros((), device=target.device)
    for logits, weight in zip(outputs, supervision_weights(len(outputs)), strict=True):
        if weight > 0:
            scaled = functional.interpolate(target[:, None].float(), logits.shape[2:], mode="nearest")[:, 0]
            loss = loss + weight * dice_and_cross_entropy(logits, scaled, batch_dice=batch_dice)
    return loss
