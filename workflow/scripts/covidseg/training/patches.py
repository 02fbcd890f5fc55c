"""Training cases on the training device, and patches that are cut from the cases by one affine resampling.

There are no loader processes: a patch is cut on the device that trains. Cases that exceed the device's memory
budget stay memory-mapped files, of which only the box around a patch is read.
"""

import logging
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from covidseg.cases.arrays import open_case

log = logging.getLogger(__name__)
CUBIC_REACH = 3  # pixels of the scan beyond a turned patch, for the cubic kernel


@dataclass(frozen=True)
class TrainingCase:
    """One case to cut patches from.

    Attributes:
        dataset: data set of the case.
        image: intensities (z, y, x), normalised to z-scores: a tensor on the training device, or a
            memory-mapped array.
        label: label ids, uint8 (z, y, x): a tensor or an array, as `image`.
        foreground: label id -> int array (n, 3), the indices (z, y, x) of voxels with this id.
        classes: label id -> class of the network.
    """

    dataset: str
    image: torch.Tensor | np.ndarray
    label: torch.Tensor | np.ndarray
    foreground: dict[int, np.ndarray]
    classes: dict[int, int]


def load_cases(
    groups: dict[str, list[Path]],
    *,
    labels: dict[str, dict[int, int]],
    device: torch.device,
    budget_gib: float,
) -> list[list[TrainingCase]]:
    """Load groups of preprocessed cases onto the device, as far as one memory budget for all groups suffices.

    The budget is spent in the order of the groups, and within a group in the order of its list. A case that
    is larger than what is left of the budget stays on disk; a later, smaller case may still be loaded.

    Args:
        groups: name of the group, for the log -> preprocessed cases, <data set>/<case>.
        labels: data set -> label id of the data set -> class of the network.
        device: the training device.
        budget_gib: memory in GiB that the cases may use on the device.
    """
    loaded, left = [], budget_gib * 2**30
    for name, folders in groups.items():
        cases = []
        for folder in folders:
            case = _open(folder, labels[folder.parent.name])
            if _nbytes(case) <= left:
                left -= _nbytes(case)
                image, label = (
                    torch.from_numpy(np.array(array)).to(device) for array in (case.image, case.label)
                )
                case = replace(case, image=image, label=label)
            cases.append(case)
        _log_memory(name, cases, device)
        loaded.append(cases)
    return loaded


def _open(folder: Path, classes: dict[int, int]) -> TrainingCase:
    case = open_case(folder)
    ids = case.foreground[:, 0]
    foreground = {int(i): case.foreground[ids == i, 1:] for i in np.unique(ids)}
    return TrainingCase(folder.parent.name, case.image, case.label, foreground, classes)


def _nbytes(case: TrainingCase) -> int:
    return case.image.nbytes + case.label.nbytes


def _log_memory(name: str, cases: list[TrainingCase], device: torch.device) -> None:
    held, streamed = (
        [_nbytes(case) for case in cases if isinstance(case.image, kind)]
        for kind in (torch.Tensor, np.ndarray)
    )
    log.info(
        "%s cases: %d with %.1f MiB in the memory of %s, %d with %.1f MiB streamed from disk",
        name, len(held), sum(held) / 2**20, device, len(streamed), sum(streamed) / 2**20,
    )  # fmt: skip


