"""Build the network that a model.json describes, if it can be the network of the weights beside it."""

import math
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

from covidseg.errors import InputError
from covidseg.training.description import ANEW, ModelDescription
from covidseg.training.network import build_network
from covidseg.training.sections import Architecture


def build_described(description: ModelDescription, tensors: dict[str, torch.Tensor], path: Path) -> nn.Module:
    """Build the network of a model.json, with random weights.

    Args:
        description: content of model.json.
        tensors: name -> tensor, of the model.safetensors beside it.
        path: path of model.json, for messages.

    Raises:
        InputError: there is no such network, or it has more parameters than the tensors.
    """
    architecture, classes = description.architecture, 1 + len(description.labels)
    stored = sum(tensor.numel() for tensor in tensors.values())
    try:
        if _least_parameters(architecture, classes) > stored:
            raise ValueError(f"more parameters than the {stored} of the weights")
        return build_network(architecture, classes=classes, seed=0)
    except (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path}: architecture is not that of the weights ({reason}); {ANEW}") from error


def _least_parameters(architecture: Architecture, classes: int) -> int:
    """Return a lower limit of the number of parameters, which takes neither time nor memory to find."""
    features, kernels, strides = architecture["features"], architecture["kernels"], architecture["strides"]
    convolutions = [*architecture["convolutions"]["encoder"], *architecture["convolutions"]["decoder"]]
    steps = zip(pairwise([1, *features]), kernels, strict=True)
    encoder = sum(abs(low * high * math.prod(kernel)) for (low, high), kernel in steps)
    upward = zip(pairwise(features), strides[1:], strict=True)
    decoder = sum(abs(low * high * math.prod(stride)) for (low, high), stride in upward)
    return encoder + decoder + sum(map(abs, convolutions)) + abs(classes * architecture.get("heads", 1))
