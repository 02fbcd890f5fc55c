"""Turn cases into arrays for training, in the order of nnU-Net v1: crop, resample, z-score."""

import logging
from functools import partial
from pathlib import Path

import numpy as np
import torch

from covidseg.archives.dataset import Dataset
from covidseg.cases.arrays import ArrayDescription, save_case
from covidseg.cases.case_folder import CaseFolder, cases_in
from covidseg.cases.cropping import nonzero_box
from covidseg.cases.intensity import Window, to_window, window_of
from covidseg.cases.resampling import new_shape, resample, resample_label, spline_orders
from covidseg.errors import InputError
from covidseg.files import atomic_directory, digest
from covidseg.parallel import in_parallel
from covidseg.volumes import read_volume

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
    with atomic_directory(output) as partial_output:

        def one(name: str) -> None:
            torch.set_num_threads(1)  # for this worker: the cases run in parallel
            files = [cases.image(name), cases.label(name)]
            image, label = read_volume(files[0]), read_volume(files[1]).array
            own_window = window_of(dataset, name, image.array, window)
            box = nonzero_box(image.array, own_window, name=str(files[0]))
            spacings = image.geometry.spacing, target_spacing
            array = resample_and_normalise(image.array[box], *spacings, window=own_window, name=str(files[0]))
            resampled = _resample_label(label[box], *spacings, ids=list(dataset["regions"]))
            description = ArrayDescription(
                geometry=image.geometry.to_json(),
                crop=[[side.start, side.stop] for side in box],
                spacing_mm=list(target_spacing),
                sha256=[digest(file) for file in files],
            )
            save_case(partial_output / name, array, resampled, description)
            log.info("preprocessed %s: %s voxels of %s mm", name, array.shape, target_spacing)

        in_parallel(one, names, workers)


def resample_and_normalise(
    image: np.ndarray,
    spacing: tuple[float, float, float],
    target_spacing: tuple[float, float, float],
    *,
    window: Window | None,
    name: str,
) -> np.ndarray:
    """Return a cropped scan as float16 (z, y, x) on the target spacing, as z-scores.

    The window is first mapped to [0, 255]. The mean and the standard deviation of the z-scores (ma2021 III)
    are those of the whole resampled array, as in nnU-Net v1. (Where the crop removes more than a quarter of a
    data set's voxels, nnU-Net v1 leaves out the zeros within the box; CT scans lose far less.)

    Args:
        image: the cropped scan (z, y, x).
        spacing: (z, y, x) of the scan, in mm.
        target_spacing: (z, y, x) of the result, in mm.
        window: the voxel values that become 0 and 255, or None if the scan was published as 0..255.
        name: the scan's name in messages.

    Raises:
        InputError: all voxels are equal within the window.
    """
    orders = spline_orders(spacing, target_spacing, order=3)
    shape = new_shape(image.shape, spacing, target_spacing)
    resampled = resample(torch.from_numpy(image), shape, orders, partial(to_window, window=window))
    deviation, mean = torch.std_mean(resampled, correction=0)
    if deviation == 0:
        raise InputError(f"{name}: all voxels are equal within the window {window} HU")
    return resampled.sub_(mean).div_(deviation).half().numpy()


def _resample_label(
    label: np.ndarray,
    spacing: tuple[float, float, float],
    target_spacing: tuple[float, float, float],
    *,
    ids: list[int],
) -> np.ndarray:
    orders = spline_orders(spacing, target_spacing, order=1)
    shape = new_shape(label.shape, spacing, target_spacing)
    return resample_label(torch.from_numpy(label), shape, orders, ids).numpy()
