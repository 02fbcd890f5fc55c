"""Seconds of each iteration of a training that is stopped once enough iterations are timed."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from covidseg.training import train as training
from covidseg.training.loop import Loop, run_epochs
from covidseg.training.run import Run
from covidseg.training.state import Progress, State, Tensors
from on_gpu.plan import Plan, describe
from on_gpu.results import Row


class Enough(Exception):
    """All iterations are timed."""


class Clock:
    """Marks the end of each iteration: on a GPU by events of the device, so that nothing waits for them.

    Attributes:
        start_seconds: seconds from the clock's making to the end of the iterations before the timed ones.
    """

    def __init__(self, warm_up: int, timed: int) -> None:
        self.warm_up, self.timed = warm_up, timed
        self.marks: list[Any] = []
        self.count = 0
        self.begun = time.perf_counter()
        self.start_seconds = 0.0

    def tick(self) -> None:
        """Note the end of an iteration; raises Enough after the last one."""
        self.count += 1
        if self.count == self.warm_up:
            synchronise()
            self.start_seconds = time.perf_counter() - self.begun
        if self.count >= self.warm_up:
            self.marks.append(_mark())
        if self.count == self.warm_up + self.timed:
            synchronise()
            raise Enough

    def seconds(self) -> list[float]:
        """Return the seconds of each timed iteration."""
        pairs = zip(self.marks, self.marks[1:], strict=False)
        if torch.cuda.is_available():
            return [before.elapsed_time(after) / 1000 for before, after in pairs]
        return [after - before for before, after in pairs]

    def fill(self, row: Row) -> None:
        """Set the row's seconds and memory."""
        row.set("s per iteration", self.seconds())
        assert row.median is not None
        row.start_seconds = max(0.0, self.start_seconds - self.warm_up * row.median)
        row.set_memory()


def synchronise() -> None:
    """Wait until the GPU, if there is one, has done all that it was asked for."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _mark() -> Any:
    if not torch.cuda.is_available():
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def start_training(run: Run, plan: Plan, folder: Path) -> None:
    """Train as the pipeline does, into a folder."""
    training.train(
        run,
        model=folder / "model.safetensors",
        log_table=folder / "log.csv",
        state=folder / "state",
        description=describe(plan, run.architecture),
        snapshots=folder / "relations.safetensors" if run.source_cases else None,
    )


def time_training(run: Run, plan: Plan, folder: Path, tick: Callable[[], None]) -> None:
    """Train until `tick`, which is called after every iteration, raises Enough."""

    def run_ticking(loop: Loop, state: State) -> Progress:
        def step(progress: Progress) -> Tensors:
            values = loop.step(progress)
            tick()
            return values

        return run_epochs(replace(loop, step=step), state)

    with patch.object(training, "run_epochs", run_ticking):
        try:
            start_training(run, plan, folder)
        except Enough:
            return
    raise RuntimeError("the training ended before all iterations were timed")
