"""The losses of weakly supervised lesion localisation (yang2021 2.2), as plain functions.

Images are float32 (batch, 1, y, x), -1 to 1; N and N1 are the numbers of all and of the normal images.
"""

from collections.abc import Callable

import torch
from torch.nn import functional


def distance(a: torch.Tensor, b: torch.Tensor, weights: torch.Tensor | float = 1.0) -> torch.Tensor:
    """Return the mean absolute difference of the pixels, weighted: the L_1 norm by the number of pixels."""
    return (weights * (a - b).abs()).mean()


def reconstruction_loss(
    images: torch.Tensor, normal: torch.Tensor, lesion: torch.Tensor, weights: torch.Tensor | float = 1.0
) -> torch.Tensor:
    """Return L_r: what the normal and the lesion version together miss of the images (equation 1)."""
    return distance(images, normal + lesion, weights)


def normal_fidelity_loss(
    images: torch.Tensor, normal: torch.Tensor, weights: torch.Tensor | float = 1.0
) -> torch.Tensor:
    """Return L_n of normal images: what their normal version misses of them (equation 2)."""
    return distance(images, normal, weights)


def critic_loss(
    real: torch.Tensor, fake: torch.Tensor, penalty: torch.Tensor, *, penalty_weight: float
) -> torch.Tensor:
    """Return L_c from the critic's scores (batch, 1) of normal images and of normal versions (equation 3)."""
    return fake.mean() - real.mean() + penalty_weight * penalty


def adversarial_loss(fake: torch.Tensor) -> torch.Tensor:
    """Return L_a: minus the critic's scores of the normal versions (equation 4)."""
    return -fake.mean()


def gradient_penalty(
    critic: Callable[[torch.Tensor], torch.Tensor],
    real: torch.Tensor,
    fake: torch.Tensor,
    share: torch.Tensor,
) -> torch.Tensor:
    """Return GP: how far from 1 the norm of the critic's gradient is between real and fake images.

    Mean squared distance over the batch (Gulrajani et al. 2017, Algorithm 1).

    Args:
        critic: gives scores (batch, 1).
        real: images (batch, 1, y, x).
        fake: as many.
        share: (batch, 1, 1, 1), of the real image in each mixture, 0 to 1.
    """
    mixed = (share * real + (1 - share) * fake).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def edge_weights(images: torch.Tensor, power: float) -> torch.Tensor | float:
    """Return (1 + Sobel / 255) ^ power for each pixel, as the authors' code weighs the norms; 1 at power 0.

    Sobel is half the sum of the absolute horizontal and vertical derivatives of the image as 0..255.
    """
    if power == 0:
        return 1.0
    kernel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]], device=images.device)
    grey = functional.pad((images + 1) * 127.5, (1, 1, 1, 1), mode="reflect")
    slopes = functional.conv2d(grey, torch.stack([kernel, kernel.T])[:, None]).abs().clamp(max=255)
    return (1 + 0.5 * slopes.sum(1, keepdim=True) / 255) ** power
