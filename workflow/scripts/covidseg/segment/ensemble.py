"""Segment a scan with the networks of all folds: probabilities are averaged, and disagreement is told."""

from collections.abc import Callable, Iterator
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
from covidseg.training.description import ANEW, Grid, ModelDescription
from covidseg.training.weights import load_model
from covidseg.volumes import Geometry, Volume

KNOWN_SCHEME = "z-score over the scan"  # how the schemes begin that `prepare` follows


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

    @property
    def plan(self) -> Grid:
        """The grid of the networks' input."""
        return self.description.plan

    def shares_input(self, other: "Ensemble") -> bool:
        """Return whether a scan that was prepared for this ensemble fits the other ensemble too."""
        own, theirs = self.description.normalisation, other.description.normalisation
        return self.plan["spacing"] == other.plan["spacing"] and own == theirs


@dataclass(frozen=True)
class Prepared:
    """A scan as the networks see it.

    Attributes:
        array: float16 (z, y, x), z-scores.
        spacing: mm (z, y, x) of the array.
        box: part of the scan (z, y, x) that the array covers.
        geometry: of the scan.
    """

    array: np.ndarray
    spacing: tuple[float, float, float]
    box: tuple[slice, ...]
    geometry: Geometry


@dataclass(frozen=True)
class Segmentation:
    """What an ensemble finds on a scan's own grid.

    Attributes:
        labels: output channel of the highest mean probability, uint8 (z, y, x).
        disagreement: share of the networks, in percent, whose infection differs from that of `labels`, uint8
            (z, y, x); 0 for networks that know no infection.
    """

    labels: np.ndarray
    disagreement: np.ndarray


def load_ensemble(weights: list[Path], compute: Compute) -> Ensemble:
    """Load the models of all folds.

    Raises:
        InputError: a model is damaged or no model of covidseg, or the models do not fit each other.
    """
    networks, descriptions = [], []
    for path in weights:
        network, description = _load(path)
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


def _load(weights: Path) -> tuple[nn.Module, ModelDescription]:
    """Load a model that covidseg has trained; a user's own model is not to be deleted or trained anew."""
    try:
        network, description = load_model(weights)
    except InputError as error:
        reason = str(error).removesuffix(f"; {ANEW}")
        raise InputError(f"{reason}; expected a model that covidseg has trained") from error
    scheme = description.normalisation["scheme"]
    if not scheme.startswith(KNOWN_SCHEME):
        raise InputError(f"{weights}: its normalisation is {scheme!r}, expected {KNOWN_SCHEME!r}")
    return network, description


def prepare(image: Volume, description: ModelDescription, *, windowed: bool, name: str) -> Prepared:
    """Return a scan as the networks see it: cropped, resampled and normalised as for the training.

    Args:
        image: the scan (z, y, x).
        description: of the networks.
        windowed: whether the voxels are grey levels 0 to 255 instead of HU.
        name: the scan's name in messages.

    Raises:
        InputError: all voxels are equal, or at or below the window.
    """
    low, high = description.normalisation["window_hu"]
    window: Window | None = None if windowed else (low, high)
    z, y, x = description.plan["spacing"]
    box = nonzero_box(image.array, window, name=name)
    spacing = image.geometry.spacing
    array = resample_and_normalise(image.array[box], spacing, (z, y, x), window=window, name=name)
    return Prepared(array, (z, y, x), box, image.geometry)


def segment(
    ensemble: Ensemble,
    scan: Prepared,
    *,
    inference: Inference,
    compute: Compute,
    report: Callable[[int], object] = lambda slices: None,
) -> Segmentation:
    """Segment a scan; memory holds the probabilities of few slices at a time.

    Args:
        ensemble: the networks.
        scan: the scan, prepared for these networks.
        inference: settings of the sliding window.
        compute: device and precision.
        report: is told the number of slices that have just been finished.
    """
    shape = scan.geometry.shape
    found = Segmentation(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8))
    slabs = _slices(ensemble, torch.from_numpy(scan.array), inference, compute)
    infection = ensemble.channels.get("infection")
    for place, part in on_grid(
        slabs, scan.geometry, depth=len(scan.array), box=scan.box, target_spacing=scan.spacing
    ):
        folds = part.chunk(len(ensemble.networks))
        labels = sum(folds[1:], folds[0]).max(0).indices  # several times as fast as argmax
        found.labels[place] = labels.to(torch.uint8).cpu().numpy()
        if infection is not None and len(folds) > 1:
            found.disagreement[place] = _disagreement(folds, labels == infection, infection).cpu().numpy()
        report(part.shape[1])
    return found


def _disagreement(folds: tuple[torch.Tensor, ...], found: torch.Tensor, channel: int) -> torch.Tensor:
    """Return the percentage of networks that say otherwise than the mean whether a voxel is infected.

    Args:
        folds: of each network, probabilities (classes, slices, y, x).
        found: infection by the mean, bool (slices, y, x).
        channel: of the infection.
    """
    others = [((one.max(0).indices == channel) != found).to(torch.uint8) for one in folds]
    return (100 * sum(others[1:], others[0]).float() / len(folds)).round().to(torch.uint8)


def _slices(
    ensemble: Ensemble, image: torch.Tensor, inference: Inference, compute: Compute
) -> Iterator[torch.Tensor]:
    """Yield the probabilities of all networks, (folds x classes, 1, y, x), slice by slice.

    The networks take turns, so that memory holds the sums of few slices of each.
    """
    depth, height, width = ensemble.plan["patch"]
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
