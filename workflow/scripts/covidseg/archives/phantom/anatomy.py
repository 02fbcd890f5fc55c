"""Draw a thorax in Hounsfield units: body, lungs, mediastinum, spine, ribs, vessels, table and air.

All lengths are in mm in patient space (LPS: x to the left, y to the back, z to the head). The origin is the
middle of the grid. All arrays are (z, y, x).
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

AIR, FAT, SOFT_TISSUE, BONE, LUNG = -1000.0, -100.0, 40.0, 450.0, -850.0
TABLE, MARROW = 150.0, 180.0
LOWEST, HIGHEST = -1024, 3071  # HU that a scanner stores in 12 bits


@dataclass(frozen=True)
class Grid:
    """The voxel grid of a scan.

    Attributes:
        shape: number of voxels (z, y, x).
        spacing: millimetres per voxel (z, y, x).
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]

    def axes(self) -> list[np.ndarray]:
        """Return the voxels' coordinates z, y and x in mm, as three arrays that broadcast to the grid."""
        centred = [
            (np.arange(n, dtype=np.float32) - (n - 1) / 2) * step
            for n, step in zip(self.shape, self.spacing, strict=True)
        ]
        return [centred[0][:, None, None], centred[1][None, :, None], centred[2][None, None, :]]


@dataclass
class Thorax:
    """A thorax without lesions.

    Attributes:
        grid: the grid of the arrays.
        hu: float32 (z, y, x) in HU, with sharp edges and without noise: see `reconstruct`.
        lungs: uint8 (z, y, x), 1 in the left lung, 2 in the right lung, 0 elsewhere.
        depth: float32 (z, y, x), from 0 near the hilum to 1 at the pleura; 0 outside the lungs.
    """

    grid: Grid
    hu: np.ndarray
    lungs: np.ndarray
    depth: np.ndarray


def ellipsoid(axes: list[np.ndarray], centre: tuple[float, ...], radii: tuple[float, ...]) -> np.ndarray:
    """Return the squared normalised distance of each voxel from `centre`: 1 on the surface of the ellipsoid.

    Axes, centre and radii are in the order z, y, x, in mm.
    """
    z, y, x = (((axis - c) / r) ** 2 for axis, c, r in zip(axes, centre, radii, strict=True))
    return z + y + x


def smooth_noise(grid: Grid, rng: np.random.Generator, *, scale: float) -> np.ndarray:
    """Return a smooth random field with standard deviation 1, whose bumps are about `scale` mm wide."""
    coarse = [max(2, round(n * step / scale) + 1) for n, step in zip(grid.shape, grid.spacing, strict=True)]
    field = rng.standard_normal(coarse).astype(np.float32)
    for axis, n in enumerate(grid.shape):
        # Linear interpolation is separable: one matrix product per axis is faster than a 3D zoom.
        position = np.linspace(0, coarse[axis] - 1, n)
        weights = np.clip(1 - np.abs(position[:, None] - np.arange(coarse[axis])), 0, None)
        field = np.moveaxis(np.tensordot(weights.astype(np.float32), field, axes=(1, axis)), 0, axis)
    return field / field.std()


def make_thorax(grid: Grid, rng: np.random.Generator, *, vessel_hu: float) -> Thorax:
    """Draw the thorax of one random patient on `grid`. Contrast agent means a higher `vessel_hu`."""
    axes = grid.axes()
    _, y, x = axes
    size = rng.uniform(0.9, 1.08)
    body = np.abs(x / (168 * size)) ** 2.4 + np.abs((y - 4) / (118 * size)) ** 2.4
    hu = np.full(grid.shape, AIR, np.float32)
    hu[np.broadcast_to(body < 1, grid.shape)] = FAT
    muscle = np.abs(x / (153 * size)) ** 2.4 + np.abs((y - 4) / (104 * size)) ** 2.4
    hu[np.broadcast_to(muscle < 1, grid.shape)] = SOFT_TISSUE
    _add_ribs(hu, axes, size, rng)
    lungs, depth = _lungs(axes, size, rng)
    inside = lungs > 0
    # Gravity makes the posterior lung denser. The amount of air depends on how deep the patient breathes in.
    breath = rng.uniform(-40, 70)
    hu[inside] = (LUNG + breath + 0.35 * (y - 4) + 18 * smooth_noise(grid, rng, scale=30))[inside]
    _add_mediastinum(hu, axes, size, vessel_hu)
    _add_vessels(hu, inside, axes, size, rng, vessel_hu)
    _add_table(hu, axes, size)
    return Thorax(grid, hu, lungs, depth)


