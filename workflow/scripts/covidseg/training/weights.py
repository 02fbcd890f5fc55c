"""Models on disk: weights in a safetensors file, everything else in JSON. No file is a pickle."""

import hashlib
import importlib.metadata
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import safetensors.torch
import torch
from dynamic_network_architectures.building_blocks.unet_decoder import UNetDecoder
from safetensors import SafetensorError
from torch import nn

from covidseg.errors import InputError
from covidseg.files import atomic_path, digest, write_json
from covidseg.training.described import build_described
from covidseg.training.description import ANEW, Counts, Description, ModelDescription
from covidseg.training.network import is_head

log = logging.getLogger(__name__)

AnyDescription = TypeVar("AnyDescription", bound=Description)
VERSIONS = ("torch", "numpy", "dynamic-network-architectures", "safetensors")


@dataclass(frozen=True)
class LoadedWeights:
    """Names of a network's parameters: loaded from a model file, left new (random), and frozen."""

    loaded: list[str]
    new: list[str]
    frozen: list[str]

    @classmethod
    def of(cls, network: nn.Module, *, loaded: list[str]) -> "LoadedWeights":
        """Describe a prepared network: what is not loaded is new, what requires no gradient is frozen."""
        parameters = dict(network.named_parameters())
        return cls(
            loaded,
            [name for name in parameters if name not in set(loaded)],
            [name for name, parameter in parameters.items() if not parameter.requires_grad],
        )

    def counts(self, network: nn.Module) -> dict[str, Counts]:
        """Return part of the network -> its numbers of parameters, for model.json.

        The parts are the modules of the network (encoder, general_encoder, fusion, decoder), and `head`, the
        segmentation heads, which the decoder's numbers leave out.
        """
        found: dict[str, Counts] = {}
        loaded, frozen = set(self.loaded), set(self.frozen)
        for name, parameter in network.named_parameters():
            part = "head" if is_head(name) else name.partition(".")[0]
            counts = found.setdefault(part, {"trained": 0, "frozen": 0, "loaded": 0, "new": 0})
            counts["frozen" if name in frozen else "trained"] += parameter.numel()
            counts["loaded" if name in loaded else "new"] += parameter.numel()
        return found


