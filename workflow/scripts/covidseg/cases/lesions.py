"""How many lesions a label map has, and in how many slices."""

import numpy as np
import SimpleITK as sitk

from covidseg.cases.boxes import bounding_box


def count_lesions(labels: np.ndarray, number: int) -> tuple[int, int]:
    """Return the number of slices with lesions, and the number of lesions, of one label id.

    ma2021 II-C prints both numbers for COVID-19-CT-Seg, but does not say what it counts as one infection. The
    definition of `connected_lesions` is ours.

    Args:
        labels: label map, uint8 (z, y, x).
        number: the label id.
    """
    mask = labels == number
    box = bounding_box(mask)
    if box is None:
        return 0, 0
    return int(mask.any(axis=(1, 2)).sum()), int(connected_lesions(mask[box]).max())


def connected_lesions(mask: np.ndarray) -> np.ndarray:
    """Number the lesions of a mask, bool (z, y, x): 1, 2, ... in the voxels of a lesion, 0 outside the mask.

    A lesion is a part of the mask that is connected in three dimensions: voxels that share a face, an edge or
    a corner are connected (26 neighbours).
    """
    image = sitk.GetImageFromArray(np.ascontiguousarray(mask).view(np.uint8))
    return sitk.GetArrayFromImage(sitk.ConnectedComponent(image, True))  # True: 26 neighbours
