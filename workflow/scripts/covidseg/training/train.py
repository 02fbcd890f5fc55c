"""Training of a segmentation network by nnU-Net's scheme, on one device, with stop and resume.

Every random number of iteration i is drawn from a generator with the seed (seed, fold, i), so that a saved
state needs no random state. On a CPU in float32, a resumed training ends with the same bits as an
uninterrupted one.
"""

import logging
import math
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from covidseg.device import Compute, choose_compute
from covidseg.files import write_csv
from covidseg.training.acceleration import fuse, pays_to_compile
from covidseg.training.description import ModelDescription
from covidseg.training.epoch_log import EpochLog, write_head
from covidseg.training.guard import Guard, current_momentum
from covidseg.training.loop import Loop, run_epochs
from covidseg.training.network import build_network
from covidseg.training.optimisers import NesterovSGD
from covidseg.training.patches import TrainingCase, load_cases
from covidseg.training.run import Run
from covidseg.training.state import (
    LogRow,
    Progress,
    State,
    network_tensors,
    open_state,
    restore_network,
)
from covidseg.training.steps import Data, Steps
from covidseg.training.validation import validation_dice
from covidseg.training.weights import log_loaded_weights, save_model, weights_digest, write_tensors

log = logging.getLogger(__name__)

COLUMNS = ("epoch", "learning_rate", "momentum", "loss", "validation_dice", "seconds")


def train(
    run: Run,
    *,
    model: Path,
    log_table: Path,
    state: Path,
    description: ModelDescription,
    snapshots: str | Path | None = None,
) -> None:
    """Train one model to the end, from its saved state if there is one.

    Args:
        run: what to train.
        model: path of model.safetensors; model.json is written beside this file.
        log_table: path of log.csv, one row per epoch.
        state: folder of the saved state and of the lock.
        description: content of model.json; the device and what is known only at the end are added.
        snapshots: path of a file for the tensors that the strategy keeps from some epochs; None if the
            strategy keeps none.

    Raises:
        InputError: the pre-trained model does not fit the network, or the loss is not finite.
        Interrupted: SIGTERM or SIGINT arrived and the state is saved, or another process trains this model.
    """
    outputs = [model, model.with_suffix(".json"), log_table, *([Path(snapshots)] if snapshots else [])]
    with open_state(state, run.fingerprint) as kept:
        if kept.restore(outputs):
            return
        _write_head(run, description)
        compute = choose_compute(run.training["device"], run.training["precision"], threads=run.threads)
        log.info("training on %s", compute)
        network = build_network(run.architecture, classes=run.classes, seed=run.seed)
        weights = run.strategy.prepare(network, run.pretrained)
        log_loaded_weights(weights, network, run.pretrained)
        frozen = weights_digest(network, weights.frozen)
        network = compute.place(network, torch.channels_last_3d)
        fuse(network, compute.device)
        progress = _epochs(run, network, compute, kept)
        _check_frozen(network, weights.frozen, frozen)
        kept.lease.check()
        counts = weights.counts(network)
        save_model(model, network, replace(description, parameters=counts, device=str(compute)))
        write_csv(log_table, progress.rows)
        if snapshots:
            write_tensors(Path(snapshots), progress.snapshots)
        kept.finish(outputs)


def _write_head(run: Run, description: ModelDescription) -> None:
    lineage = description.lineage
    ancestor = lineage["pretrained"]
    datasets = sorted({case.parent.name for case in run.source_cases})
    write_head(
        lineage["experiment"],
        strategy=lineage["strategy"],
        source=ancestor["experiment"] if ancestor else " + ".join(datasets) or "none",
        fold=run.fold,
    )


def _check_frozen(network: nn.Module, names: list[str], before: str) -> None:
    after = weights_digest(network, names)
    if names:
        log.info("frozen parameters: sha256 %s before and %s after training", before, after)
    if after != before:
        raise RuntimeError("frozen parameters have changed in training: the strategy is wrong")


def _epochs(run: Run, network: nn.Module, compute: Compute, state: State) -> Progress:
    """Load the data and run the remaining epochs."""
    training = run.training
    optimiser = NesterovSGD(network, momentum=training["momentum"], weight_decay=training["weight_decay"])
    groups = {"training": run.cases, "source": run.source_cases, "validation": run.validation}
    budget = training["device_memory_gib"]
    data = Data(*load_cases(groups, labels=run.labels, device=compute.device, budget_gib=budget))
    guard, steps = Guard(run, network, optimiser), Steps(run, network, optimiser, data, compute)
    epoch_log = EpochLog(training["epochs"])
    network.train()
    if pays_to_compile(training, compute.device):
        steps.compile(state.folder.parents[1] / "compiled")

    def finish(progress: Progress, means: dict[str, float]) -> LogRow:
        row = _log_row(run, network, data.validation, compute, progress, means)
        epoch_log.write(row, progress.seconds)
        if guard.check(data.cases, compute, progress):
            steps.forget()
        network.train()
        return row

    loop = Loop(
        epochs=training["epochs"],
        iterations=training["iterations"],
        checkpoint_seconds=training["checkpoint_seconds"],
        device=compute.device,
        step=steps,
        finish=finish,
        tensors=lambda: network_tensors(network, optimiser),
        restore=lambda tensors: restore_network(tensors, network, optimiser),
    )
    return run_epochs(loop, state)


def _log_row(
    run: Run,
    network: nn.Module,
    validation: list[TrainingCase],
    compute: Compute,
    progress: Progress,
    means: dict[str, float],
) -> LogRow:
    """Validate if the epoch is due for it, keep the strategy's snapshot, and return the row of log.csv."""
    training, number = run.training, progress.epoch + 1
    rate, loss = run.schedule.learning_rate(training, progress.epoch), means.pop("loss")
    due = number % training["validation_every"] == 0 or number == training["epochs"]
    dice = validation_dice(run, network, validation, compute) if validation and due else math.nan
    progress.snapshots |= run.strategy.snapshot(number, training["epochs"])
    momentum, seconds = current_momentum(training, progress), progress.seconds if run.timed else None
    return dict(zip(COLUMNS, (progress.epoch, rate, momentum, loss, dice, seconds), strict=True)) | means
