"""The papers' networks, built with nnU-Net's own library: a U-Net, or two encoders with one decoder."""

import copy

import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from dynamic_network_architectures.building_blocks.simple_conv_blocks import ConvDropoutNormReLU
from dynamic_network_architectures.building_blocks.unet_decoder import UNetDecoder
from dynamic_network_architectures.initialization.weight_init import InitWeights_He
from torch import nn

from covidseg.training.fusion import Concatenation, SelectiveFusion
from covidseg.training.layers import Convolution, InstanceNorm
from covidseg.training.sections import Architecture

BLOCK = {
    "conv_bias": True,
    "norm_op": InstanceNorm,
    "norm_op_kwargs": {"eps": 1e-5, "affine": True},
    "nonlin": nn.LeakyReLU,
    "nonlin_kwargs": {"negative_slope": 0.01, "inplace": True},
}


class TwoEncoderUNet(nn.Module):
    """Two encoders of the same architecture, whose bottlenecks are joined, and one decoder.

    Attributes:
        encoder: gives the skip connections. The papers' names: dedicated encoder (wang2021), self-encoder
            (wang2020), target encoder (zhang2021).
        general_encoder: adds general lesion features. The papers' names: adapted encoder (wang2021 and
            wang2020), general encoder (zhang2021).
        fusion: joins the features of the two bottlenecks.
        decoder: decoder of a U-Net.
    """

    def __init__(
        self, encoder: nn.Module, general_encoder: nn.Module, fusion: nn.Module, decoder: nn.Module
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.general_encoder = general_encoder
        self.fusion = fusion
        self.decoder = decoder

    def forward(self, image: torch.Tensor) -> list[torch.Tensor] | torch.Tensor:
        """Return the logits for images (batch, 1, z, y, x), in the form in which a U-Net returns them."""
        return self.decode(self.encoder(image), self.general_encoder(image)[-1])

    def decode(self, skips: list[torch.Tensor], general: torch.Tensor) -> list[torch.Tensor] | torch.Tensor:
        """Return the logits from the features of both encoders.

        Args:
            skips: features of `encoder`, full resolution first; the last ones are its bottleneck.
            general: features of the bottleneck of `general_encoder`.
        """
        return self.decoder([*skips[:-1], self.fusion(skips[-1], general)])


def build_network(architecture: Architecture, *, classes: int, seed: int) -> nn.Module:
    """Build a network with random weights.

    The U-Net is that of zhang2021 Table I and ma2021 Fig. 2: instance norm, leaky ReLU (0.01), strided
    convolutions in the encoder, transposed convolutions in the decoder, and, for deep supervision, a
    segmentation head at every resolution but the lowest. The weights have He initialisation (nnU-Net v1).

    Args:
        architecture: stages and design of the network, see `Architecture`.
        classes: number of output channels of a head, background included.
        seed: seed of the weights.

    Returns:
        A network with the modules `encoder` and `decoder`. In training mode the network returns a list of
        logits (batch, heads x classes, z, y, x), full resolution first.
    """
    torch.manual_seed(seed)
    outputs = classes * architecture.get("heads", 1)
    network = _unet(architecture, outputs)
    if architecture["design"] != "unet":
        network = _two_encoders(architecture, network, outputs)
    network.apply(InitWeights_He(1e-2))
    return network


def _unet(architecture: Architecture, outputs: int) -> PlainConvUNet:
    return PlainConvUNet(
        input_channels=1,
        n_stages=len(architecture["features"]),
        features_per_stage=architecture["features"],
        conv_op=Convolution,
        kernel_sizes=architecture["kernels"],
        strides=architecture["strides"],
        n_conv_per_stage=architecture["convolutions"]["encoder"],
        num_classes=outputs,
        n_conv_per_stage_decoder=architecture["convolutions"]["decoder"],
        deep_supervision=True,
        **BLOCK,
    )


def _two_encoders(architecture: Architecture, unet: PlainConvUNet, outputs: int) -> TwoEncoderUNet:
    """Add a second encoder to a U-Net; with concatenation, the new decoder takes twice the channels."""
    general = _unet(architecture, outputs).encoder
    channels = architecture["features"][-1]
    if architecture["design"] == "selective-fusion":
        kernel = architecture["kernels"][-1]
        block = ConvDropoutNormReLU(Convolution, channels, channels, kernel, 1, **BLOCK)
        fusion: nn.Module = SelectiveFusion(channels, reduction=architecture["reduction"], block=block)
        decoder = unet.decoder
    else:
        fusion = Concatenation()
        widened = copy.copy(unet.encoder)
        widened.output_channels = [*unet.encoder.output_channels[:-1], 2 * channels]
        decoder = UNetDecoder(
            widened, outputs, architecture["convolutions"]["decoder"], deep_supervision=True
        )
    decoder.encoder = None  # the library's decoder refers to its encoder: the weights would be listed twice
    return TwoEncoderUNet(unet.encoder, general, fusion, decoder)


def is_head(parameter: str) -> bool:
    """Return whether a parameter belongs to a segmentation head; every task has its own heads."""
    return parameter.startswith("decoder.seg_layers.")