def _lungs(axes: list[np.ndarray], size: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    z, y, x = axes
    shape = np.broadcast_shapes(*(axis.shape for axis in axes))
    lungs, depth = np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
    heart = ellipsoid(axes, (-45 * size, -28 * size, 24 * size), (60 * size, 52 * size, 62 * size))
    column = (x / (30 * size)) ** 2 + ((y - 62 * size) / (48 * size)) ** 2
    base, apex = -92 * size + rng.uniform(-8, 8), 128 * size
    for label, side, width in ((1, 1, 60), (2, -1, 66)):
        cross = ((x - side * 78 * size) / (width * size)) ** 2 + ((y - 4 * size) / (88 * size)) ** 2
        narrowing = np.clip(1 - np.clip((z - 10 * size) / (apex - 10 * size), 0, None) ** 2, 0, None)
        level = cross / np.maximum(narrowing, 1e-3)
        # The diaphragm bulges upward under each lung, and more on the right side, because of the liver.
        dome = base + (52 if side < 0 else 42) * size * np.clip(1 - cross, 0, None)
        region = (level < 1) & (z > dome) & (heart > 1) & (column > 1)
        lungs[region] = label
        depth[region] = np.clip(level, 0, 1)[region]
    return lungs, depth


def _add_ribs(hu: np.ndarray, axes: list[np.ndarray], size: float, rng: np.random.Generator) -> None:
    z, y, x = axes
    shell = np.abs(x / (147 * size)) ** 2.3 + np.abs((y - 4) / (98 * size)) ** 2.3
    # Ribs run downward from the spine to the front: z decreases as y decreases.
    phase = np.sin((z - 0.45 * y + rng.uniform(0, 30)) * (2 * np.pi / 27))
    hu[(np.abs(shell - 0.97) < 0.09) & (phase > 0.25)] = BONE
    sternum = (np.abs(x) < 18 * size) & (np.abs(y + 92 * size) < 7) & (z > -60)
    hu[sternum] = MARROW


def _add_mediastinum(hu: np.ndarray, axes: list[np.ndarray], size: float, vessel_hu: float) -> None:
    z, y, x = axes
    vertebra = (x / (21 * size)) ** 2 + ((y - 66 * size) / (19 * size)) ** 2
    disc = np.cos(z * (2 * np.pi / 24)) > 0.8
    hu[(vertebra < 1) & ~disc] = MARROW
    hu[(vertebra < 1) & (vertebra > 0.7) & ~disc] = BONE
    canal = (x / 9) ** 2 + ((y - 90 * size) / 8) ** 2
    hu[np.broadcast_to((canal > 1) & (canal < 3), hu.shape)] = BONE
    hu[np.broadcast_to(canal <= 1, hu.shape)] = 20
    aorta = ((x - 24 * size) / 13) ** 2 + ((y - 40 * size) / 13) ** 2
    hu[np.broadcast_to(aorta < 1, hu.shape)] = vessel_hu
    blood = ellipsoid(axes, (-48 * size, -26 * size, 24 * size), (48 * size, 40 * size, 46 * size))
    hu[blood < 1] = vessel_hu
    trachea = (x / (9 * size)) ** 2 + ((y - 12 * size) / (9 * size)) ** 2
    hu[(trachea < 1) & (z > 25 * size)] = AIR


def _add_vessels(
    hu: np.ndarray,
    lung: np.ndarray,
    axes: list[np.ndarray],
    size: float,
    rng: np.random.Generator,
    vessel_hu: float,
) -> None:
    """Draw the vessels: trees of tubes that branch from each hilum into the lung and get thinner."""
    for side in (1, -1):
        hilum = np.array([8 * size, 8 * size, side * 34 * size])
        tips = []
        for direction in rng.normal(0, 1, (7, 3)):
            direction[2] = side * (0.6 + abs(direction[2]))
            tips.append((hilum, direction / np.linalg.norm(direction), 7.0 * size))
        while tips:
            start, direction, radius = tips.pop()
            stop = start + direction * radius * rng.uniform(4.5, 7.5)
            # A tube narrower than a voxel would vanish: tubes get a blurred edge, thicker and paler.
            _draw_tube(hu, lung, axes, start, stop, radius, vessel_hu)
            if radius > 2.4:
                for _ in range(2):
                    turned = direction + rng.normal(0, 0.55, 3)
                    tips.append((stop, turned / np.linalg.norm(turned), radius * 0.68))


def _draw_tube(
    hu: np.ndarray,
    lung: np.ndarray,
    axes: list[np.ndarray],
    start: np.ndarray,
    stop: np.ndarray,
    radius: float,
    vessel_hu: float,
) -> None:
    low, high = np.minimum(start, stop) - 8, np.maximum(start, stop) + 8
    box = tuple(
        slice(*np.searchsorted(axis.ravel(), bounds))
        for axis, bounds in zip(axes, np.stack([low, high], 1), strict=True)
    )
    if any(part.start == part.stop for part in box):
        return
    z, y, x = axes[0][box[0]], axes[1][:, box[1]], axes[2][:, :, box[2]]
    segment = stop - start
    along = ((z - start[0]) * segment[0] + (y - start[1]) * segment[1] + (x - start[2]) * segment[2]) / (
        segment @ segment
    )
    along = np.clip(along, 0, 1)
    squared = sum((axis - start[i] - along * segment[i]) ** 2 for i, axis in enumerate((z, y, x)))
    fraction = np.clip(radius + 1.5 - np.sqrt(squared), 0, 3) / 3 * lung[box]
    hu[box] = np.maximum(hu[box], LUNG + fraction * (vessel_hu - LUNG)) * (fraction > 0) + hu[box] * (
        fraction <= 0
    )


def _add_table(hu: np.ndarray, axes: list[np.ndarray], size: float) -> None:
    _, y, x = axes
    curve = y - (126 * size - 0.0009 * x**2)
    table = (np.abs(curve) < 3.5) & (np.abs(x) < 150) & (hu <= AIR)
    hu[table] = TABLE


def reconstruct(
    hu: np.ndarray, grid: Grid, rng: np.random.Generator, *, blur: float, noise: float
) -> np.ndarray:
    """Return the scan that a scanner would reconstruct: int16 (z, y, x) in HU, blurred and noisy.

    Args:
        hu: float32 (z, y, x) in HU, with sharp edges.
        grid: the grid of `hu`.
        rng: generator of the noise.
        blur: width of the reconstruction kernel in the axial plane: Gaussian sigma in mm.
        noise: standard deviation of the noise in HU. The noise is correlated within a slice, as after
            filtered back-projection.
    """
    sigma = (0, blur / grid.spacing[1], blur / grid.spacing[2])
    smooth = ndimage.gaussian_filter(hu, sigma)
    grain = ndimage.gaussian_filter(rng.standard_normal(hu.shape).astype(np.float32), (0, 0.6, 0.6))
    return np.clip(np.rint(smooth + noise * grain / grain.std()), LOWEST, HIGHEST).astype(np.int16)
