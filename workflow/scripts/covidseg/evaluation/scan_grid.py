"""Labels on the grid of the scan itself, from probabilities on the grid of the preprocessed scan."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from covidseg.cases.resampling import axis_matrix, resample, spline_orders
from covidseg.volumes import Geometry

SLICES = 8  # resampled at a time


@torch.inference_mode()
def labels_on_grid(
    slabs: Iterable[torch.Tensor],
    geometry: Geometry,
    *,
    depth: int,
    box: tuple[slice, ...],
    target_spacing: tuple[float, float, float],
) -> np.ndarray:
    """Resample probabilities to a scan's grid and return the class with the highest one for each voxel.

    Memory holds few slices of probabilities at a time. The first of several equally probable classes counts.

    Args:
        slabs: probabilities (classes, slices, y, x) of the preprocessed scan, in the order of its slices.
        geometry: geometry of the scan itself.
        depth: number of slices of all slabs together.
        box: the part of the scan that was preprocessed; around the box all is background.
        target_spacing: (z, y, x) of the preprocessed scan, in mm.

    Returns:
        uint8 (z, y, x).
    """
    labels = np.zeros(geometry.shape, np.uint8)
    for place, part in on_grid(slabs, geometry, depth=depth, box=box, target_spacing=target_spacing):
        labels[place] = part.max(0).indices.to(torch.uint8).cpu().numpy()
    return labels


def on_grid(
    slabs: Iterable[torch.Tensor],
    geometry: Geometry,
    *,
    depth: int,
    box: tuple[slice, ...],
    target_spacing: tuple[float, float, float],
) -> Iterator[tuple[tuple[slice, ...], torch.Tensor]]:
    """Yield probabilities on a scan's grid, some slices at a time; arguments as of `labels_on_grid`.

    Yields:
        The part of the scan (z, y, x), and its probabilities (classes, slices, y, x).
    """
    orders = spline_orders(geometry.spacing, target_spacing, order=1)
    (ready, end), *plane = [side.indices(size)[:2] for side, size in zip(box, geometry.shape, strict=True)]
    along_z = axis_matrix(depth, end - ready, orders[0])
    for part in _resampled(slabs, along_z, tuple(stop - start for start, stop in plane), orders):
        yield (slice(ready, ready + part.shape[1]), *(slice(*side) for side in plane)), part
        ready += part.shape[1]


def _resampled(
    slabs: Iterable[torch.Tensor], along_z: torch.Tensor, plane: tuple[int, ...], orders: tuple[int, int, int]
) -> Iterator[torch.Tensor]:
    """Yield the probabilities (classes, slices, y, x) on the scan's grid, from the first slice to the last.

    A slice is ready when all slices of the preprocessed scan are there to which the matrix `along_z` gives a
    weight for it.
    """
    weighed = along_z.numpy() > 0
    begins, ends = weighed.argmax(1), along_z.shape[1] - weighed[:, ::-1].argmax(1)
    ready, first = 0, 0
    planes = torch.empty(0)  # slices of the preprocessed scan from number `first` on, resampled along y and x
    for part in (part for slab in slabs for part in slab.split(SLICES, 1)):
        resampled = torch.stack([resample(one, (len(one), *plane), orders) for one in part])
        planes = torch.cat([planes.to(part.device), resampled], 1) if planes.numel() else resampled
        end = first + planes.shape[1]
        before, ready = ready, int(np.searchsorted(ends, end, side="right"))
        if ready > before:
            rows = along_z[before:ready, first:end].to(part.device)
            yield torch.stack([(rows @ one.flatten(1)).unflatten(1, plane) for one in planes])
        keep = min(int(begins[ready]), end) if ready < len(begins) else end
        planes, first = planes[:, keep - first :], keep
