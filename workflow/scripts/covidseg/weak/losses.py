"""The losses of weakly supervised lesion localisation (yang2021 2.2), as plain functions.

Images are float32 (batch, 1, y, x).
"""

from collections.abc import Callable

import torch
from torch.nn import functional


def distance(a: torch.Tensor, b: torch.Tensor, weights: torch.Tensor | float = 1.0) -> torch.Tensor:
    """Return the weighted mean absolute difference of the pixels.

    This is the L_1 norm, one of the two that yang2021 2.2 allows, divided by the number of pixels as in the
    authors' code.
    """
    return (weights * (a - b).abs()).mean()


def reconstruction_loss(
    images: torch.Tensor, normal: torch.Tensor, lesion: torch.Tensor, weights: torch.Tensor | float = 1.0
) -> torch.Tensor:
    """Return L_r: the distance of the images from the sum of normal and lesion version (equation 1)."""
    return distance(images, normal + lesion, weights)


def normal_fidelity_loss(
    images: torch.Tensor, normal: torch.Tensor, weights: torch.Tensor | float = 1.0
) -> torch.Tensor:
    """Return L_n: the distance of normal images from their normal versions (equation 2)."""
    return distance(images, normal, weights)


def critic_loss(
    real: torch.Tensor, fake: torch.Tensor, penalty: torch.Tensor, *, penalty_weight: float
) -> torch.Tensor:
    """Return L_c (equation 3).

    Args:
        real: the critic's scores (batch, 1) of normal images.
        fake: the critic's scores (batch, 1) of normal versions made by the generator.
        penalty: the gradient penalty GP.
        penalty_weight: the weight lambda of the gradient penalty.
    """
    return fake.mean() - real.mean() + penalty_weight * penalty


def adversarial_loss(fake: torch.Tensor) -> torch.Tensor:
    """Return L_a: minus the mean of the critic's scores (batch, 1) of the normal versions (equation 4)."""
    return -fake.mean()


def gradient_penalty(
    critic: Callable[[torch.Tensor], torch.Tensor],
    real: torch.Tensor,
    fake: torch.Tensor,
    share: torch.Tensor,
) -> torch.Tensor:
    """Return the gradient penalty GP (Gulrajani et al. 2017, Algorithm 1).

    GP is the mean over the batch of (n - 1)^2, where n is the norm of the critic's gradient at a mixture of
    a real and a fake image.

    Args:
        critic: returns scores (batch, 1).
        real: images (batch, 1, y, x).
        fake: images (batch, 1, y, x), as many as `real`.
        share: (batch, 1, 1, 1), share of the real image in each mixture, 0 to 1.
    """
    mixed = (share * real + (1 - share) * fake).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def edge_weights(images: torch.Tensor, power: float) -> torch.Tensor | float:
    """Return the weight of each pixel in the norms, as in the authors' code: (1 + S / 255) ^ power.

    S is half the sum of the absolute horizontal and vertical Sobel derivatives, each at most 255. If the
    power is 0, the weight is 1 for all pixels.

    Args:
        images: (batch, 1, y, x), grey levels, 0 to 255.
        power: exponent of the weight.
    """
    if power == 0:
        return 1.0
    kernel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]], device=images.device)
    padded = functional.pad(images, (1, 1, 1, 1), mode="reflect")
    slopes = functional.conv2d(padded, torch.stack([kernel, kernel.T])[:, None]).abs().clamp(max=255)
    return (1 + 0.5 * slopes.sum(1, keepdim=True) / 255) ** power
