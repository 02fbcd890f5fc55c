"""What a training needs to go on after it was stopped, and the lock that keeps it one process's."""

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import filelock
import torch
from safetensors import safe_open
from torch import nn

from covidseg.errors import InputError
from covidseg.model_files import read_tensors, write_tensors
from covidseg.optimiser import NesterovSGD

log = logging.getLogger(__name__)

Tensors = dict[str, torch.Tensor]


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        epoch: current epoch, from 0.
        iteration: iterations done in it.
        sums: of the losses of these iterations, by name.
        seconds: time spent in them.
        rows: rows of log.csv, one per finished epoch.
        snapshots: tensors that the strategy keeps of finished epochs.
    """

    epoch: int = 0
    iteration: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    rows: list[dict] = field(default_factory=list)
    snapshots: dict[str, torch.Tensor] = field(default_factory=dict)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the training's lock; raises InputError while another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / "lock")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout as error:
        raise InputError(f"{folder}: another process trains this model; wait for it or stop it") from error
    with lock:
        yield


def save_state(folder: Path, tensors: Tensors, progress: Progress, fingerprint: str) -> None:
    """Write tensors, snapshots and progress to `state.safetensors`, atomically."""
    snapshots = {f"snapshot.{name}": tensor for name, tensor in progress.snapshots.items()}
    counted = {key: value for key, value in vars(progress).items() if key != "snapshots"}
    metadata = {"fingerprint": fingerprint, "progress": json.dumps(counted)}
    write_tensors(folder / "state.safetensors", tensors | snapshots, metadata)
    log.info("state written at epoch %d, iteration %d", progress.epoch, progress.iteration)


def load_state(folder: Path, fingerprint: str) -> tuple[Tensors, Progress] | None:
    """Return what `save_state` wrote; None if there is nothing, or nothing of this config, code and data."""
    path = folder / "state.safetensors"
    if not path.exists():
        return None
    tensors = read_tensors(path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    if metadata["fingerprint"] != fingerprint:
        log.warning("%s: of another configuration, code or data; training starts anew", path)
        return None
    snapshots = {
        name.removeprefix("snapshot."): tensors.pop(name)
        for name in list(tensors)
        if name.startswith("snapshot.")
    }
    progress = Progress(**json.loads(metadata["progress"]), snapshots=snapshots)
    log.info("resumed at epoch %d, iteration %d", progress.epoch, progress.iteration)
    return tensors, progress


def network_tensors(network: nn.Module, optimiser: NesterovSGD) -> Tensors:
    """Return a network's weights and its optimiser's momenta."""
    tensors = {f"weight.{name}": parameter for name, parameter in network.named_parameters()}
    return tensors | {f"momentum.{name}": momentum for name, momentum in optimiser.momenta.items()}


@torch.no_grad()
def restore_network(tensors: Tensors, network: nn.Module, optimiser: NesterovSGD) -> None:
    """Take what `network_tensors` gave."""
    for name, parameter in network.named_parameters():
        parameter.copy_(tensors[f"weight.{name}"])
        if f"momentum.{name}" in tensors:
            # In the parameter's own memory format, or the next steps would round differently.
            optimiser.momenta[name] = torch.empty_like(parameter).copy_(tensors[f"momentum.{name}"])


def delete_state(folder: Path) -> None:
    """Remove the state once the model is written."""
    shutil.rmtree(folder, ignore_errors=True)
