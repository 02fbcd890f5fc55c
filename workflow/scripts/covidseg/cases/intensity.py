"""What a scan's voxels mean, and the window that the networks see."""

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatch

import numpy as np
import torch

from covidseg.archives.dataset import Dataset
from covidseg.errors import InputError
from covidseg.volumes import Volume

OUTSIDE = 1  # grey levels beyond 0 and 255 that a program may have left by rounding or interpolation
Window = tuple[float, float]  # (low, high): the voxel values that become 0 and 255


def first_fitting(patterns: Iterable[str], case: str) -> str:
    """Return the first pattern of case names that fits a case; raises InputError if none does."""
    for pattern in patterns:
        if fnmatch(case, pattern):
            return pattern
    raise InputError(
        f"case {case}: fits none of the patterns {', '.join(patterns)} in datasets.yaml; add '*'"
    )


def intensity_of(dataset: Dataset, case: str) -> str:
    """Return the meaning of a case's voxels.

    "hounsfield": HU. "windowed": HU that were mapped to 0..255 before publication. "grey": grey levels
    without a known relation to HU.
    """
    return dataset["intensity"][first_fitting(dataset["intensity"], case)]


def fit_intensity(image: Volume, intensity: str, name: str) -> Volume:
    """Return a scan whose voxels are what its data set says of them.

    Args:
        image: the scan.
        intensity: hounsfield, windowed or grey, see `intensity_of`.
        name: name of the case in messages.

    Returns:
        The scan. In a windowed scan, values at most OUTSIDE below 0 or above 255 are clipped, with a warning.

    Raises:
        InputError: the voxels are something else.
    """
    low, high = image.array.min(), image.array.max()
    fits, expected = {
        "windowed": (low >= -OUTSIDE and high <= 255 + OUTSIDE, "0 to 255 (windowed)"),
        "grey": (low < high, "more than one grey level"),
        "hounsfield": (low < -200, "Hounsfield units with air below -200"),
    }[intensity]
    if not fits:
        raise InputError(
            f"{name}: voxels from {low:g} to {high:g}, expected {expected}; see intensity in datasets.yaml"
        )
    if intensity != "windowed" or (low >= 0 and high <= 255):
        return image
    count = np.count_nonzero((image.array < 0) | (image.array > 255))
    warning = f"voxels from {low:g} to {high:g} were clipped to 0 to 255: {count}"
    return replace(image, array=np.clip(image.array, 0, 255), warnings=(*image.warnings, warning))


def window_of(dataset: Dataset, case: str, image: np.ndarray, window: Window) -> Window | None:
    """Return the voxel values of a case that become 0 and 255, or None if the scan was published as 0..255.

    Args:
        dataset: entry of config/datasets.yaml.
        case: name of the case.
        image: the scan (z, y, x); in a "grey" scan the lowest and highest voxel become 0 and 255.
        window: the plan's window in HU, for scans in HU.
    """
    kind = intensity_of(dataset, case)
    if kind == "grey":
        return float(image.min()), float(image.max())
    return None if kind == "windowed" else window


def to_window(slice_: torch.Tensor, window: Window | None) -> torch.Tensor:
    """Map a slice (y, x) from the window to 0..255, as float32; values outside the window are clipped.

    If `window` is None, the slice was published as 0..255 and keeps its values.
    """
    slice_ = slice_.float()
    if window is None:
        return slice_
    low, high = window
    return (slice_.clamp(low, high) - low) * (255 / (high - low))