def write_tensors(
    path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Write tensors to a safetensors file atomically."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(contiguous, metadata))


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file; raises InputError if the file is damaged or missing."""
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: truncated or not a safetensors file ({error}); {ANEW}") from error


def save_model(weights: Path, network: nn.Module, description: ModelDescription) -> None:
    """Write `model.safetensors` and, beside it, `model.json`.

    Args:
        weights: path of model.safetensors.
        network: the network whose parameters are written.
        description: content of model.json; versions and the checksum of the weights are added.
    """
    write_tensors(weights, dict(network.named_parameters()))
    write_description(weights, description)


def write_description(weights: Path, description: Description) -> None:
    """Write model.json beside a finished model.safetensors; versions and the weights' checksum are added."""
    versions = {package: importlib.metadata.version(package) for package in VERSIONS}
    known = replace(description, versions=versions, weights_sha256=digest(weights))
    write_json(weights.with_suffix(".json"), known.to_json())


def read_description(weights: Path, kind: type[AnyDescription]) -> AnyDescription:
    """Read the model.json beside a model.safetensors.

    Raises:
        InputError: model.json is missing or damaged, or describes another file of weights.
    """
    path = weights.with_suffix(".json")
    description = kind.read(path)
    if not weights.is_file():
        raise InputError(f"{weights}: not there, although {path.name} is; restore both from one run")
    if description.weights_sha256 != digest(weights):
        raise InputError(f"{weights}: is not the file that {path.name} describes; restore both from one run")
    return description


def load_model(weights: Path) -> tuple[nn.Module, ModelDescription]:
    """Rebuild a trained network; returns the network in evaluation mode, and its description.

    Raises:
        InputError: the model's files are damaged or do not belong together.
    """
    description, tensors = read_description(weights, ModelDescription), read_tensors(weights)
    network = build_described(description, tensors, weights.with_suffix(".json"))
    copy_weights(tensors, dict(network.named_parameters()), weights)
    decoder: UNetDecoder = network.decoder
    decoder.deep_supervision = False
    return network.eval(), description


def load_all(network: nn.Module, weights: Path, *, head: str) -> list[str]:
    """Copy all of a pre-trained model into a network of the same architecture (wang2021 3.4.1).

    Args:
        network: the network to copy into.
        weights: model.safetensors of the pre-trained model.
        head: what the segmentation heads become. "pretrained": copied as well; "new": not copied; "auto":
            copied if the model has as many heads and classes as the network, otherwise not copied.

    Returns:
        Names of the copied parameters.

    Raises:
        InputError: the architectures differ, or `head` is "pretrained" and the segmentation heads differ.
    """
    fits = _head_fits(network, weights)
    if head == "pretrained" and not fits:
        raise InputError(
            f"{weights}: its segmentation heads are for other classes; set the option head to new or auto"
        )
    copied = fits and head != "new"
    log.info("segmentation heads: %s (option head: %s)", "pre-trained" if copied else "new", head)
    return load_parts(network, weights, [("encoder.", "encoder."), ("decoder.", "decoder.")], head=copied)


def _head_fits(network: nn.Module, weights: Path) -> bool:
    """Return whether a model has one segmentation head per resolution, for as many classes as the network."""
    description = read_description(weights, ModelDescription)
    outputs = network.get_parameter("decoder.seg_layers.0.bias").numel()
    return description.architecture.get("heads", 1) == 1 and 1 + len(description.labels) == outputs


def load_parts(
    network: nn.Module,
    weights: Path,
    parts: list[tuple[str, str]],
    *,
    new: tuple[str, ...] = (),
    head: bool = False,
) -> list[str]:
    """Copy parts of a pre-trained model into a network.

    Args:
        network: the network to copy into.
        weights: model.safetensors of the pre-trained model.
        parts: pairs of prefixes of parameters' names: the prefix in the file, the prefix in the network.
            Within a part, names and shapes must agree.
        new: parameters of the network that are not copied.
        head: whether the segmentation heads of these parts are copied too.

    Returns:
        Names of the copied parameters.

    Raises:
        InputError: the architectures differ; the message names the first parameter that differs.
    """
    tensors, parameters = read_tensors(weights), dict(network.named_parameters())
    loaded = []
    for theirs, ours in parts:
        renamed = {ours + name.removeprefix(theirs): name for name in tensors if name.startswith(theirs)}
        wanted = {name: p for name, p in parameters.items() if name.startswith(ours)}
        left = {
            name for name in renamed.keys() | wanted.keys() if name in new or (is_head(name) and not head)
        }
        copy_weights(
            {name: tensors[original] for name, original in renamed.items() if name not in left},
            {name: parameter for name, parameter in wanted.items() if name not in left},
            weights,
        )
        loaded += [name for name in wanted if name not in left]
    return loaded


def copy_weights(tensors: dict[str, torch.Tensor], parameters: dict[str, torch.Tensor], path: Path) -> None:
    """Copy tensors into parameters.

    Args:
        tensors: name -> tensor.
        parameters: name -> parameter.
        path: file of the tensors, for the error message.

    Raises:
        InputError: names, shapes or types differ, or a value is not finite.
    """
    for name in sorted(tensors.keys() ^ parameters.keys()):
        where = "the file" if name in tensors else "the network"
        raise InputError(f"{path}: another architecture: {name} is only in {where}")
    for name, parameter in parameters.items():
        if tensors[name].shape != parameter.shape:
            shapes = f"{tuple(tensors[name].shape)} in the file and {tuple(parameter.shape)} in the network"
            raise InputError(f"{path}: another architecture: {name} has shape {shapes}")
        if tensors[name].dtype != parameter.dtype:
            types = f"{tensors[name].dtype} in the file and {parameter.dtype} in the network"
            raise InputError(f"{path}: {name} is {types}; {ANEW}")
        if not tensors[name].isfinite().all():
            raise InputError(f"{path}: {name} has values that are not finite; {ANEW}")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[name])


def weights_digest(network: nn.Module, names: list[str]) -> str:
    """Return the SHA-256 checksum of the named parameters of a network."""
    parameters, checksum = dict(network.named_parameters()), hashlib.sha256()
    for name in names:
        checksum.update(parameters[name].detach().cpu().contiguous().numpy().tobytes())
    return checksum.hexdigest()


def log_loaded_weights(weights: LoadedWeights, network: nn.Module, pretrained: Path | None) -> None:
    """Log the numbers of tensors and parameters that were loaded, that stayed new, and that are frozen."""
    parameters = dict(network.named_parameters())
    for verb in ("loaded", "new", "frozen"):
        names = getattr(weights, verb)
        count = sum(parameters[name].numel() for name in names)
        where = f" from {pretrained}" if verb == "loaded" and names else ""
        log.info("%s%s: %d tensors, %d parameters", verb, where, len(names), count)
