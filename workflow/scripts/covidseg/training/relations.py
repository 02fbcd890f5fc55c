"""Relations between the channels of a feature map, and the consistency of relations (zhang2021 III-B)."""

import torch
from torch.nn import functional


def relation_matrix(features: torch.Tensor) -> torch.Tensor:
    """Return the feature relation matrix R of a batch (zhang2021, equations 1 and 2).

    The features are averaged over the batch and reshaped to a matrix A (channels, z * y * x). G = A A^T is
    the Gram matrix of A. R is G with every row divided by the row's L2 norm.

    Args:
        features: (batch, channels, z, y, x).

    Returns:
        float32 (channels, channels).
    """
    mean = features.float().mean(0).flatten(1)
    return functional.normalize(mean @ mean.T, dim=1)


def relation_loss(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return ||R1 - R2||^2, the squared Frobenius norm (zhang2021, equations 4 and 5, without lambda)."""
    return (first - second).square().sum()


def ramp_up(progress: torch.Tensor) -> torch.Tensor:
    """Return the Gaussian ramp-up exp(-5 (1 - t/T)^2) of lambda (zhang2021); `progress` is t/T, 0 to 1."""
    return torch.exp(-5 * (1 - progress) ** 2)
