"""Models on disk: weights in safetensors, everything else in JSON, never a pickle."""

import importlib.metadata
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from covidseg.errors import InputError
from covidseg.files import atomic_path, digest, write_json
from covidseg.network import build_network, is_head

log = logging.getLogger(__name__)

VERSIONS = ("torch", "numpy", "dynamic-network-architectures", "safetensors")


@dataclass(frozen=True)
class Transfer:
    """What a network took from a model file: names of the parameters loaded, left new, and frozen."""

    loaded: list[str]
    new: list[str]
    frozen: list[str]


def write_tensors(
    path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Write tensors as safetensors, atomically."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(contiguous, metadata))


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file; raises InputError if it is damaged or missing."""
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: truncated or not a safetensors file ({error})") from error


def save_model(weights: Path, network: nn.Module, description: dict) -> None:
    """Write `model.safetensors` and, beside it, `model.json`.

    Args:
        weights: path of model.safetensors.
        description: architecture, plan, normalisation, labels, lineage, fingerprint; versions and the
            weights' checksum are added.
    """
    write_tensors(weights, dict(network.named_parameters()))
    versions = {package: importlib.metadata.version(package) for package in VERSIONS}
    write_json(
        weights.with_suffix(".json"),
        {"format": 1, **description, "versions": versions, "weights_sha256": digest(weights)},
    )


def read_description(weights: Path) -> dict:
    """Read the model.json beside a model.safetensors and check that the two belong together."""
    path = weights.with_suffix(".json")
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: missing or not JSON ({error})") from error
    if description["weights_sha256"] != digest(weights):
        raise InputError(f"{weights}: is not the file that {path.name} describes; restore both from one run")
    return description


def load_model(weights: Path) -> tuple[nn.Module, dict]:
    """Rebuild a trained network; returns it in evaluation mode, and its description."""
    description = read_description(weights)
    network = build_network(description["architecture"], classes=1 + len(description["labels"]), seed=0)
    _copy(read_tensors(weights), network, weights, skip_heads=False)
    network.decoder.deep_supervision = False
    return network.eval(), description


def load_all_but_head(network: nn.Module, weights: Path) -> Transfer:
    """Copy a pre-trained model's weights into a network of the same architecture.

    Names and shapes must agree everywhere but in the segmentation heads, which stay new.

    Raises:
        InputError: another architecture; names the first parameter that differs.
    """
    loaded = _copy(read_tensors(weights), network, weights, skip_heads=True)
    return Transfer(loaded, [name for name, _ in network.named_parameters() if is_head(name)], [])


def _copy(tensors: dict[str, torch.Tensor], network: nn.Module, path: Path, *, skip_heads: bool) -> list[str]:
    def relevant(names: dict) -> dict:
        return {name: tensor for name, tensor in names.items() if not (skip_heads and is_head(name))}

    source, target = relevant(tensors), relevant(dict(network.named_parameters()))
    for name in sorted(source.keys() ^ target.keys()):
        where = "the file" if name in source else "the network"
        raise InputError(f"{path}: another architecture: {name} is only in {where}")
    for name, parameter in target.items():
        if source[name].shape != parameter.shape:
            shapes = f"{tuple(source[name].shape)} in the file and {tuple(parameter.shape)} in the network"
            raise InputError(f"{path}: another architecture: {name} has shape {shapes}")
    with torch.no_grad():
        for name, parameter in target.items():
            parameter.copy_(source[name])
    return list(target)


def log_transfer(transfer: Transfer, network: nn.Module, source: Path | None) -> None:
    """Log how many tensors and parameters were loaded, left new, and frozen."""
    parameters = dict(network.named_parameters())
    for verb in ("loaded", "new", "frozen"):
        names = getattr(transfer, verb)
        count = sum(parameters[name].numel() for name in names)
        origin = f" from {source}" if verb == "loaded" and names else ""
        log.info("%s%s: %d tensors, %d parameters", verb, origin, len(names), count)
