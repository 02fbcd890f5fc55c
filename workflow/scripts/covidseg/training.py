"""The training loop: nnU-Net's scheme on one device, stopped and resumed without a trace in the result.

Every random number of iteration i is drawn from a generator seeded by (seed, fold, i), so that a resumed
run needs no random state: on a CPU in float32 it ends with the same bits as an uninterrupted one.
"""

import csv
import io
import logging
import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from covidseg.augmentation import augment, spatial_parameters
from covidseg.device import Compute, choose_compute
from covidseg.errors import InputError, Interrupted
from covidseg.files import write_text
from covidseg.losses import deep_supervision_loss
from covidseg.model_files import log_transfer, save_model
from covidseg.network import build_network
from covidseg.optimiser import NesterovSGD
from covidseg.sampling import TrainingCase, cut_patch, load_cases, patch_centre
from covidseg.strategies import STRATEGIES
from covidseg.training_state import Progress, delete_state, load_state, locked, save_state

log = logging.getLogger(__name__)

COLUMNS = ("epoch", "learning_rate", "loss", "validation_dice", "seconds")


@dataclass(frozen=True)
class Run:
    """One model to train.

    Attributes:
        strategy: key of STRATEGIES.
        pretrained: model.safetensors to start from, or None.
        cases: folders of preprocessed training cases.
        validation: folders of preprocessed cases for the validation Dice; may be empty.
        classes: output channels, background included.
        fold: the fold, which seeds the patches together with `seed`.
        seed: of weights, patches and augmentation.
        patch: voxels (z, y, x).
        network, training, augmentation: these sections of the configuration.
        threads: of the processor.
        fingerprint: of configuration, code and data; a state with another one is not resumed.
    """

    strategy: str
    pretrained: Path | None
    cases: list[Path]
    validation: list[Path]
    classes: int
    fold: int
    seed: int
    patch: tuple[int, int, int]
    network: dict
    training: dict
    augmentation: dict
    threads: int
    fingerprint: str


def train(run: Run, *, model: Path, log_table: Path, state: Path, description: dict) -> None:
    """Train one model to the end, from its saved state if there is one.

    Args:
        run: what to train.
        model: path of model.safetensors; model.json is written beside it.
        log_table: path of log.csv, one row per epoch.
        state: folder of the resume state and the lock; deleted on success.
        description: goes into model.json.

    Raises:
        InputError: another process trains this model, or the pre-trained model does not fit.
        Interrupted: SIGTERM or SIGINT came; the state is written.
    """
    with locked(state):
        compute = choose_compute(run.training["device"], run.training["precision"], threads=run.threads)
        log.info("training on %s", compute)
        network = build_network(run.network, classes=run.classes, seed=run.seed)
        transfer = STRATEGIES[run.strategy].prepare(network, run.pretrained)
        log_transfer(transfer, network, run.pretrained)
        network = network.to(compute.device, memory_format=torch.channels_last_3d)
        optimiser = NesterovSGD(
            network, momentum=run.training["momentum"], weight_decay=run.training["weight_decay"]
        )
        rows = _epochs(run, network, optimiser, compute, state)
        save_model(model, network, {**description, "device": str(compute)})
        _write_log(log_table, rows)
        delete_state(state)


def _epochs(
    run: Run, network: nn.Module, optimiser: NesterovSGD, compute: Compute, state: Path
) -> list[dict]:
    """Run the epochs that are left and return the rows of log.csv."""
    settings = run.training
    progress = load_state(state, network, optimiser, run.fingerprint) or Progress()
    cases, validation = (
        load_cases(folders, device=compute.device, budget_gib=settings["device_memory_gib"])
        for folders in (run.cases, run.validation)
    )
    saved = time.monotonic()
    with _stop_requests() as stop:
        while progress.epoch < run.training["epochs"]:
            _iterations(run, network, optimiser, cases, compute, progress, stop)
            if stop.is_set():
                save_state(state, network, optimiser, progress, run.fingerprint)
                raise Interrupted(f"stopped at epoch {progress.epoch}; the next start goes on from {state}")
            _finish_epoch(run, network, validation, compute, progress)
            if time.monotonic() - saved >= settings["checkpoint_seconds"]:
                save_state(state, network, optimiser, progress, run.fingerprint)
                saved = time.monotonic()
    return progress.rows


def learning_rate(settings: dict, epoch: int) -> float:
    """Return the rate of an epoch: initial x (1 - epoch / epochs) ^ power (wang2021 3.3)."""
    return settings["learning_rate"] * (1 - epoch / settings["epochs"]) ** settings["learning_rate_power"]


