"""The loop of every training: epochs of iterations.

A training that is stopped and resumed has the same result as an uninterrupted one.
"""

import logging
import math
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from covidseg.errors import InputError, Interrupted
from covidseg.training.state import LogRow, Progress, State, Tensors

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loop:
    """What a training repeats.

    Attributes:
        epochs: number of epochs of the whole training.
        iterations: number of iterations per epoch.
        checkpoint_seconds: seconds between two saved states.
        device: device of the scalars that `step` returns.
        step: does the current iteration; returns scalars to log, one of which is `loss`.
        finish: returns the current epoch's row of log.csv, from the means of the scalars over the epoch.
        tensors: returns the tensors that a saved state must hold, beside the progress.
        restore: sets the training to the tensors that `tensors` returned.
    """

    epochs: int
    iterations: int
    checkpoint_seconds: float
    device: torch.device
    step: Callable[[Progress], Tensors]
    finish: Callable[[Progress, dict[str, float]], LogRow]
    tensors: Callable[[], Tensors]
    restore: Callable[[Tensors], None]


def run_epochs(loop: Loop, state: State) -> Progress:
    """Run the remaining epochs, from the saved state if there is one.

    Raises:
        InputError: the loss is not finite.
        Interrupted: SIGTERM or SIGINT arrived and the state is saved, or another process took the training
            over.
    """
    progress = Progress()
    if found := state.load():
        tensors, progress = found
        loop.restore(tensors)
    saved = time.monotonic()
    with _stop_requests() as stop:
        while progress.epoch < loop.epochs:
            _iterate(loop, progress, stop)
            if progress.iteration == loop.iterations:
                _finish_epoch(loop, progress)
            if stop.is_set() and progress.epoch < loop.epochs:
                state.save(loop.tensors(), progress)
                raise Interrupted(
                    f"stopped at epoch {progress.epoch}; the next start goes on from {state.folder}"
                )
            if time.monotonic() - saved >= loop.checkpoint_seconds:
                state.save(loop.tensors(), progress)
                saved = time.monotonic()
    return progress


def _iterate(loop: Loop, progress: Progress, stop: threading.Event) -> None:
    """Do the remaining iterations of the epoch; end earlier if a stop is requested."""
    begun = time.monotonic()
    # The sums stay on the device and are read once per epoch: to read makes the host wait for the device.
    sums: defaultdict[str, torch.Tensor] = defaultdict(
        lambda: torch.zeros((), dtype=torch.float64, device=loop.device)
    )
    for name, so_far in progress.sums.items():
        sums[name] += so_far
    while progress.iteration < loop.iterations and not stop.is_set():
        for name, value in loop.step(progress).items():
            sums[name] += value.detach()
        progress.iteration += 1
    progress.sums = {name: value.item() for name, value in sums.items()}
    progress.seconds += time.monotonic() - begun


def _finish_epoch(loop: Loop, progress: Progress) -> None:
    means = {name: value / loop.iterations for name, value in progress.sums.items()}
    if not math.isfinite(means["loss"]):
        raise InputError(
            f"epoch {progress.epoch}: the loss is {means['loss']}; lower learning_rate in the configuration"
        )
    progress.rows.append(loop.finish(progress, means))
    progress.epoch, progress.iteration, progress.sums, progress.seconds = progress.epoch + 1, 0, {}, 0.0


@contextmanager
def _stop_requests() -> Iterator[threading.Event]:
    """Turn SIGTERM and SIGINT into an event, which the loop checks after each iteration."""
    stop = threading.Event()
    previous = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
