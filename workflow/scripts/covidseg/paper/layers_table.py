"""The table of layers and feature sizes (zhang2021 Table I), printed from the network as it is built."""

from itertools import groupby

import pandas as pd
from dynamic_network_architectures.building_blocks.simple_conv_blocks import ConvDropoutNormReLU
from torch import nn

from covidseg.files import write_csv
from covidseg.paper.artefact import Artefact
from covidseg.paper.formats import write_artefact
from covidseg.paper.layers import BuiltModel, read_model, times
from covidseg.training.network import InstanceNorm

ABBREVIATIONS = {InstanceNorm: "IN", nn.LeakyReLU: "LReLU"}
COLUMNS = ["feature_size", "encoder_name", "encoder_layer", "decoder_name", "decoder_layer"]
Cells = tuple[str, str]  # name and description of a layer


def make(artefact: Artefact) -> None:
    """Write the table: <base>.csv, <base>.md, <base>.tex and <base>.html."""
    model = read_model(artefact.input("model"))
    table = layer_rows(model)
    write_csv(f"{artefact.base}.csv", table.set_axis(COLUMNS, axis=1))
    notes = [f"Configuration: {artefact.config_name}. Model: {artefact.entry['experiment']}.", *_notes(model)]
    page = [*notes, *artefact.remarks], {"Layers": table}
    write_artefact(artefact, page)


def layer_rows(model: BuiltModel) -> pd.DataFrame:
    """Return one row per size of the features and kind of layer, full resolution first.

    The names of the layers are those of zhang2021 Table I: in a network of S stages, the encoder's conv1 to
    conv<S - 1> and the decoder's conv<S> to conv<2S - 2>. A second layer at the lowest resolution, which
    Table I does not print, has the name "bottom".

    Args:
        model: network with one encoder, or with two encoders of the same architecture.
    """
    deepest, last = model.stages - 1, 2 * model.stages - 2
    rows = [((1, *model.description["plan"]["patch"]), ("input", ""), ("output", _head(model)))]
    for level in range(model.stages):
        shape = model.layers[f"encoder.stages.{level}"].shape
        down, convolutions = _encoder_stage(model, level)
        if level > 0:
            rows.append((shape, (f"down{level}", down), (f"up{last + 1 - level}", _transposed(model, level))))
        if level < deepest:
            decoder = _blocks(model, f"decoder.stages.{deepest - 1 - level}")
            rows.append((shape, (f"conv{level + 1}", convolutions), (f"conv{last - level}", decoder)))
        elif convolutions:
            rows.append((shape, ("bottom", convolutions), ("", "")))
    encoder = "Encoder (G / T)" if "general_encoder" in _parts(model) else "Encoder"
    sides = [(side, heading) for side in (encoder, "Decoder (D)") for heading in ("Name", "Layer")]
    return pd.DataFrame(
        [(times(shape), *left, *right) for shape, left, right in rows],
        columns=pd.MultiIndex.from_tuples([("", "Feature size"), *sides]),
    )


def _parts(model: BuiltModel) -> list[str]:
    return [name for name, _ in model.network.named_children()]


def _encoder_stage(model: BuiltModel, level: int) -> Cells:
    """Return the strided convolution of a stage of the encoder, and the stage's other layers."""
    name = f"encoder.stages.{level}"
    if level == 0:
        return "", _blocks(model, name)
    return f"strided conv({_commas(model.convolutions(name)[0].stride)})", _blocks(model, name, 1)


def _transposed(model: BuiltModel, level: int) -> str:
    """Return the layer that leads from a level to the next higher resolution, and its skip connection."""
    layer = model.layers[f"decoder.transpconvs.{model.stages - 1 - level}"]
    return f"transposed conv({_commas(layer.stride)}) - conv{level}"


def _head(model: BuiltModel) -> str:
    return f"conv({times(model.layers[f'decoder.seg_layers.{model.stages - 2}'].kernel)})-softmax"


def _blocks(model: BuiltModel, name: str, start: int = 0) -> str:
    """Return the convolutions of a module from the one at `start` on, with normalisation and activation."""
    blocks = [
        layer.module
        for key, layer in model.layers.items()
        if key.startswith(f"{name}.") and isinstance(layer.module, ConvDropoutNormReLU)
    ]
    texts = groupby(_block(block) for block in blocks[start:])
    counted = [(text, len(list(group))) for text, group in texts]
    return ", ".join(text if count == 1 else f"{count} x {text}" for text, count in counted)


def _block(block: ConvDropoutNormReLU) -> str:
    rest = [ABBREVIATIONS[type(module)] for module in (block.norm, block.nonlin)]
    return "-".join([f"conv({times(block.conv.kernel_size)})", *rest])


def _commas(stride: tuple[int, ...]) -> str:
    return ",".join(map(str, stride))


def _notes(model: BuiltModel) -> list[str]:
    channels = model.layers[f"decoder.seg_layers.{model.stages - 2}"].shape[0]
    size = model.description["plan"]["patch"]
    total = sum(parameter.numel() for parameter in model.network.parameters())
    _, bottom = _encoder_stage(model, model.stages - 1)
    bottom = bottom and " Table I does not print the second one at the lowest resolution (bottom) either."
    return [
        f"The network as it is built, with {total:,} parameters. Feature size: channels x depth x height x "
        "width. A strided convolution has the kernel, instance norm (IN) and leaky ReLU (LReLU) of its "
        "stage; - conv: joined with the output of this layer of the encoder.",
        f"The output is {times((channels, *size))}: the background and each class have a channel, and a "
        "softmax over the channels stands for the sigmoid of the paper, whose output has one channel.",
        "zhang2021 Table I prints no numbers of convolutions; nnU-Net v1, which the paper follows, has two "
        f"convolutions per stage.{bottom}",
    ]
