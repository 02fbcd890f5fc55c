"""Unusual patients, scan grids and annotations. Each function returns a changed copy of a drawn case."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from covidseg.archives.phantom.anatomy import AIR
from covidseg.archives.phantom.cohort import Case
from covidseg.volumes import Geometry, Volume

RIGHT = 2  # label id of the right lung
DEPTH = 0.75  # of a slim patient's chest, from front to back, relative to the drawn patient's
AIR_ROWS = 8  # rows at the top of every scan that show nothing but air
COLLAPSE = 200  # HU by which collapsed lung is denser


def odd_matrix(case: Case) -> Case:
    """Cut rows of air off the scan: COVID-19-CT-Seg has a scan of 630 x 401 pixels among 630 x 630 others."""
    body = np.flatnonzero((case.image.array[:, :, case.image.array.shape[2] // 2] > AIR / 2).any(0))
    return _each_volume(case, lambda volume: _cropped(volume, int(body[0]) - 2, int(body[-1]) + 3))


def _cropped(volume: Volume, first: int, stop: int) -> Volume:
    array = np.ascontiguousarray(volume.array[:, first:stop])
    affine = volume.geometry.affine.copy()
    affine[:3, 3] = (volume.geometry.affine @ [0, first, 0, 1])[:3]
    return Volume(array, Geometry(array.shape, affine))


def slim(case: Case) -> Case:
    """Compress the chest towards the lowest row, so that the mirrored lungs would lie in the air above it."""
    last = case.image.array.shape[1] - 1
    source = np.rint(last - np.arange(last, -1, -1) / DEPTH).astype(int)
    source = np.where(source < 0, source % AIR_ROWS, source)
    return _each_volume(case, lambda volume: Volume(volume.array[:, source], volume.geometry))


def badly_aerated(case: Case) -> Case:
    """Let the lungs of a slim patient collapse: they are denser than usual."""
    case = slim(case)
    aerated = (case.lungs.array > 0) & (case.lesion.array == 0)
    dense = np.minimum(case.image.array + COLLAPSE, np.maximum(case.image.array, 0))
    return replace(
        case, image=Volume(np.where(aerated, dense, case.image.array).astype(np.int16), case.image.geometry)
    )


def one_lung(case: Case) -> Case:
    """Remove the right lung, as after an operation: its place is full of fluid and has no label."""
    removed = case.lungs.array == RIGHT
    fluid = np.clip(case.image.array // 20 + 50, -20, 60)

    def put(volume: Volume, value: np.ndarray | int) -> Volume:
        return Volume(np.where(removed, value, volume.array).astype(volume.array.dtype), volume.geometry)

    return replace(case, image=put(case.image, fluid), lungs=put(case.lungs, 0), lesion=put(case.lesion, 0))


def one_voxel_lesion(case: Case) -> Case:
    """Label one more voxel, in the highest slice of the lungs and far from the infection."""
    z, y, x = np.argwhere(case.lungs.array > 0)[-1]
    lesion = case.lesion.array.copy()
    lesion[z, y, x] = 1
    return replace(case, lesion=Volume(lesion, case.lesion.geometry))


def _each_volume(case: Case, change: Callable[[Volume], Volume]) -> Case:
    return replace(case, image=change(case.image), lungs=change(case.lungs), lesion=change(case.lesion))
