"""Turn cases into arrays for training: windowed, z-scored and resampled to one spacing."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from covidseg.archives.dataset import Dataset
from covidseg.cases.arrays import ArrayDescription, save_case
from covidseg.cases.case_folder import CaseFolder, cases_in
from covidseg.cases.intensity import Window, to_window, window_of
from covidseg.cases.resampling import new_shape, resample, resample_label, spline_orders
from covidseg.errors import InputError
from covidseg.files import atomic_directory, digest
from covidseg.parallel import in_parallel
from covidseg.volumes import Volume, read_volume

log = logging.getLogger(__name__)


def preprocess(
    dataset: Dataset,
    *,
    cases: CaseFolder,
    target_spacing: tuple[float, float, float],
    window: Window,
    output: Path,
    workers: int,
) -> None:
    """Preprocess every case of a data set into `output`, all of it or nothing.

    Args:
        dataset: entry of config/datasets.yaml.
        cases: the ingested data set.
        target_spacing: (z, y, x) in mm.
        window: HU that become 0 and 255; in scans of grey levels the lowest and highest level do.
        output: folder with one subfolder per case.
        workers: number of cases at the same time.
    """
    names = cases_in(cases.images)
    torch.set_num_threads(1)  # the cases run in parallel
    with atomic_directory(output) as partial_output:

        def one(name: str) -> None:
            files = [cases.image(name), cases.label(name)]
            image, label = read_volume(files[0]), read_volume(files[1]).array
            own_window = window_of(dataset, name, image.array, window)
            array = normalise_and_resample(image, target_spacing, window=own_window, name=str(files[0]))
            description = ArrayDescription(
                geometry=image.geometry.to_json(),
                spacing_mm=list(target_spacing),
                sha256=[digest(file) for file in files],
            )
            resampled = _resample_label(image, label, target_spacing, list(dataset["regions"]))
            save_case(partial_output / name, array, resampled, description)
            log.info("preprocessed %s: %s voxels of %s mm", name, array.shape, target_spacing)

        in_parallel(one, names, workers)


def normalise_and_resample(
    image: Volume, target_spacing: tuple[float, float, float], *, window: Window | None, name: str
) -> np.ndarray:
    """Return a scan as float16 (z, y, x) on the target spacing with mean 0 and standard deviation 1.

    The window is first mapped to [0, 255]; a scan that was published so has no `window` (None). The mean and
    the standard deviation are those of the whole scan (ma2021 III). `name` is the scan's name in messages.

    Raises:
        InputError: all voxels are equal within the window.
    """
    voxels = torch.from_numpy(image.array)
    scale = partial(to_window, window=window)
    mean, deviation = _moments(voxels, scale)
    if deviation == 0:
        raise InputError(f"{name}: all voxels are equal within the window {window} HU")
    geometry = image.geometry
    orders = spline_orders(geometry.spacing, target_spacing, order=3)
    shape = new_shape(geometry.shape, geometry.spacing, target_spacing)
    return resample(voxels, shape, orders, lambda slice_: (scale(slice_) - mean) / deviation).half().numpy()


def _moments(voxels: torch.Tensor, scale: Callable[[torch.Tensor], torch.Tensor]) -> tuple[float, float]:
    total, squares = 0.0, 0.0
    for plane in voxels:
        scaled = scale(plane).double()
        total += scaled.sum().item()
        squares += scaled.square().sum().item()
    mean = total / voxels.numel()
    return mean, max(0.0, squares / voxels.numel() - mean**2) ** 0.5


def _resample_label(
    image: Volume, label: np.ndarray, target_spacing: tuple[float, float, float], ids: list[int]
) -> np.ndarray:
    geometry = image.geometry
    orders = spline_orders(geometry.spacing, target_spacing, order=1)
    shape = new_shape(geometry.shape, geometry.spacing, target_spacing)
    return resample_label(torch.from_numpy(label), shape, orders, ids).numpy()
