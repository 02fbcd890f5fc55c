"""Phantom cases on the grids of real scans: as large as the real data, and made in seconds."""

import zlib
from dataclasses import replace

import numpy as np

from covidseg.archives.phantom.anatomy import HIGHEST, LOWEST, Grid
from covidseg.archives.phantom.cohort import Case
from covidseg.volumes import Geometry, Volume

NOISE = 25  # HU: so that a compressed scan is about as large as a real one


def at_real_size(case: Case, grid: Grid, name: str) -> Case:
    """Stretch a case to a grid: each voxel is repeated, and the scan gets noise.

    Args:
        case: the drawn case.
        grid: the grid of the result.
        name: name of the case, which seeds the noise.
    """
    places = [np.arange(n) * old // n for n, old in zip(grid.shape, case.image.array.shape, strict=True)]
    affine = np.diag([*reversed(grid.spacing), 1.0])
    affine[:3, 3] = [-(n - 1) / 2 * step for n, step in zip(grid.shape, grid.spacing, strict=True)][::-1]
    geometry = Geometry(grid.shape, affine)

    def stretch(volume: Volume) -> Volume:
        return Volume(volume.array[np.ix_(*places)], geometry)

    image, rng = stretch(case.image), np.random.default_rng(zlib.crc32(name.encode()))
    image.array[:] += rng.integers(-NOISE, NOISE + 1, grid.shape, np.int16)
    np.clip(image.array, LOWEST, HIGHEST, out=image.array)
    return replace(case, image=image, lungs=stretch(case.lungs), lesion=stretch(case.lesion))
