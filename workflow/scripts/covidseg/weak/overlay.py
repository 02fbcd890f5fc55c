"""Pictures of a slice with its heat map on top."""

import numpy as np
from matplotlib import colormaps

OPACITY = 0.6  # opacity of a pixel with heat 1


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Return an RGB picture, uint8 (y, x, 3), of a slice, uint8 (y, x), and its heat (y, x), 0 to 1."""
    colours = colormaps["inferno"](heat)[..., :3] * 255  # brighter where hotter, also in grey
    opacity = OPACITY * np.sqrt(heat)[..., None]
    return np.rint((1 - opacity) * image[..., None] + opacity * colours).astype(np.uint8)