def patch_centre(
    case: TrainingCase, patch: tuple[int, int, int], *, foreground: bool, generator: np.random.Generator
) -> np.ndarray:
    """Choose the centre (z, y, x) of a patch, in voxels.

    If `foreground` is true and the case has foreground, the centre is on a random voxel of a random label
    id of the case (nnU-Net's oversampling). Otherwise the centre is drawn uniformly. The patch then lies
    within the scan, or, along axes where the patch is larger than the scan, covers the scan.
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
    """Cut, rotate and scale a patch by one resampling in the axial plane (nnU-Net's "dummy 2D").

    A patch that is neither rotated nor scaled is a copy of the scan's voxels: nothing is resampled.

    Args:
        case: the case to cut from.
        centre: centre (z, y, x) of the patch, in voxels of the case.
        patch: size (z, y, x) of the result, in voxels.
        angle: rotation in radians.
        scale: scale factor; a patch with a factor above 1 shows more of the scan.
        device: device of the result.

    Returns:
        Image, float32 (z, y, x), interpolated by cubic convolution, which is faster than nnU-Net v1's cubic
        splines and differs little from them; and classes, uint8 (z, y, x), interpolated linearly per class
        with threshold 0.5. Both are 0 outside the scan.
    """
    # Rotation and scale, from a pixel's (row, column) in the patch to that in the scan, about the centre.
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    half = (np.array(patch) - 1) / 2
    turned = (angle, scale) != (0, 1)
    reach = np.append(half[0], np.abs(turn) @ half[1:] + (CUBIC_REACH if turned else 0))
    start = np.floor(centre - reach).astype(int)
    low, high = np.maximum(start, 0), np.minimum(np.ceil(centre + reach).astype(int) + 1, case.image.shape)
    box = tuple(map(slice, low, high))
    image, label = (_read_box(array, box, device) for array in (case.image, case.label))
    grid = _grid(centre[1:] - low[1:], half[1:], turn, image.shape[1:], device) if turned else None
    covered = tuple(map(slice, low - start, high - start))[: 1 if turned else 3]  # of the patch, by the scan
    cut_image = torch.zeros(patch, device=device)
    cut_label = torch.zeros(patch, dtype=torch.uint8, device=device)
    cut_image[covered] = image if grid is None else _resample(image.float(), grid, "bicubic")
    cut_label[covered] = _to_classes(label, {i: case.classes[i] for i in case.foreground}, grid)
    return cut_image, cut_label


def _read_box(array: torch.Tensor | np.ndarray, box: tuple[slice, ...], device: torch.device) -> torch.Tensor:
    if isinstance(array, np.ndarray):
        # Only the box is read from the memory-mapped file.
        return torch.from_numpy(np.array(array[box])).to(device)
    return array[box].to(device)


def _grid(
    centre: np.ndarray, half: np.ndarray, turn: np.ndarray, box: torch.Size, device: torch.device
) -> torch.Tensor:
    """Return the position of each pixel of the patch in the box, for `grid_sample`: (1, y, x, 2), -1 to 1."""
    cosine, sine = turn[:, 0].tolist()
    # Made on the device: a copy to a GPU would wait until the GPU has done all work before it.
    rows, columns = (
        torch.arange(2 * reach + 1, dtype=torch.float32, device=device) - reach for reach in half.tolist()
    )
    rows, columns = rows[:, None], columns[None, :]
    y = float(centre[0]) + cosine * rows - sine * columns
    x = float(centre[1]) + sine * rows + cosine * columns
    return torch.stack([(2 * x + 1) / box[1] - 1, (2 * y + 1) / box[0] - 1], -1)[None]


def _resample(slices: torch.Tensor, grid: torch.Tensor, mode: str) -> torch.Tensor:
    # The slices are passed as channels: the weights of a pixel are then computed once for all slices.
    return functional.grid_sample(slices[None], grid, mode=mode, padding_mode="zeros", align_corners=False)[0]


def _to_classes(label: torch.Tensor, classes: dict[int, int], grid: torch.Tensor | None) -> torch.Tensor:
    """Return the classes of a label map, uint8 (z, y, x), resampled at the grid if there is one."""
    numbers = label.new_zeros(())
    for value, number in classes.items():
        # A number per voxel: to fill in by a mask of truth values takes several times as long on a CPU.
        mask = (label == value).view(torch.uint8)
        if grid is not None:
            mask = _resample(mask.float(), grid, "bilinear").add_(0.5).to(torch.uint8)  # 1 from 0.5 on
        numbers = torch.maximum(numbers, mask * number)
    return numbers
