"""Training cases on the training device, and patches cut from them in one affine resampling.

There are no loader processes: a patch is cut where it is used. Cases beyond the device's budget stay
memory-mapped, and only the box around a patch is read.
"""

import logging
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from covidseg.cases.arrays import open_case

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingCase:
    """One case to cut patches from.

    Attributes:
        dataset: that the case belongs to.
        image: (z, y, x), z-score; a tensor on the training device, or memory-mapped.
        label: uint8 (z, y, x), likewise.
        foreground: label id -> int array (n, 3) of voxels with that id.
        classes: label id -> class of the network.
    """

    dataset: str
    image: torch.Tensor | np.ndarray
    label: torch.Tensor | np.ndarray
    foreground: dict[int, np.ndarray]
    classes: dict[int, int]


def load_cases(
    folders: list[Path], *, labels: dict[str, dict[int, int]], device: torch.device, budget_gib: float
) -> list[TrainingCase]:
    """Load preprocessed cases onto the device until the budget is spent; the others stay on disk.

    `labels` gives each data set's label ids as classes of the network.
    """
    cases, used = [], 0
    for folder in folders:
        case = open_case(folder)
        used += case.image.nbytes + case.label.nbytes
        image: torch.Tensor | np.ndarray = case.image
        label: torch.Tensor | np.ndarray = case.label
        if used <= budget_gib * 2**30:
            image, label = (
                torch.from_numpy(np.array(array)).to(device) for array in (case.image, case.label)
            )
        ids = case.foreground[:, 0]
        foreground = {int(i): case.foreground[ids == i, 1:] for i in np.unique(ids)}
        dataset = folder.parent.name
        cases.append(TrainingCase(dataset, image, label, foreground, labels[dataset]))
    streamed = sum(isinstance(case.image, np.ndarray) for case in cases)
    log.info("%d cases, %.2f GiB; %d of them stream from disk", len(cases), used / 2**30, streamed)
    return cases


def patch_centre(
    case: TrainingCase, patch: tuple[int, int, int], *, foreground: bool, generator: np.random.Generator
) -> np.ndarray:
    """Choose a patch's centre (z, y, x), in voxels.

    On a voxel of a random label present (nnU-Net's oversampling) if `foreground` and there is one;
    otherwise uniformly such that the patch lies within the scan, or covers it where it is larger.
    """
    size = np.array(patch)
    if foreground and case.foreground:
        voxels = case.foreground[int(generator.choice(list(case.foreground)))]
        corner = voxels[generator.integers(len(voxels))] - size // 2
    else:
        room = np.array(case.image.shape) - size
        corner = generator.integers(np.minimum(room, 0), np.maximum(room, 0) + 1)
    return corner + (size - 1) / 2


def cut_patch(
    case: TrainingCase,
    centre: np.ndarray,
    patch: tuple[int, int, int],
    *,
    angle: float,
    scale: float,
    device: torch.device,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut, rotate and scale a patch in one resampling, in the axial plane (nnU-Net's "dummy 2D").

    Args:
        centre: (z, y, x) in voxels.
        patch: voxels (z, y, x) of the result.
        angle: rotation in radians.
        scale: above 1 shows more of the scan.

    Returns:
        Image, float32, cubic; classes, uint8, linear and 0.5 as threshold: both (z, y, x), 0 outside.
    """
    depth, height, width = patch
    # Pixel (row, column) of the patch -> of the scan, relative to the centre.
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    half = np.array([(height - 1) / 2, (width - 1) / 2])
    reach = np.abs([[cosine, -sine], [sine, cosine]]) @ half + 3  # the cubic kernel needs two more
    low = np.maximum(np.floor(centre[1:] - reach), 0).astype(int)
    high = np.minimum(np.ceil(centre[1:] + reach) + 1, case.image.shape[1:]).astype(int)
    start = round(centre[0] - (depth - 1) / 2)
    first, last = max(start, 0), min(start + depth, case.image.shape[0])
    box = (slice(first, last), slice(low[0], high[0]), slice(low[1], high[1]))
    image, label = (_read_box(array, box, device) for array in (case.image, case.label))
    grid = _grid(centre[1:] - low, half, (cosine, sine), image.shape[1:], (height, width)).to(device)
    cut_image, cut_label = (
        _resample(image.float(), grid, "bicubic"),
        _resample_label(label, grid, {i: case.classes[i] for i in case.foreground}),
    )
    padding = (0, 0, 0, 0, first - start, start + depth - last)
    return functional.pad(cut_image, padding), functional.pad(cut_label, padding)


def _read_box(array: torch.Tensor | np.ndarray, box: tuple[slice, ...], device: torch.device) -> torch.Tensor:
    if isinstance(array, np.ndarray):
        # Reads these pages of the file and no others.
        return torch.from_numpy(np.array(array[box])).to(device)
    return array[box].to(device)


def _grid(
    centre: np.ndarray, half: np.ndarray, turn: tuple[float, float], box: torch.Size, size: tuple[int, int]
) -> torch.Tensor:
    """Return where the patch's pixels lie in the box, as `grid_sample` wants it: (1, y, x, 2), -1 to 1."""
    cosine, sine = turn
    rows = torch.arange(size[0], dtype=torch.float32)[:, None] - half[0]
    columns = torch.arange(size[1], dtype=torch.float32)[None, :] - half[1]
    y = centre[0] + cosine * rows - sine * columns
    x = centre[1] + sine * rows + cosine * columns
    return torch.stack([(2 * x + 1) / box[1] - 1, (2 * y + 1) / box[0] - 1], -1)[None]


def _resample(slices: torch.Tensor, grid: torch.Tensor, mode: str) -> torch.Tensor:
    # Slices are channels: the weights of a pixel are computed once for all of them.
    return functional.grid_sample(slices[None], grid, mode=mode, padding_mode="zeros", align_corners=False)[0]


def _resample_label(label: torch.Tensor, grid: torch.Tensor, classes: dict[int, int]) -> torch.Tensor:
    cut = torch.zeros((label.shape[0], *grid.shape[1:3]), dtype=torch.uint8, device=label.device)
    for value, number in classes.items():
        cut[_resample((label == value).float(), grid, "bilinear") >= 0.5] = number
    return cut
