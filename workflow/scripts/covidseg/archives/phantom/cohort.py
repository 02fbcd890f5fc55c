"""Draw the phantom cases of each data set: grid, anatomy, lesion, scanner and orientation."""

import zlib
from dataclasses import dataclass
from functools import cache

import numpy as np

from covidseg.archives.phantom import lesions
from covidseg.archives.phantom.anatomy import Grid, Thorax, make_thorax, reconstruct
from covidseg.volumes import Geometry, Volume


@dataclass(frozen=True)
class Scanner:
    """The appearance of a data set's scans. A range is (lowest, highest).

    Attributes:
        slices: range of the number of slices. A scan is about 290 mm high, unless `thickness` is given.
        thickness: slice spacing in mm if all scans of the data set have the same, else None.
        blur: range of the Gaussian sigma of the reconstruction kernel in mm.
        noise: range of the standard deviation of the noise in HU.
        vessel_hu: density of blood in HU: about 45 without contrast agent, about 150 with contrast agent.
        orientations: axis codes of the orientations in which files may be stored.
    """

    slices: tuple[int, int]
    blur: tuple[float, float]
    noise: tuple[float, float]
    vessel_hu: float = 45.0
    thickness: float | None = None
    orientations: tuple[str, ...] = ("LPS",)


@dataclass(frozen=True)
class Case:
    """One phantom scan with its masks. All three volumes (z, y, x) have the same grid, LPS.

    Attributes:
        image: the scan, int16 in HU.
        lungs: uint8, 1 in the left lung, 2 in the right lung.
        lesion: uint8, 1 in the lesion.
        orientation: axis codes of the orientation in which the files of the case are stored.
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
    """Draw one case. The same arguments give the same voxels.

    Args:
        dataset: name of the data set, a key of SCANNERS.
        case: name of the case. The random numbers depend on the data set, this name and the seed.
        seed: seed of the phantom.
        rank: rank of the case in the data set, from 0 to 1. A higher rank gives a larger infection.
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
    """Return case -> rank. The ranks are evenly spaced from 0 to 1; within a quarter, their order is random.

    Four consecutive cases get one rank from each quarter. If four consecutive cases are the training cases of
    a fold, their infections therefore range from mild to severe, as in the published folds.
    """
    generator = np.random.default_rng(seed)
    quarters = [generator.permutation(cases[start::4]) for start in range(4)]
    ordered = [case for quarter in quarters for case in quarter]
    return {str(case): place / max(1, len(cases) - 1) for place, case in enumerate(ordered)}
