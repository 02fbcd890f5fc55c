"""The layers of a network, which is built without memory, and the table of the layers."""

import re

import pytest
import torch

from conftest import ROOT, SMALL_NETWORK
from covidseg.paper import layers_table
from covidseg.paper.layers import build_model
from covidseg.paper.layers_table import layer_rows
from covidseg.training.network import build_network
from descriptions import described, of

TABLE_I = ROOT.parent / "shared" / "papers" / "zhang2021_collaborative.txt"


def test_the_papers_network_has_the_lines_of_zhang2021_table_1():
    """But for the lines that the paper leaves out: numbers of convolutions, the lowest resolution's second one."""
    if not TABLE_I.is_file():
        pytest.skip(f"no paper at {TABLE_I}")
    printed = TABLE_I.read_text().split("feature size\tencoder (G / T)")[1].splitlines()[1:12]
    ours = [
        "\t".join(filter(None, re.sub("[0-9] x ", "", "\t".join(row)).split("\t")))
        for row in layer_rows(of("paper")).to_numpy().tolist()
    ]
    assert ours[-1] == "320x7x5x6\tbottom\tconv(3x3x3)-IN-LReLU"
    assert printed[0].replace("sigmoid", "softmax").replace("\t\t", "\t") == ours[0]
    assert ours[1:-1] == [line.strip() for line in printed[1:]]


def test_the_notes_name_the_line_bottom_where_the_table_has_it():
    for name in ("paper", "config"):
        *_, note = layers_table._notes(of(name))
        lines = layer_rows(of(name)).to_numpy().ravel()
        assert ("(bottom)" in note) == ("bottom" in lines) == (name == "paper")


def test_the_phantoms_network_is_printed_with_its_own_numbers():
    """By hand: three stages, the last one with a single, strided convolution."""
    assert layer_rows(of("config", "unet")).to_numpy().tolist() == [
        ["1x8x32x32", "input", "", "output", "conv(1x1x1)-softmax"],
        ["8x8x32x32", "conv1", "2 x conv(1x3x3)-IN-LReLU", "conv4", "conv(1x3x3)-IN-LReLU"],
        ["16x8x16x16", "down1", "strided conv(1,2,2)", "up4", "transposed conv(1,2,2) - conv1"],
        ["16x8x16x16", "conv2", "conv(3x3x3)-IN-LReLU", "conv3", "conv(3x3x3)-IN-LReLU"],
        ["32x4x8x8", "down2", "strided conv(2,2,2)", "up3", "transposed conv(2,2,2) - conv2"],
    ]


def test_the_heading_says_whether_both_encoders_are_meant():
    headings = [list(dict.fromkeys(layer_rows(of("config", design)).columns.get_level_values(0))) for design in ("unet", "selective-fusion")]  # fmt: skip
    assert [heading[1] for heading in headings] == ["Encoder", "Encoder (G / T)"]


@pytest.mark.parametrize("design", ["unet", "concatenation", "selective-fusion"])
def test_shapes_and_sizes_are_those_of_the_network_with_weights(design):
    architecture = {**SMALL_NETWORK, "design": design, "reduction": 4}
    model = build_model(described(architecture, [4, 16, 16]))
    real = build_network(architecture, classes=2, seed=0)
    assert all(parameter.is_meta for parameter in model.network.parameters())
    assert model.parameters("encoder") == sum(p.numel() for p in real.encoder.parameters())
    outputs = real(torch.zeros(1, 1, 4, 16, 16))
    assert model.layers["decoder.seg_layers.0"].shape == tuple(outputs[0].shape[1:])
    assert model.stages == 2
