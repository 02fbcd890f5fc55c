"""The Dice of held-out cases during a training."""

import numpy as np
import torch
from torch import nn

from covidseg.device import Compute
from covidseg.training.patches import TrainingCase, cut_patch, patch_centre
from covidseg.training.run import Run


@torch.inference_mode()
def validation_dice(run: Run, network: nn.Module, cases: list[TrainingCase], compute: Compute) -> float:
    """Return the mean Dice over the foreground classes, on fixed patches of the validation cases.

    The Dice of a class is computed from the voxels of all patches together. As in nnU-Net, this value serves
    to watch a training and not to choose a model.
    """
    network.eval()
    overlap, total = np.zeros(run.classes - 1), np.zeros(run.classes - 1)
    for index in range(run.training["validation_patches"]):
        generator = np.random.default_rng([run.seed, index])
        case = cases[index % len(cases)]
        centre = patch_centre(case, run.patch, foreground=index % 2 == 1, generator=generator)
        image, label = cut_patch(case, centre, run.patch, angle=0, scale=1, device=compute.device)
        with compute.autocast():
            predicted = run.strategy.select(network(image[None, None]), [case.dataset])[0][0].argmax(0)
        for i in range(1, run.classes):
            overlap[i - 1] += ((predicted == i) & (label == i)).sum().item()
            total[i - 1] += ((predicted == i).sum() + (label == i).sum()).item()
    return float(np.mean(2 * overlap / np.maximum(total, 1)))
