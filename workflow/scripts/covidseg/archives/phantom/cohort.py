"""The phantom patients of each data set: grid, anatomy, lesion, scanner and orientation of every case."""

import zlib
from dataclasses import dataclass
from functools import cache

import numpy as np

from covidseg.archives.phantom import lesions
from covidseg.archives.phantom.anatomy import Grid, Thorax, make_thorax, reconstruct
from covidseg.volumes import Geometry, Volume


@dataclass(frozen=True)
class Scanner:
    """How a data set's scans look.

    Attributes:
        slices: range of the number of slices; the scan always spans about 290 mm unless `thickness`.
        thickness: slice spacing in mm where the data set has a fixed one.
        blur: range of the kernel's Gaussian sigma in mm.
        noise: range of the noise's standard deviation in HU.
        vessel_hu: density of blood; about 45 without and 150 with contrast agent.
        orientations: axis codes in which the files may be stored.
    """

    slices: tuple[int, int]
    blur: tuple[float, float]
    noise: tuple[float, float]
    vessel_hu: float = 45.0
    thickness: float | None = None
    orientations: tuple[str, ...] = ("LPS",)


@dataclass(frozen=True)
class Case:
    """One phantom scan on one grid (LPS).

    Attributes:
        image: int16, HU.
        lungs: uint8, 1 left, 2 right.
        lesion: uint8, 1 inside.
        orientation: axis codes in which its files are stored.
    """

    image: Volume
    lungs: Volume
    lesion: Volume
    orientation: str


SCANNERS = {
    "covid20": Scanner(
        slices=(26, 33), blur=(0.6, 3.0), noise=(12, 55), orientations=("LPS", "RAS", "LAS", "RPS")
    ),
    "msd": Scanner(slices=(29, 36), blur=(0.5, 1.5), noise=(20, 35), orientations=("LPS", "RAS")),
    "structseg": Scanner(
        slices=(24, 29), blur=(2.0, 3.0), noise=(8, 18), vessel_hu=150, orientations=("LPS", "LAI")
    ),
    "nsclc": Scanner(slices=(27, 34), blur=(1.5, 2.5), noise=(25, 50)),
    "capepoint": Scanner(slices=(26, 33), blur=(0.8, 1.6), noise=(15, 35)),
    "mosmed": Scanner(
        slices=(36, 40), blur=(1.5, 2.5), noise=(10, 20), thickness=8.0, orientations=("RAS", "LPS")
    ),
}


def make_case(dataset: str, case: str, *, seed: int, rank: float) -> Case:
    """Draw one patient; the same arguments give the same voxels.

    Args:
        dataset: a key of SCANNERS.
        case: the case's name, which seeds its anatomy.
        seed: the phantom's seed.
        rank: the case's place among the data set's cases, 0 to 1; orders the infections by load.
    """
    rng = np.random.default_rng([seed, zlib.crc32(f"{dataset}/{case}".encode())])
    scanner = SCANNERS[dataset]
    grid = _grid(scanner, rng)
    thorax = make_thorax(grid, rng, vessel_hu=scanner.vessel_hu)
    lesion = _draw_lesion(dataset, thorax, rng, rank)
    hu = reconstruct(thorax.hu, grid, rng, blur=rng.uniform(*scanner.blur), noise=rng.uniform(*scanner.noise))
    orientation = str(rng.choice(scanner.orientations))
    affine = np.diag([*reversed(grid.spacing), 1.0])
    affine[:3, 3] = [axis.ravel()[0] for axis in reversed(grid.axes())]
    geometry = Geometry(grid.shape, affine)
    return Case(
        image=Volume(hu, geometry),
        lungs=Volume(thorax.lungs, geometry),
        lesion=Volume(lesion.astype(np.uint8), geometry),
        orientation=orientation,
    )


def _grid(scanner: Scanner, rng: np.random.Generator) -> Grid:
    slices = int(rng.integers(*scanner.slices))
    rows, columns = (int(n) for n in rng.integers(88, 105, 2))
    pixel = round(rng.uniform(368, 392) / max(rows, columns), 3)
    return Grid((slices, rows, columns), (scanner.thickness or round(290 / slices, 2), pixel, pixel))


def _draw_lesion(dataset: str, thorax: Thorax, rng: np.random.Generator, rank: float) -> np.ndarray:
    if dataset == "covid20":
        # The 20 real cases range from 0.01 % to 59 % of the lung, half of them below 15 %.
        return lesions.infection(thorax, rng, load=1e-4 + 0.589 * rank**2)
    if dataset == "capepoint":
        # Half of the scans are normal.
        if rank < 0.5:
            return np.zeros(thorax.grid.shape, bool)
        return lesions.infection(thorax, rng, load=0.02 + 0.5 * (rank - 0.5))
    if dataset == "mosmed":
        # CT-1, the category of the 50 masked studies, is below 25 % of the lung.
        return lesions.infection(thorax, rng, load=0.002 + 0.2 * rank**3, pale=True)
    draw = {"msd": lesions.tumour, "structseg": lesions.gross_target_volume, "nsclc": lesions.effusion}
    return draw[dataset](thorax, rng)


@cache
def ranks(cases: tuple[str, ...], seed: int) -> dict[str, float]:
    """Give the cases ranks from 0 to 1, evenly spaced and shuffled within quarters.

    Any four consecutive cases get one rank of each quarter: a fold's four training cases, if they follow
    one another, range from mild to severe, as those of the published folds do.
    """
    generator = np.random.default_rng(seed)
    quarters = [generator.permutation(cases[start::4]) for start in range(4)]
    ordered = [case for quarter in quarters for case in quarter]
    return {str(case): place / max(1, len(cases) - 1) for place, case in enumerate(ordered)}
