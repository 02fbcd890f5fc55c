"""One update of a critic, the same for every adversarial system."""

from typing import TypedDict

import torch
from torch import nn

from covidseg.training.optimisers import Adam
from covidseg.weak.losses import critic_loss, gradient_penalty


class CriticValues(TypedDict):
    """What of a variant decides a critic's update.

    Attributes:
        penalty_weight: of the gradient penalty.
        critic_weight: of the critic's loss.
        learning_rate: of Adam.
    """

    penalty_weight: float
    critic_weight: float
    learning_rate: float


def update_critic(
    critic: nn.Module,
    optimiser: Adam,
    *,
    real: torch.Tensor,
    fake: torch.Tensor,
    share: torch.Tensor,
    values: CriticValues,
) -> torch.Tensor:
    """Lower L_c once and return it; afterwards the critic asks for no gradients until the next update.

    Args:
        critic: gives scores (batch, 1).
        optimiser: of the critic.
        real: normal images (batch, 1, y, x).
        fake: normal versions, without gradients; the last of them are mixed with the real ones.
        share: of the real images in the mixtures.
        values: the variant, or a system's own.
    """
    critic.requires_grad_(True)
    penalty = gradient_penalty(critic, real, fake[-len(real) :], share)
    loss = critic_loss(critic(real), critic(fake), penalty, penalty_weight=values["penalty_weight"])
    optimiser.zero_grad()
    (values["critic_weight"] * loss).backward()
    optimiser.step(values["learning_rate"])
    critic.requires_grad_(False)  # the generator's step then computes none for it
    return loss.detach()
