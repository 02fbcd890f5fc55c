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
    truth, foreground = _masks(target, probabilities.shape[1])[:, 1:], probabilities[:, 1:]
    axes = (0, 2, 3, 4) if batch_dice else (2, 3, 4)
    overlap = (foreground * truth).sum(axes)
    total = foreground.sum(axes) + truth.sum(axes)
    return -((2 * overlap + SMOOTH) / (total + SMOOTH)).mean()


def dice_and_cross_entropy(logits: torch.Tensor, target: torch.Tensor, *, batch_dice: bool) -> torch.Tensor:
    """Return cross entropy plus Dice loss in float32, from logits (batch, classes, z, y, x) and classes."""
    logarithms = logits.float().log_softmax(1)
    cross_entropy = -(logarithms * _masks(target, logits.shape[1])).sum() / target.numel()
    return cross_entropy + soft_dice_loss(logarithms.exp(), target, batch_dice=batch_dice)


def _masks(target: torch.Tensor, classes: int) -> torch.Tensor:
    """Return a mask per class, bool (batch, classes, z, y, x); torch's one_hot would be int64."""
    numbers = torch.arange(classes, dtype=target.dtype, device=target.device)
    return target[:, None] == numbers[:, None, None, None]


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
            scaled = functional.interpolate(target[:, None], logits.shape[2:], mode="nearest")[:, 0]
            loss = loss + weight * dice_and_cross_entropy(logits, scaled, batch_dice=batch_dice)
    return loss