def _iterations(
    run: Run,
    network: nn.Module,
    optimiser: NesterovSGD,
    cases: list[TrainingCase],
    compute: Compute,
    progress: Progress,
    stop: threading.Event,
) -> None:
    """Do the iterations left in this epoch, or those until a stop is requested."""
    begun = time.monotonic()
    total = torch.full((), progress.loss, dtype=torch.float64, device=compute.device)
    rate = learning_rate(run.training, progress.epoch)
    network.train()
    while progress.iteration < run.training["iterations"] and not stop.is_set():
        step = progress.epoch * run.training["iterations"] + progress.iteration
        images, labels = training_batch(run, cases, step, compute.device)
        total += training_step(network, optimiser, images, labels, rate, run.training, compute)
        progress.iteration += 1
    # Read once an epoch: every read makes the host wait for the device.
    progress.loss = total.item()
    progress.seconds += time.monotonic() - begun


def training_batch(
    run: Run, cases: list[TrainingCase], step: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut and augment the batch of one iteration.

    Returns:
        Images float32 (batch, 1, z, y, x) and labels uint8 (batch, z, y, x).
    """
    generator = np.random.default_rng([run.seed, run.fold, step])
    batch = run.training["batch"]
    background = round(batch * (1 - run.training["foreground"]))
    samples = []
    for sample in range(batch):
        case = cases[generator.integers(len(cases))]
        centre = patch_centre(case, run.patch, foreground=sample >= background, generator=generator)
        angle, scale = spatial_parameters(run.augmentation, generator)
        cut = cut_patch(case, centre, run.patch, angle=angle, scale=scale, device=device)
        samples.append(augment(*cut, run.augmentation, generator))
    images, labels = zip(*samples, strict=True)
    images = torch.stack(images)[:, None].contiguous(memory_format=torch.channels_last_3d)
    return images, torch.stack(labels)


def training_step(
    network: nn.Module,
    optimiser: NesterovSGD,
    images: torch.Tensor,
    labels: torch.Tensor,
    rate: float,
    settings: dict,
    compute: Compute,
) -> torch.Tensor:
    """Do one optimisation step at a learning rate and return the loss, still on the device."""
    optimiser.zero_grad()
    with compute.autocast():
        outputs = network(images)
    loss = deep_supervision_loss(outputs, labels, batch_dice=settings["batch_dice"])
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), settings["gradient_clip"])
    optimiser.step(rate)
    return loss.detach()


def _finish_epoch(
    run: Run, network: nn.Module, validation: list[TrainingCase], compute: Compute, progress: Progress
) -> None:
    rate = learning_rate(run.training, progress.epoch)
    loss = progress.loss / run.training["iterations"]
    if not math.isfinite(loss):
        raise InputError(f"epoch {progress.epoch}: the loss is {loss}; try a lower training.learning_rate")
    number = progress.epoch + 1
    due = number % run.training["validation_every"] == 0 or number == run.training["epochs"]
    dice = validation_dice(run, network, validation, compute) if validation and due else math.nan
    row = dict(zip(COLUMNS, (progress.epoch, rate, loss, dice, progress.seconds), strict=True))
    log.info(
        "epoch %d of %d: loss %.4f, validation Dice %.3f, learning rate %.5f, %.1f s",
        number, run.training["epochs"], loss, dice, rate, progress.seconds,
    )  # fmt: skip
    progress.rows.append(row)
    progress.epoch, progress.iteration, progress.loss, progress.seconds = number, 0, 0.0, 0.0


@torch.inference_mode()
def validation_dice(run: Run, network: nn.Module, cases: list[TrainingCase], compute: Compute) -> float:
    """Return the Dice over fixed patches of the validation cases, pooled, mean over foreground classes.

    As in nnU-Net it serves to watch a training, not to choose a model.
    """
    network.eval()
    overlap, total = np.zeros(run.classes - 1), np.zeros(run.classes - 1)
    for index in range(run.training["validation_patches"]):
        generator = np.random.default_rng([run.seed, index])
        case = cases[index % len(cases)]
        centre = patch_centre(case, run.patch, foreground=index % 2 == 1, generator=generator)
        image, label = cut_patch(case, centre, run.patch, angle=0, scale=1, device=compute.device)
        with compute.autocast():
            predicted = network(image[None, None])[0][0].argmax(0)
        for i in range(1, run.classes):
            overlap[i - 1] += ((predicted == i) & (label == i)).sum().item()
            total[i - 1] += ((predicted == i).sum() + (label == i).sum()).item()
    return float(np.mean(2 * overlap / np.maximum(total, 1)))


@contextmanager
def _stop_requests() -> Iterator[threading.Event]:
    """Turn SIGTERM and SIGINT into an event that the loop looks at after each iteration."""
    stop = threading.Event()
    previous = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _write_log(path: Path, rows: list[dict]) -> None:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, buffer.getvalue())
