"""Sliding-window inference as in nnU-Net: tiles, Gaussian weights, mirroring.

The positions of the tiles (evenly spaced) and the weights within a tile (a Gaussian with its centre at
patch // 2 and sigma = patch / 8) are those of nnU-Net v1, neural_network.py. MONAI's inferer offers neither.

Memory holds the sums of few slices, however long the scan is: tiles come in the order of their first slice,
and slices that no further tile covers are handed over as finished.
"""

import logging
import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations, product

import torch
from torch import nn
from torch.nn import functional

from covidseg.device import Compute
from covidseg.evaluation.sections import Inference

log = logging.getLogger(__name__)
HOST = torch.device("cpu")
SMALLEST = torch.finfo(torch.float16).tiny  # of the weights of a tile's voxels


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
    return weights.float().clamp_min(SMALLEST)


@torch.inference_mode()
def predict_probabilities(
    network: nn.Module,
    image: torch.Tensor,
    tile: tuple[int, int, int],
    *,
    inference: Inference,
    compute: Compute,
    at_most: int | None = None,
) -> Iterator[torch.Tensor]:
    """Yield the class probabilities of a preprocessed scan: slabs, from the first slice to the last one.

    If the memory of the device is too small, a forward pass gets half as many tiles, again and again. If one
    tile is still too much, the scan and the sums move to the memory of the host.

    Args:
        network: returns logits (batch, classes, z, y, x) for images (batch, 1, z, y, x).
        image: intensities (z, y, x), normalised to z-scores, of any type and on any device.
        tile: size (z, y, x) in voxels, that of the training patches.
        inference: the configuration's `inference`.
        compute: device and precision of the network; sums are always float32.
        at_most: number of tiles to compute; None: all. Where no tile lies, all probabilities are 0.

    Yields:
        float32 (classes, slices, y, x); the probabilities of a voxel sum to 1.

    Raises:
        torch.OutOfMemoryError: the memory of the device is too small for one tile.
    """
    boxes = _boxes(image.shape, tile, inference["step"])[:at_most]
    sums, done = _Sums(image.shape, tile), 0
    tiles, home = inference["tiles"], compute.device
    while done < len(boxes):
        batch = boxes[done : done + tiles]
        try:
            image = image.to(home)
            sums.move(home)
            padded = _pad(torch.stack([image[box] for box in batch]).to(compute.device).float(), tile)
            probabilities = _mirrored(network, padded, inference["mirror_axes"], compute).to(home)
            sums.reach(batch[-1][0].stop, classes=probabilities.shape[1])
        except torch.OutOfMemoryError:
            if tiles == 1 and home == HOST:
                raise
            tiles, home = _retreat(tiles, home)
            continue
        sums.add(batch, probabilities)
        done += len(batch)
        end = boxes[done][0].start if done < len(boxes) else len(image)
        if end > sums.first:
            sums.reach(end, classes=probabilities.shape[1])  # slices beyond the last of `at_most` tiles
            yield sums.finish(end)


def _boxes(shape: torch.Size, tile: tuple[int, int, int], step: float) -> list[tuple[slice, slice, slice]]:
    """Return the part of the scan that each tile covers, along x first and along z last."""
    axes = (
        [slice(start, min(start + size, n)) for start in tile_starts(n, size, step)]
        for n, size in zip(shape, tile, strict=True)
    )
    return list(product(*axes))


def _margins(shape: tuple[int, ...], tile: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Return the numbers of voxels by which a tile exceeds the scan: before and after, along each axis."""
    missing = [max(0, size - n) for n, size in zip(shape, tile, strict=True)]
    return [(total // 2, total - total // 2) for total in missing]


def _pad(tiles: torch.Tensor, tile: tuple[int, int, int]) -> torch.Tensor:
    """Return parts of a scan (batch, z, y, x) as tiles (batch, 1, z, y, x), with zeros beyond the scan."""
    sides = [side for margin in reversed(_margins(tiles.shape[1:], tile)) for side in margin]
    return functional.pad(tiles, sides)[:, None]


def _mirrored(network: nn.Module, tiles: torch.Tensor, axes: list[int], compute: Compute) -> torch.Tensor:
    """Return the probabilities of tiles, averaged over every combination of mirrored axes."""
    flips = [flip for count in range(len(axes) + 1) for flip in combinations([a + 2 for a in axes], count)]
    with compute.autocast():  # once for all passes, which share the weights in the lower precision
        total = network(tiles).float().softmax(1)
        for flip in flips[1:]:
            total += network(tiles.flip(flip)).float().softmax(1).flip(flip)
    return total.div_(len(flips)) if axes else total


def _retreat(tiles: int, home: torch.device) -> tuple[int, torch.device]:
    """Return how many tiles a forward pass gets, and where scan and sums are, after memory was too small."""
    if tiles > 1:
        log.warning("not enough memory for %d tiles per forward pass: trying %d", tiles, tiles // 2)
        return tiles // 2, home
    log.warning("not enough memory on the GPU: the scan and the sums move to the memory of the host")
    return tiles, HOST


class _Sums:
    """Weighted sums of probabilities, for the slices that are not finished.

    Attributes:
        first: the first of these slices.
    """

    def __init__(self, shape: tuple[int, ...], tile: tuple[int, int, int]) -> None:
        self.first = 0
        self._inner = tuple(
            slice(before, size - after)
            for (before, after), size in zip(_margins(shape, tile), tile, strict=True)
        )
        self._weights = gaussian_weights(tile)[self._inner]
        self._values = torch.zeros((0, 0, *shape[1:]))  # (classes + 1, slices, y, x), the sum of weights last

    def move(self, device: torch.device) -> None:
        """Move sums and weights to a device."""
        self._weights, self._values = self._weights.to(device), self._values.to(device)

    def reach(self, end: int, *, classes: int) -> None:
        """Make room for the slices before `end`."""
        rows = classes + 1 - self._values.shape[0]
        slices = end - self.first - self._values.shape[1]
        if slices > 0:
            self._values = functional.pad(self._values, (0, 0, 0, 0, 0, slices, 0, rows))

    def add(self, boxes: list[tuple[slice, slice, slice]], probabilities: torch.Tensor) -> None:
        """Add the probabilities of tiles, which cover `boxes` of the scan, times the weights."""
        for (z, y, x), probability in zip(boxes, probabilities, strict=True):
            part = self._values[:, z.start - self.first : z.stop - self.first, y, x]
            part[:-1].add_(probability[(slice(None), *self._inner)].mul_(self._weights))
            part[-1].add_(self._weights)  # "+=" would copy the part once more

    def finish(self, end: int) -> torch.Tensor:
        """Return the probabilities (classes, slices, y, x) of the slices before `end`; drop their sums."""
        finished, self._values = self._values.tensor_split([end - self.first], 1)
        self.first = end
        return finished[:-1].div_(finished[-1].clamp_min(SMALLEST))
