"""The saved state from which a stopped training continues, on the same node or on another one."""

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

from covidseg.errors import InputError, Interrupted
from covidseg.files import atomic_directory, atomic_path, write_text
from covidseg.reading import AGAIN
from covidseg.training.lease import Lease, leased
from covidseg.training.optimisers import NesterovSGD
from covidseg.training.weights import read_tensors, write_tensors

log = logging.getLogger(__name__)

Tensors = dict[str, torch.Tensor]
LogRow = dict[str, float | None]  # a row of log.csv: column -> number; None: an empty cell


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        epoch: number of the current epoch, from 0.
        iteration: number of finished iterations of the current epoch.
        sums: name -> sum of a logged scalar (a loss, for example) over these iterations.
        seconds: time that these iterations took.
        rows: rows of log.csv, one per finished epoch.
        snapshots: tensors that the strategy kept from finished epochs.
        restarted: whether the training has started again (see `guard`).
    """

    epoch: int = 0
    iteration: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    rows: list[LogRow] = field(default_factory=list)
    snapshots: Tensors = field(default_factory=dict)
    restarted: bool = False


@dataclass(frozen=True)
class State:
    """The saved state of a training, in a folder that one process locks at a time.

    Attributes:
        folder: results/state/<experiment>/fold<k>.
        fingerprint: checksum of configuration, code and data.
        lease: the lock of the folder.
    """

    folder: Path
    fingerprint: str
    lease: Lease

    @property
    def path(self) -> Path:
        """The file with the state of an unfinished training."""
        return self.folder / "state.safetensors"

    def save(self, tensors: Tensors, progress: Progress) -> None:
        """Write tensors, snapshots and progress atomically; raises Interrupted if the lock is lost."""
        snapshots = {f"snapshot.{name}": tensor for name, tensor in progress.snapshots.items()}
        counted = {key: value for key, value in vars(progress).items() if key != "snapshots"}
        metadata = {"fingerprint": self.fingerprint, "progress": json.dumps(counted)}
        self.lease.check()
        write_tensors(self.path, tensors | snapshots, metadata)
        log.info("state written at epoch %d, iteration %d", progress.epoch, progress.iteration)

    def load(self) -> tuple[Tensors, Progress] | None:
        """Return what `save` wrote; None if there is no state with the fingerprint of this training.

        Raises:
            InputError: the state is damaged.
        """
        if not self.path.exists():
            return None
        tensors = read_tensors(self.path)
        with safe_open(self.path, "pt") as file:
            metadata = file.metadata() or {}
        if metadata.get("fingerprint") != self.fingerprint:
            log.warning("%s: of another configuration, code or data; training starts anew", self.path)
            return None
        snapshots = {
            name.removeprefix("snapshot."): tensors.pop(name)
            for name in list(tensors)
            if name.startswith("snapshot.")
        }
        try:
            progress = Progress(**json.loads(metadata["progress"]), snapshots=snapshots)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{self.path}: damaged ({error}); {AGAIN}") from error
        log.info("resumed at epoch %d, iteration %d", progress.epoch, progress.iteration)
        return tensors, progress

    def finish(self, outputs: list[Path]) -> None:
        """Delete the state once the outputs are written, and keep the outputs under a second name.

        Snakemake deletes the outputs of a job before it starts the job. There can be two jobs for one
        model: a first run of Snakemake submits a job and is killed, and a second run submits the job again.
        When the second job starts, Snakemake deletes the outputs that the first job wrote. `restore` brings
        these outputs back from their second name.
        """
        with atomic_directory(self.folder / "finished") as folder:
            for output in outputs:
                _link(output, folder / output.name)
            write_text(folder / "fingerprint", self.fingerprint)
        self.path.unlink(missing_ok=True)

    def restore(self, outputs: list[Path]) -> bool:
        """Bring back the outputs if another process finished this training; returns whether it did.

        Outputs count only if they are complete and have the fingerprint of this training.
        """
        finished = self.folder / "finished"
        mark = finished / "fingerprint"
        if not mark.exists() or mark.read_bytes() != self.fingerprint.encode():
            return False
        if not all((finished / output.name).is_file() for output in outputs):
            log.warning("%s: lacks an output of the finished training; training starts anew", finished)
            return False
        for output in outputs:
            with atomic_path(output) as temporary:
                _link(finished / output.name, temporary)
        log.info("%s: trained by another process meanwhile", outputs[0])
        return True


@contextmanager
def open_state(folder: Path, fingerprint: str) -> Iterator[State]:
    """Open and lock a training's state; waits while another process holds the lock.

    Raises:
        Interrupted: for the reasons of `Lease.acquire`, or SIGTERM arrived before or after the epochs, when
            the loop does not handle it.
    """
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with leased(folder) as lease:
            yield State(folder, fingerprint, lease)
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(*_: object) -> None:
    raise Interrupted("stopped before the first or after the last epoch; the next start continues")


def _link(source: Path, target: Path) -> None:
    """Give a file a second name (a hard link), or copy the file if the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def network_tensors(network: nn.Module, optimiser: NesterovSGD) -> Tensors:
    """Return the weights of a network and the momenta of its optimiser, for a saved state."""
    tensors = {f"weight.{name}": parameter for name, parameter in network.named_parameters()}
    return tensors | {f"momentum.{name}": momentum for name, momentum in optimiser.momenta.items()}


@torch.no_grad()
def restore_network(tensors: Tensors, network: nn.Module, optimiser: NesterovSGD) -> None:
    """Set network and optimiser to the tensors that `network_tensors` returned."""
    for name, parameter in network.named_parameters():
        parameter.copy_(tensors[f"weight.{name}"])
        if f"momentum.{name}" in tensors:
            # Momenta need the memory format of their parameter: otherwise the next steps round differently.
            optimiser.momenta[name] = torch.empty_like(parameter).copy_(tensors[f"momentum.{name}"])
