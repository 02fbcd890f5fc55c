"""One update of a critic, in the same way for every adversarial system."""

from typing import TypedDict

import torch
from torch import nn

from covidseg.training.optimisers import Adam
from covidseg.weak.losses import critic_loss, gradient_penalty


class CriticValues(TypedDict):
    """The values of a variant that decide the update of a critic.

    Attributes:
        penalty_weight: weight of the gradient penalty.
        critic_weight: weight of the critic's loss.
        learning_rate: learning rate of Adam.
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
    partners: torch.Tensor,
    share: torch.Tensor,
    values: CriticValues,
) -> torch.Tensor:
    """Do one step of Adam on the critic's loss L_c (yang2021 equation 3), and return the loss.

    Afterwards the critic's parameters require no gradients until the next update.

    Args:
        critic: returns scores (batch, 1).
        optimiser: optimiser of the critic.
        real: normal images (batch, 1, y, x).
        fake: normal versions made by the generator, without gradients.
        partners: the part of `fake`, as many images as in `real`, that the gradient penalty mixes with the
            real images.
        share: (batch, 1, 1, 1), share of the real image in each mixture.
        values: the variant, or the system's own values.
    """
    critic.requires_grad_(True)
    penalty = gradient_penalty(critic, real, partners, share)
    loss = critic_loss(critic(real), critic(fake), penalty, penalty_weight=values["penalty_weight"])
    optimiser.zero_grad()
    (values["critic_weight"] * loss).backward()
    optimiser.step(values["learning_rate"])
    critic.requires_grad_(False)  # the generator's step then computes no gradients for the critic
    return loss.detach()
