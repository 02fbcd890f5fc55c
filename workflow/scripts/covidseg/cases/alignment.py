"""Masks on their scans: whether a mask lies on the grid of its scan, and how the mask is laid there."""

from dataclasses import replace

import numpy as np

from covidseg.archives.dataset import Dataset, Members
from covidseg.cases.label_ids import remap
from covidseg.cases.orientation import label_under_lungs, opposite_axes, scan_under_masks
from covidseg.errors import InputError
from covidseg.volumes import Geometry, Volume

LARGEST_TURN = 10.0  # degrees between the axes of a mask and of its scan, if the scan's geometry is taken


def put_on_one_grid(
    dataset: Dataset, image: Volume, label: Volume, lungs: Volume | None, name: str
) -> tuple[Volume, Volume, Volume | None]:
    """Return scan, label and lungs on one grid, label and lungs with the project's ids.

    Args:
        dataset: entry of config/datasets.yaml.
        image: the scan, LPS by its own header.
        label: label map with the ids of the archive, LPS by its own header.
        lungs: the same of both lungs; the same object as `label` if the label has them; None without lungs.
        name: name of the case in messages.

    Returns:
        The three volumes. Corrections and warnings of the lungs are among those of the label.

    Raises:
        InputError: an id is unknown, or a label does not lie on the scan.
    """
    own_lungs = None if lungs is label else lungs
    label = remap(label, dataset["labels"]["map"], name, "label")
    if lungs:
        lungs = remap(own_lungs, dataset["lungs"]["map"], name, "lungs") if own_lungs else label
        image = scan_under_masks(image, lungs)
        label = label_under_lungs(label, lungs, image, name)
    label = align(label, image, geometry=_geometry(dataset["labels"]), name=name, kind="label")
    if not own_lungs:
        return image, label, label if lungs else None
    assert lungs, "they have a file of their own"
    lungs = align(lungs, image, geometry=_geometry(dataset["lungs"]), name=name, kind="lungs")
    warnings, corrections = (*label.warnings, *lungs.warnings), (*label.corrections, *lungs.corrections)
    return image, replace(label, warnings=warnings, corrections=corrections), lungs


def _geometry(entry: Members) -> str:
    return entry.get("geometry", "own")


def align(mask: Volume, image: Volume, *, geometry: str, name: str, kind: str) -> Volume:
    """Return a mask on the grid of its scan.

    Args:
        mask: label map, LPS.
        image: the scan, LPS.
        geometry: "own": shape, spacing and position of the mask must be those of the scan. "image": the
            position may differ; the mask then takes the geometry of the scan, with a warning.
        name: name of the case in messages.
        kind: name of the mask in messages, for example label.

    Returns:
        The mask with the geometry of the scan. If the scan has filled slices, and the mask has only the other
        slices, each filled slice has the values of the nearest slice of the mask (of the lower one if two
        are as near). `corrections` and `warnings` say what was done.

    Raises:
        InputError: the mask does not lie on the scan.
    """
    if image.filled and len(mask.array) == len(image.array) - len(image.filled):
        mask = _lay_on_filled(mask, image, kind)
    differences = image.geometry.differences(mask.geometry)
    if differences:
        offset = _bearable_offset(mask, image) if geometry == "image" else None
        if offset is None:
            raise InputError(f"{name}: image and {kind} differ in {'; '.join(differences)}")
        warning = f"{kind} took the geometry of the scan, which is {offset} away"
        mask = replace(mask, warnings=(*mask.warnings, warning))
    return replace(mask, geometry=image.geometry)


def _bearable_offset(mask: Volume, image: Volume) -> str | None:
    """Return in words how far two grids are apart that differ in position alone; None if more differs."""
    ours, theirs = image.geometry, mask.geometry
    if not ours.same_grid(theirs) or opposite_axes(mask.stored, image.stored):
        return None
    degrees = _turn(ours, theirs)
    if degrees > LARGEST_TURN:
        return None
    turned = f" and {degrees:.2g} degrees" if degrees > 0.01 else ""
    return f"{ours.offset(theirs):.3g} mm{turned}"


def _turn(geometry: Geometry, other: Geometry) -> float:
    """Return the angle in degrees that turns the axes of one grid to those of another."""
    axes, others = (one.affine[:3, :3] / one.spacing[::-1] for one in (geometry, other))
    # By the distance of the two matrices: the arc cosine of their trace would make 0.01 degrees of rounding.
    return float(np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(axes - others) / 8**0.5, 0, 1))))


def _lay_on_filled(mask: Volume, image: Volume, kind: str) -> Volume:
    """Lay a mask that lacks the filled slices of its scan on the slices that were there."""
    slices = np.arange(len(image.array))
    there = np.setdiff1d(slices, image.filled)
    nearest = np.abs(slices[:, None] - there).argmin(1)
    correction = (
        f"{kind} laid on the {len(there)} slices of the series, and repeated on the filled ones from the "
        "nearest slice"
    )
    geometry = _spread_geometry(mask.geometry, image.geometry)
    corrections = (*mask.corrections, correction)
    return replace(mask, array=mask.array[nearest], geometry=geometry, corrections=corrections)


def _spread_geometry(geometry: Geometry, filled: Geometry) -> Geometry:
    """Return the grid of a mask without the filled slices of a scan, spread over all slices of the scan.

    The header of such a mask gives the spacing of neighbouring slices or the mean spacing. With the first, a
    file that stores the slices downward has its top slice at the right place, and another its lowest slice.
    """
    slices, step = filled.shape[0], filled.spacing[0]
    mean = step * (slices - 1) / max(geometry.shape[0] - 1, 1)
    affine = geometry.affine.copy()
    if np.isclose([step, mean], geometry.spacing[0], rtol=1e-3).any():
        affine[:3, 2] *= step / geometry.spacing[0]
    lowest = Geometry((slices, *geometry.shape[1:]), affine)
    top = affine.copy()
    top[:3, 3] = (geometry.affine @ [0, 0, geometry.shape[0] - 1, 1])[:3] - (slices - 1) * affine[:3, 2]
    return min(lowest, Geometry(lowest.shape, top), key=filled.offset)
