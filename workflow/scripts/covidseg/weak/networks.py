"""Networks for weakly supervised lesion localisation: an encoder with one or two decoders, and a critic."""

import torch
from dynamic_network_architectures.building_blocks.plain_conv_encoder import PlainConvEncoder
from dynamic_network_architectures.building_blocks.unet_decoder import UNetDecoder
from dynamic_network_architectures.initialization.weight_init import InitWeights_He
from torch import nn

BLOCK = {"conv_bias": True, "norm_op": None, "nonlin": nn.ReLU, "nonlin_kwargs": {"inplace": True}}
POOLED = (0, 3, 6)  # blocks of the critic whose pooled output is input of the critic's last layer


class Decomposer(nn.Module):
    """Splits an image into a normal version and a lesion version (yang2021 Fig. 1).

    Encoder E with generator G1, and encoder E with lesion decoder G2, are two U-Nets with a common encoder.
    A tanh keeps both outputs between -1 and 1.

    Attributes:
        encoder: E.
        decoders: G1 and, if there is a lesion decoder, G2. If G1 and G2 share all weights except those of
            the last layer, as in the authors' code, there is one module with two outputs.
    """

    def __init__(self, features: list[int], *, lesion: bool, shared: bool) -> None:
        super().__init__()
        stages = len(features)
        self.encoder = PlainConvEncoder(
            1, stages, features, nn.Conv2d, 3, [1] + [2] * (stages - 1), 2, return_skips=True, **BLOCK
        )
        outputs = [2] if lesion and shared else [1] * (1 + lesion)
        decoders = [UNetDecoder(self.encoder, channels, 2, deep_supervision=False) for channels in outputs]
        for decoder in decoders:
            # The library's decoder refers to its encoder: the encoder's weights would be listed twice.
            decoder.encoder = None
        self.decoders = nn.ModuleList(decoders)
        self.apply(InitWeights_He(1e-2))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return normal version and lesion version (batch, 1, y, x); without G2 the second one is None."""
        skips = self.encoder(images)
        parts = torch.cat([decoder(skips) for decoder in self.decoders], 1).tanh()
        return parts[:, :1], parts[:, 1:] if parts.shape[1] > 1 else None


def _draw_small(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.normal_(module.weight, 0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class Critic(nn.Module):
    """Seven convolutions and a linear layer, which computes the score (yang2021 3.1).

    The first four convolutions halve the resolution (64, 128, 256, 512 channels in the authors' code). The
    input of the linear layer is the output of three convolutions, each averaged over space. yang2021 3.1 says
    "three down-samplings"; we take the first, fourth and last convolution, as the authors' code does.
    """

    def __init__(self, features: list[int], *, batch_norm: bool) -> None:
        super().__init__()
        channels = [1, *features]
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels[i], channels[i + 1], 3, stride=2 if i < 4 else 1, padding=1),
                nn.BatchNorm2d(channels[i + 1]) if batch_norm else nn.Identity(),
                nn.LeakyReLU(0.2, inplace=True),
            )
            for i in range(len(features))
        )
        self.score = nn.Linear(sum(features[i] for i in POOLED), 1)
        if batch_norm:
            self.apply(_draw_small)  # as in the authors' code; without batch norm the signal would vanish
        else:
            self.apply(InitWeights_He(0.2))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the scores (batch, 1) of images (batch, 1, y, x); a normal image has a higher score."""
        pooled = []
        for number, block in enumerate(self.blocks):
            images = block(images)
            if number in POOLED:
                pooled.append(images.mean((2, 3)))
        return self.score(torch.cat(pooled, 1))


class MapGenerator(nn.Module):
    """The generator of VA-GAN: a U-Net without tanh, whose output is a map to add to the image.

    Before the training the map is almost 0.
    """

    def __init__(self, features: list[int]) -> None:
        super().__init__()
        self.unet = Decomposer(features, lesion=False, shared=False)
        decoder: UNetDecoder
        (decoder,) = self.unet.decoders
        nn.init.normal_(decoder.seg_layers[-1].weight, 0, 1e-3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the maps (batch, 1, y, x) of images (batch, 1, y, x)."""
        (decoder,) = self.unet.decoders
        return decoder(self.unet.encoder(images))
