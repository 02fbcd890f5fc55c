"""The orientation of a scan, verified by its lungs: headers and label ids can both be wrong.

The headers say where a label lies on its scan. Some headers name opposite directions although the voxels of
scan and label are stored in the same order. There the lungs decide: in the right orientation the voxels under
the lungs' label are darker. Besides, the lung labelled left must lie on the patient's left, towards larger x.
"""

from dataclasses import dataclass, replace

import numpy as np

from covidseg.errors import InputError
from covidseg.volumes import Volume

LEFT, RIGHT = 1, 2  # ids in the label `lungs` of every data set
MASKS_HEADER = "scan turned to the masks' header"
MIRRORED = "scan and labels mirrored left to right"
EXCHANGED = "labels of left and right lung exchanged"


@dataclass(frozen=True)
class Sides:
    """What the lungs of a case say about left and right.

    Attributes:
        agree: whether the lung labelled left lies on the patient's left, by the header.
        left_is_smaller: whether the left lung has fewer voxels, as is usual because of the heart.
    """

    agree: bool
    left_is_smaller: bool


def scan_under_masks(image: Volume, lungs: Volume) -> Volume | None:
    """Return the scan turned to the masks' header if the lungs are darker then, else None.

    Args:
        image: the scan, LPS by the scan's header.
        lungs: label of both lungs, LPS by the label's header.
    """
    flipped = [
        2 - "LPS".index(to)
        for to, pair in (("L", "LR"), ("P", "PA"), ("S", "SI"))
        for ours, theirs in zip(image.stored, lungs.stored, strict=False)
        if ours != theirs and {ours, theirs} == set(pair)
    ]
    if not flipped or image.array.shape != lungs.array.shape:
        return None
    turned, mask = np.flip(image.array, tuple(flipped)), lungs.array > 0
    if not mask.any() or turned[mask].mean() >= image.array[mask].mean():
        return None
    return replace(image, array=np.ascontiguousarray(turned), geometry=lungs.geometry, stored=lungs.stored)


def read_sides(lungs: np.ndarray, name: str) -> Sides:
    """Compare the two lungs of a label (z, y, x), LPS; raises InputError if one of them is missing."""
    columns = np.arange(lungs.shape[2])
    profiles = [(lungs == label).sum((0, 1)) for label in (LEFT, RIGHT)]
    for profile, side in zip(profiles, ("left", "right"), strict=True):
        if not profile.any():
            raise InputError(f"{name}: no voxel is labelled {side} lung, so the sides cannot be verified")
    left, right = ((profile @ columns) / profile.sum() for profile in profiles)
    return Sides(bool(left > right), bool(profiles[0].sum() < profiles[1].sum()))


def settle_sides(
    image: Volume, label: np.ndarray, regions: dict[int, str], belief: str, name: str
) -> tuple[Volume, np.ndarray, str]:
    """Correct a case whose lung labelled left lies on the patient's right; return the correction in words.

    Args:
        image: the scan, LPS.
        label: label map (z, y, x) on the scan's grid, with the project's ids.
        regions: label id -> region.
        belief: "header": the labels' ids are exchanged; "labels": scan and labels are mirrored; "refuse".
        name: name of the case in messages.

    Raises:
        InputError: `belief` is "refuse".
    """
    if belief == "refuse":
        raise InputError(
            f"{name}: the lung labelled left lies on the patient's right; look at the scan (the heart points "
            "to the left) and set sides in datasets.yaml to header or labels for this case"
        )
    if belief == "header":
        return image, _exchange(label, regions), EXCHANGED
    mirrored = np.ascontiguousarray(image.array[:, :, ::-1])
    return replace(image, array=mirrored), np.ascontiguousarray(label[:, :, ::-1]), MIRRORED


def _exchange(label: np.ndarray, regions: dict[int, str]) -> np.ndarray:
    ids = {region: number for number, region in regions.items()}
    exchanged = label.copy()
    for region, other in (("left_lung", "right_lung"), ("right_lung", "left_lung")):
        if region in ids:
            exchanged[label == ids[region]] = ids[other]
    return exchanged
