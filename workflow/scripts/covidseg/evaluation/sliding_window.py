"""Sliding-window inference as in nnU-Net: tiles, Gaussian weights, mirroring, and the scan's own grid.

The positions of the tiles (evenly spaced) and the weights within a tile (a Gaussian with its centre at
patch // 2 and sigma = patch / 8) are those of nnU-Net v1, neural_network.py. MONAI's inferer offers neither.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations, islice, product

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from covidseg.cases.resampling import resample, spline_orders
from covidseg.device import Compute
from covidseg.evaluation.sections import Inference
from covidseg.volumes import Geometry


def tile_starts(length: int, tile: int, step: float) -> list[int]:
    """Return the first voxel of each tile along one axis: evenly spaced, at most `step` x `tile` apart."""
    if length <= tile:
        return [0]
    count = math.ceil((length - tile) / (tile * step)) + 1
    return [round(i * (length - tile) / (count - 1)) for i in range(count)]


@lru_cache(maxsize=4)
def gaussian_weights(tile: tuple[int, int, int]) -> torch.Tensor:
    """Return the weight of each voxel of a tile: float32 (z, y, x), 1 in the middle, above 0 everywhere."""
    axes = []
    for size in tile:
        distance = (torch.arange(size, dtype=torch.float64) - size // 2) / (size / 8)
        axes.append(torch.exp(-0.5 * distance**2))
    weights = torch.einsum("i,j,k->ijk", *axes)
    return weights.float().clamp_min(torch.finfo(torch.float16).tiny)


@torch.inference_mode()
def predict_probabilities(
    network: nn.Module,
    image: torch.Tensor,
    tile: tuple[int, int, int],
    *,
    inference: Inference,
    compute: Compute,
    at_most: int | None = None,
) -> torch.Tensor:
    """Return class probabilities of a preprocessed scan.

    Args:
        network: returns logits (batch, classes, z, y, x) for images (batch, 1, z, y, x).
        image: intensities (z, y, x), normalised to z-scores, on the network's device.
        tile: size (z, y, x) in voxels, that of the training patches.
        inference: the configuration's `inference`.
        compute: device and precision of the network; sums are always float32.
        at_most: number of tiles to compute; None: all. Where no tile lies, all probabilities are 0.

    Returns:
        float32 (classes, z, y, x); the probabilities of a voxel sum to 1.
    """
    padding = [max(0, size - n) for n, size in zip(image.shape, tile, strict=True)]
    sides = [side for total in reversed(padding) for side in (total // 2, total - total // 2)]
    padded = functional.pad(image.float(), sides)
    weights = gaussian_weights(tile).to(image.device)
    total: torch.Tensor | None = None
    norm = torch.zeros(padded.shape, device=image.device)
    positions = islice(_tiles(padded.shape, tile, inference["step"]), at_most)
    while boxes := list(islice(positions, inference["tiles"])):
        tiles = torch.stack([padded[box] for box in boxes])[:, None]
        probabilities = _mirrored(network, tiles, inference["mirror_axes"], compute)
        if total is None:
            total = torch.zeros((probabilities.shape[1], *padded.shape), device=image.device)
        for box, probability in zip(boxes, probabilities, strict=True):
            total[(slice(None), *box)] += probability * weights
            norm[box] += weights
    assert total is not None  # there is at least one tile
    inner = [slice(p // 2, p // 2 + n) for p, n in zip(padding, image.shape, strict=True)]
    norm.clamp_min_(torch.finfo(torch.float16).tiny)  # the smallest weight, so that only gaps change
    return (total / norm)[(slice(None), *inner)]


def _tiles(shape: torch.Size, tile: tuple[int, int, int], step: float) -> Iterator[tuple[slice, ...]]:
    starts = [tile_starts(n, size, step) for n, size in zip(shape, tile, strict=True)]
    for corner in product(*starts):
        yield tuple(slice(start, start + size) for start, size in zip(corner, tile, strict=True))


def _mirrored(network: nn.Module, tiles: torch.Tensor, axes: list[int], compute: Compute) -> torch.Tensor:
    """Return the probabilities of tiles, averaged over every combination of mirrored axes."""
    flips = [flip for count in range(len(axes) + 1) for flip in combinations([a + 2 for a in axes], count)]
    total = torch.zeros((), device=tiles.device)
    for flip in flips:
        mirrored = tiles.flip(flip).contiguous(memory_format=torch.channels_last_3d)
        with compute.autocast():
            logits = network(mirrored)
        total = total + logits.float().softmax(1).flip(flip)
    return total / len(flips)


def labels_on_grid(
    probabilities: torch.Tensor,
    geometry: Geometry,
    *,
    box: tuple[slice, ...],
    target_spacing: tuple[float, float, float],
) -> np.ndarray:
    """Resample probabilities to a scan's grid and return the class with the highest one for each voxel.

    Args:
        probabilities: (classes, z, y, x), on the grid of the preprocessed scan.
        geometry: geometry of the scan itself.
        box: the part of the scan that was preprocessed; around the box all is background.
        target_spacing: (z, y, x) of the preprocessed scan, in mm.

    Returns:
        uint8 (z, y, x).
    """
    orders = spline_orders(geometry.spacing, target_spacing, order=1)
    labels = np.zeros(geometry.shape, np.uint8)
    shape = labels[box].shape
    best = torch.zeros(shape, dtype=torch.uint8, device=probabilities.device)
    highest = resample(probabilities[0], shape, orders)
    for label in range(1, len(probabilities)):
        candidate = resample(probabilities[label], shape, orders)
        best[candidate > highest] = label
        torch.maximum(highest, candidate, out=highest)
    labels[box] = best.cpu().numpy()
    return labels
