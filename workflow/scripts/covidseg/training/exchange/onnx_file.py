"""A trained model as an ONNX file, which many programs run without torch."""

import json
import logging
from pathlib import Path

import torch

from covidseg.files import atomic_path
from covidseg.training.exchange.stock_network import with_stock_layers
from covidseg.training.weights import load_model

INPUT, OUTPUT = "image", "logits"


def write_onnx(weights: Path, output: Path) -> None:
    """Write a network as ONNX: patches (batch, 1, z, y, x) -> logits (batch, classes, z, y, x).

    The size of a patch is that of the model's plan; the batch may have any size. What a user has to know of
    the input and the output (spacing, normalisation, labels) stands in the file's metadata, under the keys
    of model.json.

    Args:
        weights: model.safetensors.
        output: path of the .onnx file.
    """
    for name in ("onnxscript", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.WARNING)  # a line per pass of their optimiser
    network, description = load_model(weights)
    depth, height, width = description.plan["patch"]
    example = torch.zeros(2, 1, depth, height, width)
    program = torch.onnx.export(
        with_stock_layers(network),
        (example,),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        dynamo=True,
        verbose=False,
    )
    assert program is not None  # as always with dynamo=True
    for key in ("plan", "normalisation", "labels", "lineage"):
        program.model.metadata_props[key] = json.dumps(getattr(description, key))
    with atomic_path(output) as temporary:
        program.save(temporary)
