"""The papers' 3D U-Net (zhang2021 Table I, ma2021 Fig. 2), from nnU-Net's own network library."""

import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from dynamic_network_architectures.initialization.weight_init import InitWeights_He
from torch import nn


def build_network(architecture: dict, *, classes: int, seed: int) -> PlainConvUNet:
    """Build the U-Net with random weights.

    Instance norm, leaky ReLU (0.01), strided convolutions down, transposed up, a segmentation head at
    every resolution but the lowest for deep supervision; He initialisation (nnU-Net v1).

    Args:
        architecture: features, kernels, strides (z, y, x) and convolutions of each stage.
        classes: output channels, background included.
        seed: of the weights.

    Returns:
        A network with the modules `encoder` and `decoder`; in training mode it gives the list of logits
        (batch, classes, z, y, x), full resolution first.
    """
    stages = len(architecture["features"])
    torch.manual_seed(seed)
    network = PlainConvUNet(
        input_channels=1,
        n_stages=stages,
        features_per_stage=architecture["features"],
        conv_op=nn.Conv3d,
        kernel_sizes=architecture["kernels"],
        strides=architecture["strides"],
        n_conv_per_stage=architecture["convolutions"],
        num_classes=classes,
        n_conv_per_stage_decoder=[architecture["convolutions"]] * (stages - 1),
        conv_bias=True,
        norm_op=nn.InstanceNorm3d,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU,
        nonlin_kwargs={"negative_slope": 0.01, "inplace": True},
        deep_supervision=True,
    )
    network.apply(InitWeights_He(1e-2))
    return network


def is_head(parameter: str) -> bool:
    """Tell whether a parameter belongs to a segmentation head, which every task has for itself."""
    return parameter.startswith("decoder.seg_layers.")
