"""How many lesions a label map has, and in how many slices."""

import numpy as np
from scipy import ndimage

NEIGHBOURS = np.ones((3, 3, 3))  # voxels that share a face, an edge or a corner are connected


def count_lesions(labels: np.ndarray, number: int) -> tuple[int, int]:
    """Return the number of slices with lesions, and the number of lesions, of one label id.

    A lesion is a part of the label that is connected in three dimensions. ma2021 II-C prints both numbers for
    COVID-19-CT-Seg, but does not say what it counts as one infection; this definition is ours.

    Args:
        labels: label map, uint8 (z, y, x).
        number: the label id.
    """
    box = ndimage.find_objects(labels, number)[number - 1]
    if box is None:
        return 0, 0
    mask = labels[box] == number
    return int(mask.any(axis=(1, 2)).sum()), int(ndimage.label(mask, NEIGHBOURS)[1])
