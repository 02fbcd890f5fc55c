"""How the bottleneck features of two encoders become one."""

import torch
from dynamic_network_architectures.building_blocks.simple_conv_blocks import ConvDropoutNormReLU
from torch import nn


class Concatenation(nn.Module):
    """Side by side along the channels (wang2020 III-E, zhang2021 III-A)."""

    def forward(self, dedicated: torch.Tensor, adapted: torch.Tensor) -> torch.Tensor:
        """Return (batch, 2 channels, z, y, x) from two tensors (batch, channels, z, y, x)."""
        return torch.cat([dedicated, adapted], 1)


class SelectiveFusion(nn.Module):
    """Attention over channels that chooses between two encoders (wang2021 3.5.3, equations 2 to 6).

    The sum of both (2) is averaged over space (3), reduced to channels / r values by a fully connected
    layer, normalisation and ReLU (4), expanded to one attention per channel and encoder, softmax over
    the two (5), and the weighted sum goes through convolution, normalisation and activation (6).

    The normalisation of (4) is over the reduced values (layer norm). That is ours: instance norm, the
    paper's N elsewhere, makes a single value 0, and batch norm over two samples is mostly noise.
    """

    def __init__(self, channels: int, *, reduction: int, block: ConvDropoutNormReLU) -> None:
        """Make the layers for `channels` channels, reduction ratio r, and the block of equation (6)."""
        super().__init__()
        reduced = max(1, channels // reduction)
        self.squeeze = nn.Sequential(
            nn.Linear(channels, reduced, bias=False), nn.LayerNorm(reduced), nn.ReLU()
        )
        self.excite = nn.Linear(reduced, 2 * channels, bias=False)  # A and B of equation (5)
        self.block = block

    def attention(self, dedicated: torch.Tensor, adapted: torch.Tensor) -> torch.Tensor:
        """Return a and b, (batch, 2, channels), which sum to 1 over the two encoders."""
        statistics = (dedicated + adapted).mean((2, 3, 4))
        return self.excite(self.squeeze(statistics)).unflatten(1, (2, -1)).softmax(1)

    def forward(self, dedicated: torch.Tensor, adapted: torch.Tensor) -> torch.Tensor:
        """Return (batch, channels, z, y, x) from two tensors of that shape."""
        weights = self.attention(dedicated, adapted)[..., None, None, None]
        return self.block(weights[:, 0] * dedicated + weights[:, 1] * adapted)
