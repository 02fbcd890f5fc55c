"""The orientation of a scan, verified by its lungs: headers and label ids can both be wrong.

The headers say where a label lies on its scan. Some headers name opposite directions although the voxels of
scan and label are stored in the same order. There the lungs decide: in the right orientation the edge around
the lungs' label is brighter than the voxels inside. Besides, the lung labelled left must lie on the patient's
left, towards larger x.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from covidseg.errors import InputError
from covidseg.volumes import Volume

LEFT, RIGHT = 1, 2  # ids in the label `lungs` of every data set
OPPOSITES = ({"L", "R"}, {"P", "A"}, {"S", "I"})
EDGE_MM = 4.0  # around the lungs: the pleura, the ribs, the heart and the diaphragm
CONTRAST_MARGIN = 0.2  # of the scan's standard deviation, some 100 HU: less between two contrasts is chance
LABEL_MARGIN = 0.15  # of the label: less between two shares in the lungs is chance
MASKS_HEADER = "scan turned to the masks' header"
LABELS_HEADER = "label turned to the lungs' header"
UNDECIDED = (
    "scan ({scan}) and lungs ({masks}) have opposite directions by header, and the voxels do not decide"
)
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


def opposite_axes(stored: str, other: str) -> tuple[int, ...]:
    """Return the array axes (z, y, x) along which two files store their voxels in opposite order.

    Args:
        stored, other: axis codes of the two files; empty if a file has none, which contradicts nothing.
    """
    pairs = [{ours, theirs} for ours, theirs in zip(stored, other, strict=False)]
    return tuple(2 - axis for axis, opposite in enumerate(OPPOSITES) if opposite in pairs)


def scan_under_masks(image: Volume, lungs: Volume) -> Volume:
    """Return the scan, turned to the masks' header if the edge of the lungs shows that the scan's is wrong.

    Both orders of the voxels are compared where the two headers name opposite directions, and shape and
    spacing are the same. The right order has dark lungs and a bright edge around them. Dark lungs alone would
    not tell: in a slim patient, the mirrored lungs lie in the air in front of the chest, which is darker.

    Args:
        image: the scan, LPS by the scan's header.
        lungs: label of both lungs, LPS by the label's header.

    Returns:
        The scan; `corrections` says that it was turned, and `warnings` that the edge does not decide. The
        field `stored` of a scan whose order is decided is empty.
    """
    axes = opposite_axes(image.stored, lungs.stored)
    if not axes or not image.geometry.same_grid(lungs.geometry):
        return image
    own, mirrored = edge_contrasts(image, lungs.array > 0, axes)
    margin = CONTRAST_MARGIN * float(image.array.std(dtype=float))
    if max(own, mirrored) <= 0 or abs(own - mirrored) <= margin:
        warning = UNDECIDED.format(scan=image.stored, masks=lungs.stored)
        return replace(image, warnings=(*image.warnings, warning))
    if own > mirrored:
        return replace(image, stored="")
    return replace(
        image,
        array=np.ascontiguousarray(np.flip(image.array, axes)),
        geometry=lungs.geometry,
        stored="",
        corrections=(*image.corrections, MASKS_HEADER),
    )


def edge_contrasts(image: Volume, lungs: np.ndarray, axes: tuple[int, ...]) -> tuple[float, float]:
    """Return by how much a scan is brighter around the lungs than inside, as it is and mirrored along axes.

    The edge is EDGE_MM wide along each axis, at least one voxel. Without lungs, both contrasts are 0.
    """
    radii = [max(1, round(EDGE_MM / mm)) for mm in image.geometry.spacing]
    wide = ndimage.maximum_filter(lungs.view(np.uint8), [2 * radius + 1 for radius in radii]) > 0
    edge = wide & ~lungs
    if not lungs.any() or not edge.any():
        return 0.0, 0.0
    own, mirrored = (
        float(array[edge].mean(dtype=float) - array[lungs].mean(dtype=float))
        for array in (image.array, np.flip(image.array, axes))
    )
    return own, mirrored


def label_under_lungs(label: Volume, lungs: Volume, image: Volume, name: str) -> Volume:
    """Return the label of a turned scan, turned too if the label then lies in the lungs.

    A label whose header names other directions than the header of the lungs can be right, or can have the
    same wrong header as its scan.

    Args:
        label: label map with the project's ids, LPS by its own header.
        lungs: label of both lungs, LPS by its own header.
        image: the scan, from `scan_under_masks`.
        name: name of the case in messages.

    Raises:
        InputError: the lungs do not tell whether the label must be turned.
    """
    axes = opposite_axes(label.stored, lungs.stored)
    marked = np.count_nonzero(label.array)
    if MASKS_HEADER not in image.corrections or not (axes and marked):
        return label
    if not label.geometry.same_grid(lungs.geometry):
        return label
    turned = np.ascontiguousarray(np.flip(label.array, axes))
    own, mirrored = (np.count_nonzero(lungs.array[array > 0]) / marked for array in (label.array, turned))
    if abs(own - mirrored) <= LABEL_MARGIN:
        raise InputError(
            f"{name}: label ({label.stored}) and lungs ({lungs.stored}) have opposite directions by header, "
            f"and {own:.0%} or {mirrored:.0%} of the label lies in the lungs, which does not decide; give "
            "both files the same header"
        )
    if own > mirrored:
        return replace(label, stored="")
    corrections = (*label.corrections, LABELS_HEADER)
    return replace(label, array=turned, geometry=lungs.geometry, stored="", corrections=corrections)


def absent_lungs(lungs: np.ndarray) -> list[str]:
    """Return which lungs a label (z, y, x) lacks."""
    return [
        side for label, side in ((LEFT, "left lung"), (RIGHT, "right lung")) if not (lungs == label).any()
    ]


def read_sides(lungs: np.ndarray) -> Sides:
    """Compare the two lungs of a label (z, y, x), LPS, that has both."""
    columns = np.arange(lungs.shape[2])
    profiles = [(lungs == label).sum((0, 1)) for label in (LEFT, RIGHT)]
    left, right = ((profile @ columns) / profile.sum() for profile in profiles)
    return Sides(bool(left > right), bool(profiles[0].sum() < profiles[1].sum()))


def settle_sides(
    image: Volume, label: Volume, regions: dict[int, str], belief: str, name: str
) -> tuple[Volume, Volume]:
    """Correct a case whose lung labelled left lies on the patient's right.

    Args:
        image: the scan, LPS.
        label: label map on the scan's grid, with the project's ids.
        regions: label id -> region.
        belief: "header": the labels' ids are exchanged; "labels": scan and labels are mirrored; "refuse".
        name: name of the case in messages.

    Returns:
        Scan and label; the corrections of the label say what was done.

    Raises:
        InputError: `belief` is "refuse".
    """
    if belief == "refuse":
        raise InputError(
            f"{name}: the lung labelled left lies on the patient's right; look at the scan (the heart points "
            "to the left) and set sides in datasets.yaml to header or labels for this case"
        )
    if belief == "header":
        corrections = (*label.corrections, EXCHANGED)
        return image, replace(label, array=_exchange(label.array, regions), corrections=corrections)
    image, label = (
        replace(volume, array=np.ascontiguousarray(volume.array[:, :, ::-1])) for volume in (image, label)
    )
    return image, replace(label, corrections=(*label.corrections, MIRRORED))


def _exchange(label: np.ndarray, regions: dict[int, str]) -> np.ndarray:
    ids = {region: number for number, region in regions.items()}
    exchanged = label.copy()
    for region, other in (("left_lung", "right_lung"), ("right_lung", "left_lung")):
        if region in ids:
            exchanged[label == ids[region]] = ids[other]
    return exchanged
