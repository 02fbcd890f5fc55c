"""The samples of one training iteration."""

from functools import partial

import numpy as np
import torch

from covidseg.training.augmentation import augment, spatial_parameters
from covidseg.training.patches import TrainingCase, cut_patch, patch_centre
from covidseg.training.run import Run
from covidseg.training.strategies.base import Batch


def training_batch(
    run: Run, cases: list[TrainingCase], source_cases: list[TrainingCase], step: int, device: torch.device
) -> Batch:
    """Cut and augment the batch of one iteration.

    A share of the samples, the configuration's training.foreground, is centred on foreground (nnU-Net's
    oversampling): the last ones of the batch.
    If the strategy also trains on cases of the source, the batch has an equal number of samples from the
    source (zhang2021, Algorithm 1).

    Args:
        run: what to train.
        cases: training cases.
        source_cases: training cases of the source; may be empty.
        step: number of the iteration, from 0, counted over all epochs.
        device: where the batch is made.
    """
    generator = np.random.default_rng([run.seed, run.fold, step])
    images, labels, datasets = _samples(run, cases, generator, device)
    source_images = _samples(run, source_cases, generator, device)[0] if source_cases else None
    heads = run.strategy.heads(datasets)
    return Batch(images, labels, None if heads is None else heads.to(device), source_images)


class Batches:
    """The batches of a training; on a GPU, the next batch is made while the device works on another one."""

    def __init__(
        self, run: Run, cases: list[TrainingCase], source_cases: list[TrainingCase], device: torch.device
    ) -> None:
        self.make = partial(training_batch, run, cases, source_cases, device=device)
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self.ahead: dict[int, Batch] = {}

    def take(self, step: int) -> Batch:
        """Return the batch of an iteration."""
        if self.stream is None:
            return self.make(step)
        if step not in self.ahead:
            self.prepare(step)
        batch, current = self.ahead.pop(step), torch.cuda.current_stream(self.stream.device)
        current.wait_stream(self.stream)
        for tensor in batch.tensors().values():
            tensor.record_stream(current)  # so that its memory is not reused too early
        return batch

    def prepare(self, step: int) -> None:
        """Start to make the batch of an iteration, beside what the device does; nothing on a CPU."""
        if self.stream is not None:
            with torch.cuda.stream(self.stream):
                self.ahead = {step: self.make(step)}


def _samples(
    run: Run, cases: list[TrainingCase], generator: np.random.Generator, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
    batch = run.training["batch"]
    background = round(batch * (1 - run.training["foreground"]))
    samples, datasets = [], []
    for sample in range(batch):
        case = cases[generator.integers(len(cases))]
        centre = patch_centre(case, run.patch, foreground=sample >= background, generator=generator)
        angle, scale = spatial_parameters(run.augmentation, generator)
        cut = cut_patch(case, centre, run.patch, angle=angle, scale=scale, device=device)
        samples.append(augment(*cut, run.augmentation, generator))
        datasets.append(case.dataset)
    images, labels = (torch.stack(part) for part in zip(*samples, strict=True))
    return images[:, None].contiguous(memory_format=torch.channels_last_3d), labels, datasets
