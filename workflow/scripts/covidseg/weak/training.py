"""Training of the systems that learn from image-level labels, on one device, with stop and resume.

Every random number of batch k of iteration i is drawn from a generator with the seed (seed, i, k), so that a
resumed training has the same result as an uninterrupted one, as in `covidseg.training.train`.
"""

import logging
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from covidseg.device import Compute, choose_compute
from covidseg.files import fingerprint, write_csv
from covidseg.reading import read_array
from covidseg.training.epoch_log import EpochLog, write_head
from covidseg.training.loop import Loop, run_epochs
from covidseg.training.optimisers import Adam
from covidseg.training.state import LogRow, Progress, State, Tensors, open_state
from covidseg.training.weights import (
    LoadedWeights,
    copy_weights,
    read_description,
    read_tensors,
    write_description,
    write_tensors,
)
from covidseg.weak import load_system
from covidseg.weak.base import System
from covidseg.weak.batches import draw_batch
from covidseg.weak.description import WeakDescription
from covidseg.weak.sections import TrainedSystem, Weak

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeakRun:
    """One system to train.

    Attributes:
        system: the system to train.
        slices: folder of train_normal.npy and train_lesion.npy, without any lesion mask.
        classifier: model.safetensors of a trained classifier, or None.
        weak: the keys of the configuration's `weak` that decide the system.
        checkpoint_seconds: seconds between two saved states.
        seed: seed of weights and batches.
        threads: number of processor threads.
        timed: whether log.csv gets the seconds per epoch, which differ from run to run.
        fingerprint: checksum of configuration, code and data.
    """

    system: System
    slices: Path
    classifier: Path | None
    weak: Weak
    checkpoint_seconds: float
    seed: int
    threads: int
    timed: bool
    fingerprint: str


def train_weakly(
    run: WeakRun, *, model: Path, log_table: Path, state: Path, description: WeakDescription
) -> None:
    """Train one system to the end, from its saved state if there is one.

    Args:
        run: what to train.
        model: path of model.safetensors; model.json is written beside this file.
        log_table: path of log.csv, one row per epoch.
        state: folder of the saved state and of the lock.
        description: content of model.json; the device and what is known only at the end are added.

    Raises:
        InputError: the loss is not finite.
        Interrupted: SIGTERM or SIGINT arrived and the state is saved, or another process trains this model.
    """
    outputs = [model, model.with_suffix(".json"), log_table]
    with open_state(state, run.fingerprint) as kept:
        if kept.restore(outputs):
            return
        lineage = description.lineage
        write_head(
            lineage["experiment"], strategy=description.system, source=lineage["training_slices"], fold=0
        )
        compute = choose_compute(run.weak["device"], "float32", threads=run.threads)
        log.info("training on %s", compute)
        networks = build(run.system, run.classifier, run.seed, compute)
        counts = LoadedWeights.of(networks, loaded=[]).counts(networks)
        optimisers = {name: Adam(network, betas=run.system.betas()) for name, network in networks.items()}
        progress = _epochs(run, networks, optimisers, compute, kept)
        kept.lease.check()
        write_tensors(model, weights(networks))
        write_description(model, replace(description, parameters=counts, device=str(compute)))
        write_csv(log_table, progress.rows)
        kept.finish(outputs)


def build(system: System, classifier: Path | None, seed: int, compute: Compute) -> nn.ModuleDict:
    """Make the networks of a system on the device, and pass the system its classifier, if there is one."""
    torch.manual_seed(seed)
    networks = compute.place(system.build(), torch.channels_last)
    system.adopt(networks, load_networks(classifier, compute)[1]["classifier"] if classifier else None)
    return networks


def load_networks(path: Path, compute: Compute) -> tuple[System, nn.ModuleDict, WeakDescription]:
    """Rebuild a trained system; returns system, networks in evaluation mode, and description.

    Raises:
        InputError: the model's files are damaged or do not belong together.
    """
    description = read_description(path, WeakDescription)
    system = load_system(description.system, description.options, description.weak)
    system.greys = description.greys
    networks = system.build()
    copy_weights(read_tensors(path), weights(networks), path)
    return system, networks.to(compute.device).eval(), description


def weights(networks: nn.ModuleDict) -> Tensors:
    """Return name -> parameter or buffer, each once, though the library's blocks register theirs twice."""
    return dict(networks.named_parameters()) | dict(networks.named_buffers())


