"""Training of the systems that learn from image-level labels, on one device, resumable to the bit.

As in `covidseg.training.train`, what is random in iteration i comes from generators seeded by (seed, i).
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from covidseg.device import Compute, choose_compute
from covidseg.files import fingerprint, write_csv
from covidseg.training.loop import Loop, run_epochs
from covidseg.training.optimisers import Adam
from covidseg.training.state import LogRow, Progress, State, Tensors, open_state
from covidseg.training.weights import (
    copy_weights,
    read_description,
    read_tensors,
    write_description,
    write_tensors,
)
from covidseg.weak import load_system
from covidseg.weak.base import Batch, System
from covidseg.weak.description import WeakDescription
from covidseg.weak.sections import TrainedSystem, Weak

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeakRun:
    """One system to train.

    Attributes:
        system: what is trained, and how.
        slices: folder with train_normal.npy and train_lesion.npy; there is no lesion mask in it.
        classifier: model.safetensors of a trained classifier, or None.
        weak: of the configuration's `weak`, what decides the system.
        checkpoint_seconds: between two states.
        seed: of weights and batches.
        threads: of the processor.
        timed: whether log.csv gets the seconds of each epoch, which differ from run to run.
        fingerprint: of configuration, code and data.
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
    """Train one system to the end, from its saved state if there is one; arguments as `training.train`.

    Raises:
        InputError: the loss is not finite.
        Interrupted: SIGTERM or SIGINT came and the state is written, or another process trains this model.
    """
    outputs = [model, model.with_suffix(".json"), log_table]
    with open_state(state, run.fingerprint) as kept:
        if kept.restore(outputs):
            return
        compute = choose_compute(run.weak["device"], "float32", threads=run.threads)
        log.info("training on %s", compute)
        networks = build(run.system, run.classifier, run.seed, compute)
        optimisers = {name: Adam(network, betas=run.system.betas()) for name, network in networks.items()}
        progress = _epochs(run, networks, optimisers, compute, kept)
        kept.lease.check()
        write_tensors(model, weights(networks))
        write_description(model, replace(description, device=str(compute)))
        write_csv(log_table, progress.rows)
        kept.finish(outputs)


def build(system: System, classifier: Path | None, seed: int, compute: Compute) -> nn.ModuleDict:
    """Make a system's networks on the device, and give it the classifier that it needs."""
    torch.manual_seed(seed)
    networks = compute.place(system.build(), torch.channels_last)
    system.adopt(networks, load_networks(classifier, compute)[1]["classifier"] if classifier else None)
    return networks


def load_networks(path: Path, compute: Compute) -> tuple[System, nn.ModuleDict, WeakDescription]:
    """Rebuild a trained system; returns it, its networks in evaluation mode, and its description."""
    description = read_description(path, WeakDescription)
    system = load_system(description.system, description.options, description.weak)
    networks = system.build()
    copy_weights(read_tensors(path), weights(networks), path)
    return system, networks.to(compute.device).eval(), description


def weights(networks: nn.ModuleDict) -> Tensors:
    """Return parameters and buffers by name, each once: the library's blocks list theirs twice."""
    return dict(networks.named_parameters()) | dict(networks.named_buffers())


def _epochs(
    run: WeakRun, networks: nn.ModuleDict, optimisers: dict[str, Adam], compute: Compute, state: State
) -> Progress:
    slices = [
        torch.from_numpy(np.load(run.slices / f"train_{kind}.npy")).to(compute.device)
        for kind in ("normal", "lesion")
    ]
    networks.train()
    weak = run.weak

    def step(progress: Progress) -> Tensors:
        iteration = progress.epoch * weak["iterations"] + progress.iteration
        batch = draw_batch(run.system, slices, run.seed, iteration)
        return run.system.step(networks, optimisers, batch, iteration)

    def finish(progress: Progress, means: dict[str, float]) -> LogRow:
        listed = ", ".join(f"{name} {value:.4f}" for name, value in means.items())
        log.info("epoch %d of %d: %s, %.1f s", progress.epoch + 1, weak["epochs"], listed, progress.seconds)
        return {"epoch": progress.epoch, "seconds": progress.seconds if run.timed else None, **means}

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


def draw_batch(system: System, slices: list[torch.Tensor], seed: int, iteration: int) -> Batch:
    """Draw half a batch of normal and half of lesion slices, uint8 (n, y, x), scaled for the system."""
    generator, half = np.random.default_rng([seed, iteration]), system.variant["batch"] // 2
    normal, lesion = (
        system.scale(part[torch.from_numpy(generator.integers(len(part), size=half))]) for part in slices
    )
    share = torch.from_numpy(generator.random((half, 1, 1, 1), np.float32)).to(normal.device)
    return Batch(normal, lesion, share)


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
                # In the parameter's own memory format, which the fused step takes for granted.
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
    """Collect what one system is trained on and with; `model` as WeakModel.to_json gives it."""
    files = [slices / "train_normal.npy", slices / "train_lesion.npy", *filter(None, [classifier])]
    return WeakRun(
        system=load_system(model["system"], model["options"], weak),
        slices=slices,
        classifier=classifier,
        weak=weak,
        checkpoint_seconds=checkpoint_seconds,
        seed=seed,
        threads=threads,
        timed=timed,
        fingerprint=fingerprint([model, weak, seed, code, threads, timed], files),
    )


def describe_weak_run(run: WeakRun, model: TrainedSystem) -> WeakDescription:
    """Return what model.json says of a run before it is trained."""
    classifier = read_description(run.classifier, WeakDescription) if run.classifier else None
    return WeakDescription(
        system=model["system"],
        options=model["options"],
        weak=run.weak,
        lineage={
            "experiment": model["name"],
            "classifier": classifier.weights_sha256 if classifier else None,
            "training_slices": run.slices.parent.name,
            "seed": run.seed,
        },
        fingerprint=run.fingerprint,
    )
