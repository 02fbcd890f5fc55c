"""The Dice of held-out cases during a training, and whether a network finds anything at all."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from covidseg.device import Compute
from covidseg.training.acceleration import uncompiled
from covidseg.training.patches import TrainingCase, cut_patch, patch_centre
from covidseg.training.run import Run

SEARCHED = 100  # patches: nnU-Net's 50 validation batches of two


@torch.inference_mode()
def validation_dice(run: Run, network: nn.Module, cases: list[TrainingCase], compute: Compute) -> float:
    """Return the mean Dice over the foreground classes, on fixed patches of the validation cases.

    The Dice of a class is computed from the voxels of all patches together. As in nnU-Net, this value serves
    to watch a training and not to choose a model.
    """
    overlap, total = np.zeros(run.classes - 1), np.zeros(run.classes - 1)
    patches = run.training["validation_patches"]
    for predicted, label in _predictions(run, network, cases, compute, patches):
        for i in range(1, run.classes):
            overlap[i - 1] += ((predicted == i) & (label == i)).sum().item()
            total[i - 1] += ((predicted == i).sum() + (label == i).sum()).item()
    return float(np.mean(2 * overlap / np.maximum(total, 1)))


@torch.inference_mode()
def finds_foreground(run: Run, network: nn.Module, cases: list[TrainingCase], compute: Compute) -> bool:
    """Return whether the Dice of any foreground class is above 0, on up to 100 fixed patches of the cases."""
    predictions = _predictions(run, network, cases, compute, SEARCHED)
    return any(((predicted == label) & (label > 0)).any().item() for predicted, label in predictions)


def _predictions(
    run: Run, network: nn.Module, cases: list[TrainingCase], compute: Compute, patches: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the predicted and the true classes (z, y, x) of patches; every second one is on foreground."""
    network.eval()
    for index in range(patches):
        generator = np.random.default_rng([run.seed, index])
        case = cases[index % len(cases)]
        centre = patch_centre(case, run.patch, foreground=index % 2 == 1, generator=generator)
        image, label = cut_patch(case, centre, run.patch, angle=0, scale=1, device=compute.device)
        with compute.autocast(), uncompiled():
            outputs = network(image[None, None])
        heads = run.strategy.heads([case.dataset])
        logits = run.strategy.select(outputs, None if heads is None else heads.to(compute.device))[0][0]
        yield logits.argmax(0), label
