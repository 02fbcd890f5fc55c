"""The layers of a network as it is built, with the size of the features of every layer.

The network is built and run on torch's device "meta", which computes shapes and no numbers. A network of the
papers' size therefore takes no memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from covidseg.reading import read_json
from covidseg.training.network import build_network
from covidseg.weak import load_system

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class Layer:
    """A module of a network.

    Attributes:
        module: the module, without weights.
        shape: shape of the module's output, channels first: (channels, z, y, x), or (channels, y, x).
    """

    module: nn.Module
    shape: tuple[int, ...]

    @property
    def kernel(self) -> tuple[int, ...]:
        """Size of the kernel of a convolution."""
        return self._numbers("kernel_size")

    @property
    def stride(self) -> tuple[int, ...]:
        """Stride of a convolution."""
        return self._numbers("stride")

    @property
    def inputs(self) -> int:
        """Number of inputs of a linear layer."""
        inputs: int = getattr(self.module, "in_features")  # noqa: B009  (typed as a module or a tensor)
        return inputs

    def _numbers(self, name: str) -> tuple[int, ...]:
        numbers: tuple[int, ...] = getattr(self.module, name)
        return numbers


@dataclass(frozen=True)
class BuiltModel:
    """A network that is built from a model.json.

    Attributes:
        description: content of model.json.
        network: the network, without weights.
        layers: name of a module in the network -> the layer, in the order of computation.
    """

    description: dict[str, Any]
    network: nn.Module
    layers: dict[str, Layer]

    @property
    def stages(self) -> int:
        """Number of stages of the encoder; each stage has a resolution of its own."""
        prefix = "decomposer.encoder" if "system" in self.description else "encoder"
        return sum(name.rpartition(".")[0] == f"{prefix}.stages" for name in self.layers)

    def convolutions(self, name: str) -> list[Layer]:
        """Return the convolutions in a module, in the order of computation."""
        return [
            layer
            for key, layer in self.layers.items()
            if isinstance(layer.module, CONVOLUTIONS) and key.startswith(f"{name}.")
        ]

    def parameters(self, name: str) -> int:
        """Return the number of parameters of a module; 0 if the network does not have this module."""
        return sum(
            parameter.numel()
            for key, parameter in self.network.named_parameters()
            if key.startswith(f"{name}.")
        )


def build_model(description: dict[str, Any], size: list[int] | None = None) -> BuiltModel:
    """Build the network that a model.json describes, and find the shape of every layer's output.

    Args:
        description: content of model.json, of a segmentation network or of a weakly supervised system.
        size: size of the input in voxels or pixels; None: the size of a patch in `description`.
    """
    with torch.device("meta"):
        if "system" in description:
            system = load_system(description["system"], description["options"], description["weak"])
            network: nn.Module = system.build()
        else:
            classes = 1 + len(description["labels"])
            network = build_network(description["architecture"], classes=classes, seed=0)
    return BuiltModel(description, network, trace(network, size or description["plan"]["patch"]))


def read_model(path: Path, size: list[int] | None = None) -> BuiltModel:
    """Build the network of a file model.json; the arguments are otherwise those of `build_model`."""
    return build_model(read_json(path), size)


def trace(network: nn.Module, size: list[int]) -> dict[str, Layer]:
    """Run a network on an image without numbers; return name -> layer, in the order of computation.

    Args:
        network: network on the device "meta". Each network in a ModuleDict is run on its own.
        size: size of the image: (z, y, x) or (y, x).
    """
    layers: dict[str, Layer] = {}
    for name, module in network.named_modules():

        def keep(module: nn.Module, inputs: object, output: object, name: str = name) -> None:
            if isinstance(output, torch.Tensor):
                layers[name] = Layer(module, tuple(output.shape[1:]))

        module.register_forward_hook(keep)
    for one in _networks(network):
        one(torch.empty(1, 1, *size, device="meta"))
    return layers


def _networks(network: nn.Module) -> Iterator[nn.Module]:
    yield from network.values() if isinstance(network, nn.ModuleDict) else [network]


def times(numbers: tuple[int, ...]) -> str:
    """Return numbers as in 1x3x3."""
    return "x".join(str(number) for number in numbers)
