"""What a training needs to go on after it was stopped, on this node or another."""

import json
import logging
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from torch import nn

from covidseg.errors import Interrupted
from covidseg.files import atomic_directory, atomic_path, write_text
from covidseg.training.lease import Lease, leased
from covidseg.training.optimisers import NesterovSGD
from covidseg.training.weights import read_tensors, write_tensors

log = logging.getLogger(__name__)

Tensors = dict[str, torch.Tensor]
LogRow = dict[str, float | None]  # of log.csv: column -> number; None: an empty cell


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
    rows: list[LogRow] = field(default_factory=list)
    snapshots: Tensors = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """What is kept of a training between its processes, in a folder that one process holds at a time.

    Attributes:
        folder: results/state/<experiment>/fold<k>.
        fingerprint: of configuration, code and data.
        lease: the folder's lock.
    """

    folder: Path
    fingerprint: str
    lease: Lease

    @property
    def path(self) -> Path:
        """The file to go on from."""
        return self.folder / "state.safetensors"

    def save(self, tensors: Tensors, progress: Progress) -> None:
        """Write tensors, snapshots and progress, atomically; raises Interrupted if the lock is lost."""
        snapshots = {f"snapshot.{name}": tensor for name, tensor in progress.snapshots.items()}
        counted = {key: value for key, value in vars(progress).items() if key != "snapshots"}
        metadata = {"fingerprint": self.fingerprint, "progress": json.dumps(counted)}
        self.lease.check()
        write_tensors(self.path, tensors | snapshots, metadata)
        log.info("state written at epoch %d, iteration %d", progress.epoch, progress.iteration)

    def load(self) -> tuple[Tensors, Progress] | None:
        """Return what `save` wrote; None if there is nothing of this configuration, code and data."""
        if not self.path.exists():
            return None
        tensors = read_tensors(self.path)
        with safe_open(self.path, "pt") as file:
            metadata = file.metadata()
        if metadata["fingerprint"] != self.fingerprint:
            log.warning("%s: of another configuration, code or data; training starts anew", self.path)
            return None
        snapshots = {
            name.removeprefix("snapshot."): tensors.pop(name)
            for name in list(tensors)
            if name.startswith("snapshot.")
        }
        progress = Progress(**json.loads(metadata["progress"]), snapshots=snapshots)
        log.info("resumed at epoch %d, iteration %d", progress.epoch, progress.iteration)
        return tensors, progress

    def finish(self, outputs: list[Path]) -> None:
        """Drop the state, now that the model is written, and keep the outputs under a second name.

        Snakemake deletes a job's outputs before it starts it. Of two jobs for one model, submitted by two
        runs of which the first was killed, the second would so delete what the first one came to.
        """
        with atomic_directory(self.folder / "finished") as folder:
            for output in outputs:
                _link(output, folder / output.name)
            write_text(folder / "fingerprint", self.fingerprint)
        self.path.unlink(missing_ok=True)

    def restore(self, outputs: list[Path]) -> bool:
        """Bring back the outputs that another process came to meanwhile; returns whether there are any."""
        finished = self.folder / "finished"
        mark = finished / "fingerprint"
        if not mark.exists() or mark.read_text(encoding="utf-8") != self.fingerprint:
            return False
        for output in outputs:
            with atomic_path(output) as temporary:
                _link(finished / output.name, temporary)
        log.info("%s: trained by another process meanwhile", outputs[0])
        return True


@contextmanager
def open_state(folder: Path, fingerprint: str) -> Iterator[State]:
    """Hold a training's state, waiting for the process that holds it.

    Raises:
        Interrupted: as `leased`, and when SIGTERM comes while nothing else listens to it.
    """
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with leased(folder) as lease:
            yield State(folder, fingerprint, lease)
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(*_: object) -> None:
    raise Interrupted("stopped before its first or after its last epoch; the next start goes on")


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


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
