"""Layers that join the bottleneck features of two encoders."""

import torch
from dynamic_network_architectures.building_blocks.simple_conv_blocks import ConvDropoutNormReLU
from torch import nn


class Concatenation(nn.Module):
    """Concatenation of the features along the channels (wang2020 III-E, zhang2021 III-A)."""

    def forward(self, dedicated: torch.Tensor, adapted: torch.Tensor) -> torch.Tensor:
        """Return (batch, 2 channels, z, y, x) from two tensors (batch, channels, z, y, x)."""
        return torch.cat([dedicated, adapted], 1)


class SelectiveFusion(nn.Module):
    """Attention over channels that chooses between two encoders (wang2021 3.5.3, equations 2 to 6).

    The features of both encoders are added (2) and averaged over space (3). A fully connected layer,
    normalisation and leaky ReLU reduce the averages to channels / r values (4); the paper defines its sigma
    as leaky ReLU below equation 1. A second fully connected layer, with a softmax over the two encoders,
    gives one attention weight per channel and encoder (5). The weighted sum of the features goes through
    convolution, normalisation and activation (6).

    The normalisation in (4) is a layer norm over the reduced values. This choice is ours. Instance norm,
    which the paper's N means elsewhere, turns a single value into 0. Batch norm over two samples is mostly
    noise.
    """

    def __init__(self, channels: int, *, reduction: int, block: ConvDropoutNormReLU) -> None:
        """Make the layers.

        Args:
            channels: number of channels of each encoder's features.
            reduction: the ratio r of equation (4).
            block: convolution, normalisation and activation of equation (6).
        """
        super().__init__()
        reduced = max(1, channels // reduction)
        self.squeeze = nn.Sequential(
            nn.Linear(channels, reduced, bias=False), nn.LayerNorm(reduced), nn.LeakyReLU(0.01)
        )
        self.excite = nn.Linear(reduced, 2 * channels, bias=False)  # A and B of equation (5)
        self.block = block

    def attention(self, dedicated: torch.Tensor, adapted: torch.Tensor) -> torch.Tensor:
        """Return the weights a and b: (batch, 2, channels), whose sum over the two encoders is 1."""
        statistics = (dedicated + adapted).mean((2, 3, 4))
        return self.excite(self.squeeze(statistics)).unflatten(1, (2, -1)).softmax(1)

    def forward(self, dedicated: torch.Tensor, adapted: torch.Tensor) -> torch.Tensor:
        """Return (batch, channels, z, y, x) from two tensors of the same shape."""
        weights = self.attention(dedicated, adapted)[..., None, None, None]
        return self.block(weights[:, 0] * dedicated + weights[:, 1] * adapted)
