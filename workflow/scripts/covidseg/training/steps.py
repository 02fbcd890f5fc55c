"""The optimisation steps of a training, as fast as the device allows."""

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from covidseg.device import Compute
from covidseg.training.acceleration import compile_parts, uncompiled
from covidseg.training.batches import Batches
from covidseg.training.guard import current_momentum
from covidseg.training.optimisers import NesterovSGD
from covidseg.training.patches import TrainingCase
from covidseg.training.recording import Recorder
from covidseg.training.run import Run
from covidseg.training.state import Progress, Tensors
from covidseg.training.strategies.base import Batch

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Data:
    """The loaded cases of a run; the attributes have the names and meanings of those of `Run`."""

    cases: list[TrainingCase]
    source_cases: list[TrainingCase]
    validation: list[TrainingCase]


class Steps:
    """The steps of one training.

    On a GPU a step is recorded and replayed (see `Recorder`), except for the steps of which a strategy logs
    more. While the device works on a step, the next batch is made.
    """

    def __init__(
        self, run: Run, network: nn.Module, optimiser: NesterovSGD, data: Data, compute: Compute
    ) -> None:
        self.run, self.network, self.optimiser, self.compute = run, network, optimiser, compute
        self.batches = Batches(run, data.cases, data.source_cases, compute.device)
        self.recorder = Recorder(self._step, compute.device)

    def __call__(self, progress: Progress) -> Tensors:
        """Do one optimisation step; returns the loss and the strategy's other scalars, on the device."""
        training = self.run.training
        inputs = self._inputs(progress)
        self.optimiser.momentum = current_momentum(training, progress)
        last = progress.iteration + 1 == training["iterations"]
        if last and self.run.strategy.logs_gradient_norms:
            self.recorder.release()  # record and plain step together would take twice the memory
            with uncompiled():  # compiled code can run backwards only once
                values = self._step(inputs, norms=True)
        else:
            values = self.recorder(inputs)
        self.batches.prepare(self._number(progress) + 1)
        return values

    def compile(self, cache: Path) -> None:
        """Compile network and loss, and try both without an update; if that fails, a warning is logged.

        Args:
            cache: folder for compiled code, from which other jobs take it.
        """
        log.info("compiling the network, which takes a minute or two")
        compile_parts(self.network, cache=cache)
        self.run.strategy.supervise = torch.compile(self.run.strategy.supervise, dynamic=False)
        try:
            self._losses(self._inputs(Progress()))["loss"].backward()
        except Exception as error:  # the compiler runs other compilers, whose errors have no common class
            log.warning("the network is not compiled: %s", str(error).splitlines()[0])
            torch.compiler.set_stance("force_eager")

    def forget(self) -> None:
        """Record the step anew: the optimiser has started again."""
        self.recorder.forget()

    def _number(self, progress: Progress) -> int:
        """Return the number of the step, counted over all epochs."""
        return progress.epoch * self.run.training["iterations"] + progress.iteration

    def _inputs(self, progress: Progress) -> Tensors:
        """Return the batch, and the numbers that change, as tensors: a recorded step has no other inputs."""
        training = self.run.training
        numbers = {
            "learning_rate": self.run.schedule.learning_rate(training, progress.epoch),
            "progress": progress.epoch / training["epochs"],
        }
        device = self.compute.device
        scalars = {name: torch.full((), n, dtype=torch.float64, device=device) for name, n in numbers.items()}
        return self.batches.take(self._number(progress)).tensors() | scalars

    def _losses(self, inputs: Tensors) -> Tensors:
        batch, training = Batch.of(inputs), self.run.training
        return self.run.strategy.losses(
            self.network, batch, training=training, compute=self.compute, progress=inputs["progress"]
        )

    def _step(self, inputs: Tensors, *, norms: bool = False) -> Tensors:
        training, strategy = self.run.training, self.run.strategy
        self.optimiser.zero_grad()
        values = self._losses(inputs)
        if norms:
            # One iteration stands for the epoch: the loop divides what it sums by the number of iterations.
            found = strategy.gradient_norms(self.network, values)
            values |= {name: norm * training["iterations"] for name, norm in found.items()}
        values["loss"].backward()
        for group in strategy.clipped_apart(self.network):
            nn.utils.clip_grad_norm_(group, training["gradient_clip"])
        self.optimiser.step(inputs["learning_rate"])
        return {name: value.detach() for name, value in values.items()}
