"""nnU-Net's U-Net with probabilities as its output.

nnU-Net averages and interpolates what a network returns: logits. covidseg averages and interpolates
probabilities. With this class nnU-Net does as covidseg does. The exported zip has a copy of this file.
"""

import torch
from dynamic_network_architectures.architectures import unet


class PlainConvUNet(unet.PlainConvUNet):
    """The U-Net of the same name, which returns probabilities wherever it has one output."""

    def forward(self, x: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Return the probabilities of images (batch, 1, z, y, x); with deep supervision, logits."""
        output = super().forward(x)
        return output if self.decoder.deep_supervision else output.softmax(1)
