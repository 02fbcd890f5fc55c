"""A slice with its heat map over it."""

import numpy as np
from matplotlib import colormaps

OPACITY = 0.6  # of the hottest pixel


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Return an RGB picture (y, x, 3), uint8: a slice (y, x), uint8, and over it its heat, 0 to 1."""
    colours = colormaps["autumn_r"](heat)[..., :3] * 255
    opacity = OPACITY * np.sqrt(heat)[..., None]
    return np.rint((1 - opacity) * image[..., None] + opacity * colours).astype(np.uint8)
