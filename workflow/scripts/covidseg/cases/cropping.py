"""The part of a scan that the networks see: the box around its non-zero voxels, as nnU-Net v1 crops."""

import numpy as np

from covidseg.cases.boxes import bounding_box
from covidseg.cases.intensity import Window
from covidseg.errors import InputError


def nonzero_box(image: np.ndarray, window: Window | None, *, name: str) -> tuple[slice, ...]:
    """Return the smallest box around all voxels of a scan (z, y, x) that are not 0 after the window.

    Voxels at or below the window are 0: what scanners and archives write around the measured field, such as
    -2000 or -3024 HU. nnU-Net v1 (cropping.py) first fills the holes of the non-zero region, which does not
    change the box.

    Args:
        image: the scan, before the window is applied.
        window: the voxel values that become 0 and 255, or None if the scan was published as 0..255.
        name: the scan's name in messages.

    Returns:
        One slice per axis (z, y, x).

    Raises:
        InputError: all voxels are 0.
    """
    nonzero = image != 0 if window is None else image > window[0]
    box = bounding_box(nonzero)
    if box is None:
        limit = "0" if window is None else f"at or below {window[0]:g}, the lower end of the window"
        raise InputError(f"{name}: all voxels are {limit}; check the scan, and intensity in datasets.yaml")
    return box
