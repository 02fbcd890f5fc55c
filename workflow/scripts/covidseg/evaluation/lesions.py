"""Which lesions were found: connected components of the true and of the predicted mask, matched by overlap.

A lesion is a 3D connected component. Voxels that share a face, an edge or a corner are connected (26
neighbours): an oblique, thin part of an infection stays one lesion on scans with thick slices.

A lesion counts as found if the other mask covers at least a given share of its voxels; a share of 0 stands
for one voxel. So one large prediction finds all the lesions that it covers, and each part of a prediction in
several parts is right. Reason: the infection of COVID-19 is diffuse, and whether two patches touch is a
matter of a few voxels. A match of one lesion with one prediction, for example by an intersection over union
of 0.5, would count patches as missed and as false merely because they are joined in one of the masks.

The share of 10 % is alpha of Commowick et al. 2018 (doi:10.1038/s41598-018-31911-7). Their further condition,
that the prediction must not be much larger than the lesion, is left out: volumes and DSC show this. The WMH
challenge (Kuijf et al. 2019, doi:10.1109/TMI.2019.2905770) asks for one voxel.

A component below a given volume is no lesion: in five of MosMed's masks, 29 % of the components are single
voxels. The voxels of such a component still count as overlap.
"""

from typing import NamedTuple

import numpy as np

from covidseg.cases.boxes import bounding_box
from covidseg.cases.lesions import connected_lesions
from covidseg.evaluation.sections import Lesions


class Detection(NamedTuple):
    """Numbers of lesions.

    Attributes:
        true: lesions of the truth.
        found: lesions of the truth that the prediction covers.
        predicted: lesions of the prediction.
        right: lesions of the prediction that the truth covers.
    """

    true: int
    found: int
    predicted: int
    right: int


def count_detected(truth: np.ndarray, prediction: np.ndarray, *, voxel_ml: float, rule: Lesions) -> Detection:
    """Count the lesions of both masks, and how many of them the other mask covers.

    Args:
        truth: bool (z, y, x).
        prediction: bool (z, y, x), the shape of `truth`.
        voxel_ml: volume of one voxel in mL.
        rule: smallest lesion, and the share of a lesion that must be covered.
    """
    true, predicted = (
        _count_covered(mask, other, minimum=rule["minimum_ml"] / voxel_ml, overlap=rule["overlap"])
        for mask, other in ((truth, prediction), (prediction, truth))
    )
    return Detection(*true, *predicted)


def _count_covered(mask: np.ndarray, other: np.ndarray, *, minimum: float, overlap: float) -> tuple[int, int]:
    """Return the numbers of lesions in a mask, and of those that the other mask covers.

    Args:
        mask: bool (z, y, x).
        other: bool (z, y, x).
        minimum: smallest number of voxels of a lesion.
        overlap: smallest share of a lesion's voxels that must be in the other mask.
    """
    box = bounding_box(mask)
    if box is None:
        return 0, 0
    mask, other = mask[box], other[box]
    labels = connected_lesions(mask)
    sizes = np.bincount(labels[mask])[1:]
    covered = np.bincount(labels[mask & other], minlength=len(sizes) + 1)[1:]
    lesions = sizes >= minimum
    found = lesions & (covered > 0) & (covered / sizes >= overlap)
    return int(lesions.sum()), int(found.sum())
