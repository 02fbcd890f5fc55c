"""Which voxels are the left and the right lung, infection included."""

from dataclasses import dataclass

import numpy as np

from covidseg.regions import LESIONS, LUNGS


@dataclass(frozen=True)
class Lungs:
    """The lungs of a scan; the infection of a lung is a part of the lung.

    Attributes:
        left: mask of the left lung, bool (z, y, x).
        right: mask of the right lung.
        outside: the infection that the model of the lungs left out; it counts to the lung on its side.
    """

    left: np.ndarray
    right: np.ndarray
    outside: np.ndarray

    @property
    def both(self) -> np.ndarray:
        """Mask of both lungs."""
        return self.left | self.right

    def add(self, infection: np.ndarray) -> "Lungs":
        """Return the lungs with an infection, bool (z, y, x), of which they may lack a part."""
        outside = infection & ~self.both
        left, right = _add_to_sides(self.left, self.right, outside)
        return Lungs(left, right, outside)


def find_lungs(labels: np.ndarray, channels: dict[str, int]) -> Lungs:
    """Return the lungs that a model has found.

    A model that knows lungs and infection as classes of their own leaves the infection out of its lungs.

    Args:
        labels: output channels, uint8 (z, y, x).
        channels: region -> output channel of the model.
    """
    left, right = (labels == channels[side] for side in LUNGS)
    for region in LESIONS:
        if region in channels:
            left, right = _add_to_sides(left, right, labels == channels[region])
    return Lungs(left, right, np.zeros_like(left))


def _add_to_sides(left: np.ndarray, right: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both lungs with the voxels of a mask, divided by the plane midway between the lungs."""
    if not mask.any():
        return left, right
    columns = np.arange(left.shape[2])
    nearer_right = columns < sum(map(_mean_column, (left, right))) / 2  # x grows to the patient's left
    return left | (mask & ~nearer_right), right | (mask & nearer_right)


def _mean_column(mask: np.ndarray) -> float:
    counts = np.count_nonzero(mask, axis=(0, 1))
    middle = (len(counts) - 1) / 2
    return float(np.average(np.arange(len(counts)), weights=counts)) if counts.any() else middle
