"""Instance norm on a CPU, for features in the memory layout in which a CPU convolves fast (channels last).

torch has three functions with the same values, and each of them is slow somewhere. Instance norm copies the
features to another layout before and after. Group norm with one channel per group has a backward pass that is
four times slower than that of batch norm, in bfloat16 twenty times. Batch norm, applied to every sample
apart, has the slowest forward pass over many voxels.
"""

from typing import Any

import torch
from torch.autograd.function import once_differentiable

# Group norm uses vector registers if there are so many voxels, and if a voxel's channels fill a register.
VOXELS, REGISTER_BYTES = 1024, 32


class InstanceNormFunction(torch.autograd.Function):
    """Forward pass by group norm where this is fast, otherwise by batch norm; backward pass by batch norm."""

    @staticmethod
    def forward(
        ctx: Any,
        features: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        eps: float,
    ) -> torch.Tensor:
        """Return the normalised features.

        Args:
            ctx: what the backward pass needs.
            features: (batch, channels, z, y, x), float32 or bfloat16.
            weight: float32 (channels,).
            bias: float32 (channels,).
            eps: added to the variance.
        """
        batch, channels = features.shape[:2]
        voxels = features.shape[2:].numel()
        if voxels >= VOXELS and channels * features.itemsize >= REGISTER_BYTES:
            output, mean, scale = torch.native_group_norm(
                features, weight, bias, batch, channels, voxels, channels, eps
            )
        else:
            outputs, means, scales = zip(
                *(
                    torch.native_batch_norm(one, weight, bias, None, None, True, 0, eps)
                    for one in features.split(1)
                ),
                strict=True,
            )
            output, mean, scale = torch.cat(outputs), torch.stack(means), torch.stack(scales)
        ctx.save_for_backward(features, weight, mean, scale)
        ctx.eps = eps
        return output

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,
        gradient: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None]:
        """Return the gradients of features, weight and bias."""
        features, weight, mean, scale = ctx.saved_tensors
        slopes = gradient.contiguous(memory_format=torch.channels_last_3d)
        features = features.contiguous(memory_format=torch.channels_last_3d)
        # `.default` names the one overload: to look for the overload takes as long as a small gradient.
        found = [
            torch.ops.aten.native_batch_norm_backward.default(
                slopes[i : i + 1], features[i : i + 1], weight, None, None, mean[i], scale[i],
                True, ctx.eps, [True, True, True],
            )
            for i in range(len(features))
        ]  # fmt: skip
        by_sample, weights, biases = zip(*found, strict=True)
        return torch.cat(by_sample), sum(weights[1:], weights[0]), sum(biases[1:], biases[0]), None
