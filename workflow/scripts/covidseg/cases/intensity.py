"""What a scan's voxels mean, and the window that the networks see."""

from fnmatch import fnmatch

import numpy as np
import torch

from covidseg.archives.dataset import Dataset
from covidseg.errors import InputError

Window = tuple[float, float]  # the values of voxels that become 0 and 255


def first_fitting(patterns: dict[str, str], case: str) -> str:
    """Return the first pattern of case names that fits a case; raises InputError if none does."""
    for pattern in patterns:
        if fnmatch(case, pattern):
            return pattern
    raise InputError(
        f"case {case}: fits none of the patterns {', '.join(patterns)} in datasets.yaml; add '*'"
    )


def intensity_of(dataset: Dataset, case: str) -> str:
    """Return "hounsfield", "windowed" (0..255 already) or "grey" (of no known relation to HU) for a case."""
    return dataset["intensity"][first_fitting(dataset["intensity"], case)]


def window_of(dataset: Dataset, case: str, image: np.ndarray, window: Window) -> Window | None:
    """Return the voxels of a case that become 0 and 255; None if it came so.

    Args:
        dataset: entry of config/datasets.yaml.
        case: its name.
        image: (z, y, x), of which grey levels are all taken.
        window: the plan's, in HU.
    """
    kind = intensity_of(dataset, case)
    if kind == "grey":
        return float(image.min()), float(image.max())
    return None if kind == "windowed" else window


def to_window(slice_: torch.Tensor, window: Window | None) -> torch.Tensor:
    """Return a slice with the window's HU as 0 to 255, what lies outside clipped; None: it came so."""
    slice_ = slice_.float()
    if window is None:
        return slice_
    low, high = window
    return (slice_.clamp(low, high) - low) * (255 / (high - low))
