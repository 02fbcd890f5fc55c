"""Instance norm and leaky ReLU in one pass over the features, on an NVIDIA GPU.

torch computes instance norm by batch norm, which wants another memory layout than the convolutions. The
features are copied before and after, and the activation reads and writes them once more: two thirds of the
time of a training step. Here a forward pass reads the features twice and writes them once. A backward pass
reads features and gradients twice, and writes gradients once.

The kernels need Triton, which comes with the CUDA builds of torch. Only `layers.FusedBlock` imports this
module.
"""

from typing import Any

import torch
import triton

from covidseg.training import norm_kernels as kernels

PARTS = 256  # programs per sample and block of channels that add up voxels: enough to fill the largest GPU
ROWS = 32  # voxels that such a program reads at a time
BLOCK = 4 * ROWS  # voxels of a program that only reads and writes


class FusedNorm(torch.autograd.Function):
    """Instance norm with weight and bias, followed by leaky ReLU."""

    @staticmethod
    def forward(
        ctx: Any, features: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float, slope: float
    ) -> torch.Tensor:
        """Return the activated features (batch, channels, z, y, x), in the type of the features."""
        features = features.contiguous(memory_format=torch.channels_last_3d)
        samples, channels, voxels, width, share, parts = _sizes(features)
        columns = triton.cdiv(channels, width)
        means, squares = features.new_empty((2, samples, parts, channels), dtype=torch.float32)
        statistics = features.new_empty((samples, 2, channels), dtype=torch.float32)
        output = torch.empty_like(features)
        kernels.partial_statistics[(parts, samples, columns)](
            features, means, squares, voxels, channels, share, ROWS, width
        )
        kernels.combine_statistics[(samples, columns)](
            means, squares, statistics, voxels, channels, share, parts, eps,
            triton.next_power_of_2(parts), width,
        )  # fmt: skip
        kernels.normalise[(triton.cdiv(voxels, BLOCK), samples, columns)](
            features, statistics, weight, bias, output, voxels, channels, slope, BLOCK, width
        )
        ctx.save_for_backward(features, statistics, weight, bias)
        ctx.slope = slope
        return output

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of features, weight and bias."""
        features, statistics, weight, bias = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last_3d)
        samples, channels, voxels, width, share, parts = _sizes(features)
        columns = triton.cdiv(channels, width)
        partial = features.new_empty((samples, parts, 2, channels), dtype=torch.float32)
        output = torch.empty_like(features)
        kernels.partial_gradients[(parts, samples, columns)](
            features, gradient, statistics, weight, bias, partial, voxels, channels, share, ctx.slope,
            ROWS, width,
        )  # fmt: skip
        sums = partial.sum(1)
        kernels.propagate[(triton.cdiv(voxels, BLOCK), samples, columns)](
            features, gradient, statistics, weight, bias, sums, output, voxels, channels, ctx.slope,
            BLOCK, width,
        )  # fmt: skip
        bias_gradient, weight_gradient = sums.sum(0)
        return output, weight_gradient, bias_gradient, None, None


def _sizes(features: torch.Tensor) -> tuple[int, int, int, int, int, int]:
    """Return samples, channels, voxels, channels per program, voxels per part, and the number of parts."""
    samples, channels = features.shape[:2]
    voxels = features.shape[2:].numel()
    width = min(64, triton.next_power_of_2(channels))
    share = ROWS * triton.cdiv(voxels, ROWS * PARTS)
    return samples, channels, voxels, width, share, triton.cdiv(voxels, share)
