"""Draw lesions into a thorax. Each function changes the thorax, and returns the mask of the lesion (z, y, x).

The radiological patterns follow the descriptions of the data in wang2021 4.1 and ma2021 II. COVID-19:
peripheral and bilateral ground glass and consolidation. MSD: solid tumours. StructSeg: gross target volumes
at the hilum. NSCLC: pleural effusions in the posterior part of the lungs.
"""

import numpy as np

from covidseg.archives.phantom.anatomy import Thorax, ellipsoid, smooth_noise


def infection(thorax: Thorax, rng: np.random.Generator, *, load: float, pale: bool = False) -> np.ndarray:
    """Draw ground-glass opacities, some of them consolidated.

    Args:
        thorax: the thorax, into whose `hu` the infection is drawn.
        rng: generator of the random numbers.
        load: infected fraction of the volume of both lungs, 0 to 1.
        pale: whether to draw fainter ground glass without consolidation (MosMed's category CT-1).

    Returns:
        The infected voxels: bool (z, y, x).
    """
    lung = thorax.lungs > 0
    field = _infection_field(thorax, rng, foci=int(rng.integers(3, 6 + int(20 * load))))
    threshold = np.quantile(field[lung], 1 - load)
    opacity = 1 / (1 + np.exp(-np.clip((field - threshold) / 0.12, -20, 20)))
    opacity[~lung] = 0
    texture = smooth_noise(thorax.grid, rng, scale=14)
    glass = rng.uniform(-640, -560) if pale else rng.uniform(-690, -340)
    target = glass + 70 * texture
    if not pale:
        dense = (texture > rng.uniform(0.6, 1.8)) & (field > threshold + 0.25)
        target = np.where(dense, rng.uniform(-120, 30), target)
    # Vessels stay visible in ground glass, because an opacity never lowers the density.
    thorax.hu += np.where(lung, opacity * np.maximum(target - thorax.hu, 0), 0)
    return (opacity > 0.5) & lung


def _infection_field(thorax: Thorax, rng: np.random.Generator, *, foci: int) -> np.ndarray:
    """Return a score per voxel: higher near a focus, near the pleura, and in the lower and posterior lung."""
    axes = thorax.grid.axes()
    z, y, _ = axes
    candidates = np.argwhere((thorax.lungs > 0) & (thorax.depth > 0.55))
    field = np.full(thorax.grid.shape, -9.0, np.float32)
    for voxel in candidates[rng.integers(len(candidates), size=foci)]:
        centre = tuple(axis.ravel()[i] for axis, i in zip(axes, voxel, strict=True))
        radii = rng.uniform(16, 42, 3)
        field = np.maximum(field, 1 - np.sqrt(ellipsoid(axes, centre, tuple(radii))))
    wobble = 0.22 * smooth_noise(thorax.grid, rng, scale=22)
    return field + wobble + 0.5 * thorax.depth + 0.0015 * y - 0.001 * z


def tumour(thorax: Thorax, rng: np.random.Generator) -> np.ndarray:
    """Draw one solid tumour (in a quarter of the scans two) of about 22 to 60 mm anywhere in the lungs."""
    label = np.zeros(thorax.grid.shape, bool)
    for _ in range(1 + (rng.random() < 0.25)):
        label |= _solid(thorax, rng, radius=rng.uniform(11, 30), depth=(0.1, 0.95), confined=True)
    return label


def gross_target_volume(thorax: Thorax, rng: np.random.Generator) -> np.ndarray:
    """Draw one gross target volume of about 50 to 90 mm at the hilum. It may invade the mediastinum."""
    return _solid(thorax, rng, radius=rng.uniform(25, 45), depth=(0.2, 0.6), confined=False)


def _solid(
    thorax: Thorax, rng: np.random.Generator, *, radius: float, depth: tuple[float, float], confined: bool
) -> np.ndarray:
    axes = thorax.grid.axes()
    candidates = np.argwhere((thorax.lungs > 0) & (thorax.depth > depth[0]) & (thorax.depth < depth[1]))
    voxel = candidates[rng.integers(len(candidates))]
    centre = tuple(axis.ravel()[i] for axis, i in zip(axes, voxel, strict=True))
    level = np.sqrt(ellipsoid(axes, centre, tuple(radius * rng.uniform(0.75, 1.25, 3))))
    # Spiculation: the edge is rough, with spikes of about 1 cm.
    level = level + 0.14 * smooth_noise(thorax.grid, rng, scale=12)
    allowed = thorax.lungs > 0 if confined else thorax.hu > -950
    bone_free = thorax.hu < 150 if not confined else True
    label = (level < 1) & allowed & bone_free
    # The range goes from part-solid to solid tumours.
    density = rng.uniform(-90, 50) + 12 * smooth_noise(thorax.grid, rng, scale=15)
    thorax.hu[label] = density[label]
    return label


def effusion(thorax: Thorax, rng: np.random.Generator) -> np.ndarray:
    """Draw a pleural effusion: fluid in the dependent (posterior) part of one or both lungs."""
    z, y, _ = thorax.grid.axes()
    label = np.zeros(thorax.grid.shape, bool)
    sides = (1, 2) if rng.random() < 0.35 else (int(rng.integers(1, 3)),)
    for side in sides:
        lung = thorax.lungs == side
        front, back = np.quantile(np.broadcast_to(y, lung.shape)[lung], [0.5, 1.0])
        surface = back - rng.uniform(0.15, 0.75) * (back - front)
        # The meniscus: the fluid is higher at the chest wall and near the diaphragm.
        surface = surface - 22 * (thorax.depth - 0.5) + 0.16 * (z + 60)
        label |= lung & (y > surface)
    density = rng.uniform(2, 22) + 6 * smooth_noise(thorax.grid, rng, scale=25)
    thorax.hu[label] = density[label]
    return label
