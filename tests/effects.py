"""What a transform of the augmentation does to an image, in numbers: for covidseg and for batchgenerators alike.

This module is also imported in nnU-Net's environment, where covidseg is missing.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

PATCH = (4, 16, 16)
MARGIN = 8  # pixels of the scan on each side of the patch, in the axial plane: room to rotate and to shrink
DRAWS = 2500  # more than 1,000, so that chance changes the effects by much less than the 5 % that are tested


def make_scan() -> np.ndarray:
    """A scan (z, y, x) as the networks see it: regions with sharp borders, texture and noise, as z-scores."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in (4, 32, 32)), indexing="ij")
    body = 2.0 * (y**2 + x**2 < 0.7) - 1.5 * (y**2 + (np.abs(x) - 0.4) ** 2 < 0.08 + 0.02 * z)
    texture = 0.4 * np.sin(5 * x + 3 * z) * np.cos(7 * y)
    scan = body + texture + np.random.default_rng(0).normal(0, 0.2, body.shape)
    return ((scan - scan.mean()) / scan.std()).astype(np.float32)


SCAN = make_scan()
INNER = SCAN[:, MARGIN:-MARGIN, MARGIN:-MARGIN].copy()  # the patch in the middle of the scan


def summarise(draw: Callable[[], ArrayLike]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation over the draws of: the change, and the result's deviation and gradient.

    Args:
        draw: returns a transformed patch (z, y, x); another one at each call.
    """
    effects = []
    for _ in range(DRAWS):
        after = np.asarray(draw())
        effects.append([np.abs(after - INNER).mean(), after.std(), np.abs(np.diff(after, axis=1)).mean()])
    means, deviations = np.mean(effects, 0).tolist(), np.std(effects, 0).tolist()
    return dict(zip(("change", "deviation", "gradient"), zip(means, deviations, strict=True), strict=True))