def _epochs(
    run: WeakRun, networks: nn.ModuleDict, optimisers: dict[str, Adam], compute: Compute, state: State
) -> Progress:
    slices = [torch.from_numpy(read_array(path)).to(compute.device) for path in _trained_slices(run.slices)]
    networks.train()
    weak, epoch_log = run.weak, EpochLog(run.weak["epochs"])

    def step(progress: Progress) -> Tensors:
        iteration = progress.epoch * weak["iterations"] + progress.iteration
        draw = partial(draw_batch, run.system, slices, run.seed, iteration)
        return run.system.step(networks, optimisers, draw, iteration)

    def finish(progress: Progress, means: dict[str, float]) -> LogRow:
        row = {"epoch": progress.epoch, "seconds": progress.seconds if run.timed else None, **means}
        epoch_log.write(row, progress.seconds)
        return row

    loop = Loop(
        epochs=weak["epochs"],
        iterations=weak["iterations"],
        checkpoint_seconds=run.checkpoint_seconds,
        device=compute.device,
        step=step,
        finish=finish,
        tensors=lambda: _tensors(networks, optimisers),
        restore=lambda tensors: _restore(tensors, networks, optimisers),
    )
    return run_epochs(loop, state)


def _tensors(networks: nn.ModuleDict, optimisers: dict[str, Adam]) -> Tensors:
    tensors = {f"network.{name}": tensor for name, tensor in weights(networks).items()}
    for network, optimiser in optimisers.items():
        for name, moments in optimiser.moments.items():
            tensors |= {f"moment{i}.{network}.{name}": moment for i, moment in enumerate(moments)}
    return tensors


def _restore(tensors: Tensors, networks: nn.ModuleDict, optimisers: dict[str, Adam]) -> None:
    prefix = "network."
    saved = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    copy_weights(saved, weights(networks), Path("state"))
    for network, optimiser in optimisers.items():
        for name in optimiser.parameters:
            if f"moment0.{network}.{name}" in tensors:
                *moments, steps = (tensors[f"moment{i}.{network}.{name}"] for i in range(3))
                parameter = optimiser.parameters[name]
                # Moments need the memory format of their parameter: the fused step relies on this.
                first, second = (torch.empty_like(parameter).copy_(moment) for moment in moments)
                optimiser.moments[name] = (first, second, steps.to(parameter.device))


def make_weak_run(
    model: TrainedSystem,
    *,
    slices: Path,
    classifier: Path | None,
    weak: Weak,
    checkpoint_seconds: float,
    seed: int,
    code: list[str],
    threads: int,
    timed: bool,
) -> WeakRun:
    """Collect the data and the settings of one training.

    Args:
        model: the model's row, as returned by `WeakModel.to_json`.
        slices: folder of train_normal.npy and train_lesion.npy.
        classifier: model.safetensors of a trained classifier, or None.
        weak: the keys of the configuration's `weak` that decide the system.
        checkpoint_seconds: seconds between two saved states.
        seed: seed of weights and batches.
        code: checksums of the files of code; a saved state is worthless once one of them changes.
        threads: number of processor threads.
        timed: whether log.csv gets the seconds per epoch.
    """
    system, trained = load_system(model["system"], model["options"], weak), _trained_slices(slices)
    system.fit_greys(read_array(path) for path in trained)
    return WeakRun(
        system=system,
        slices=slices,
        classifier=classifier,
        weak=weak,
        checkpoint_seconds=checkpoint_seconds,
        seed=seed,
        threads=threads,
        timed=timed,
        fingerprint=fingerprint(
            [model, weak, seed, code, threads, timed], [*trained, *filter(None, [classifier])]
        ),
    )


def _trained_slices(folder: Path) -> list[Path]:
    return [folder / f"train_{kind}.npy" for kind in ("normal", "lesion")]


def describe_weak_run(run: WeakRun, model: TrainedSystem) -> WeakDescription:
    """Return the content of model.json as far as it is known before the training."""
    classifier = read_description(run.classifier, WeakDescription) if run.classifier else None
    return WeakDescription(
        system=model["system"],
        options=model["options"],
        weak=run.weak,
        greys=run.system.greys,
        lineage={
            "experiment": model["name"],
            "classifier": classifier.weights_sha256 if classifier else None,
            "training_slices": run.slices.parent.name,
            "seed": run.seed,
        },
        fingerprint=run.fingerprint,
    )
