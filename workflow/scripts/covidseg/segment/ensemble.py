"""Segment a scan with the networks of all folds: probabilities are averaged, and disagreement is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from covidseg.cases.cropping import nonzero_box
from covidseg.cases.intensity import Window
from covidseg.cases.preprocessing import resample_and_normalise
from covidseg.device import Compute
from covidseg.errors import InputError
from covidseg.evaluation.scan_grid import on_grid
from covidseg.evaluation.sections import Inference
from covidseg.evaluation.sliding_window import predict_probabilities
from covidseg.training.acceleration import fuse
from covidseg.training.description import ModelDescription
from covidseg.training.weights import load_model
from covidseg.volumes import Volume


@dataclass(frozen=True)
class Ensemble:
    """The networks of one experiment, one per fold.

    Attributes:
        networks: on their device, in evaluation mode.
        description: model.json of the first one; all have the same grid, normalisation and labels.
    """

    networks: list[nn.Module]
    description: ModelDescription

    @property
    def channels(self) -> dict[str, int]:
        """Region -> output channel."""
        return {region: int(number) for number, region in self.description.labels.items()}


@dataclass(frozen=True)
class Segmentation:
    """What an ensemble finds on a scan's own grid.

    Attributes:
        labels: output channel of the highest mean probability, uint8 (z, y, x).
        disagreement: share of the networks, in percent, that have another label, uint8 (z, y, x).
    """

    labels: np.ndarray
    disagreement: np.ndarray


def load_ensemble(weights: list[Path], compute: Compute) -> Ensemble:
    """Load the models of all folds.

    Raises:
        InputError: a model is damaged, or the models do not fit each other.
    """
    networks, descriptions = [], []
    for path in weights:
        network, description = load_model(path)
        networks.append(compute.place(network, torch.channels_last_3d))
        fuse(networks[-1], compute.device)
        descriptions.append(description)
    for key in ("plan", "normalisation", "labels"):
        for path, description in zip(weights, descriptions, strict=True):
            if getattr(description, key) != getattr(descriptions[0], key):
                raise InputError(
                    f"{path}: its {key} is not that of {weights[0]}; give models of one experiment"
                )
    return Ensemble(networks, descriptions[0])


def segment(
    ensemble: Ensemble, image: Volume, *, windowed: bool, inference: Inference, compute: Compute, name: str
) -> Segmentation:
    """Segment a scan.

    Args:
        ensemble: the networks.
        image: the scan (z, y, x).
        windowed: whether the voxels are grey levels 0 to 255 instead of HU.
        inference: settings of the sliding window.
        compute: device and precision.
        name: the scan's name in messages.

    Raises:
        InputError: all voxels are equal, or at or below the window.
    """
    plan, geometry = ensemble.description.plan, image.geometry
    low, high = ensemble.description.normalisation["window_hu"]
    window: Window | None = None if windowed else (low, high)
    z, y, x = plan["spacing"]
    box = nonzero_box(image.array, window, name=name)
    array = resample_and_normalise(image.array[box], geometry.spacing, (z, y, x), window=window, name=name)
    found = Segmentation(np.zeros(geometry.shape, np.uint8), np.zeros(geometry.shape, np.uint8))
    slabs = _slices(ensemble, torch.from_numpy(array), inference, compute)
    for place, part in on_grid(slabs, geometry, depth=len(array), box=box, target_spacing=(z, y, x)):
        labels, disagreement = _agree(part.chunk(len(ensemble.networks)))
        found.labels[place] = labels.to(torch.uint8).cpu().numpy()
        found.disagreement[place] = disagreement.cpu().numpy()
    return found


def _agree(folds: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the label of the highest mean probability, and the percentage of networks with another one.

    Args:
        folds: of each network, probabilities (classes, slices, y, x).
    """
    if len(folds) == 1:
        labels = folds[0].max(0).indices  # several times as fast as argmax
        return labels, torch.zeros_like(labels, dtype=torch.uint8)
    labels = sum(folds[1:], folds[0]).max(0).indices
    others = [(one.max(0).indices != labels).to(torch.uint8) for one in folds]
    percent = 100 * sum(others[1:], others[0]).float() / len(folds)
    return labels, percent.round().to(torch.uint8)


def _slices(
    ensemble: Ensemble, image: torch.Tensor, inference: Inference, compute: Compute
) -> Iterator[torch.Tensor]:
    """Yield the probabilities of all networks, (folds x classes, 1, y, x), slice by slice.

    The networks take turns, so that memory holds the sums of few slices of each.
    """
    depth, height, width = ensemble.description.plan["patch"]
    tile = (depth, height, width)
    runs = [
        (
            one
            for slab in predict_probabilities(network, image, tile, inference=inference, compute=compute)
            for one in slab.split(1, 1)
        )
        for network in ensemble.networks
    ]
    for slices in zip(*runs, strict=True):
        yield torch.cat([one.to(slices[0].device) for one in slices])
