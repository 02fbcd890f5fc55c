"""Fill the contours of an RTSTRUCT to a mask on the grid of a scan."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset
from scipy.ndimage import binary_erosion
from skimage.draw import polygon2mask

from covidseg.archives.dataset import Roi
from covidseg.cases.dicom_files import damage_told, element, parse_dicom
from covidseg.cases.dicom_stack import tolerance
from covidseg.cases.roi import combine_regions, find_regions, names_by_id
from covidseg.cases.structure_set import drawn_regions, find_contours, refuse_other_kinds
from covidseg.errors import InputError
from covidseg.volumes import Volume

COPY = 0.5  # fraction of the pixels on a contour's edge by which a copy may differ; a hole differs by all
STICKING_OUT = 0.05  # fraction of a hole that may lie outside, where both contours share an edge
ROUNDING = 1e-4  # slices, of coordinates in the file
COARSE = 1.5  # slices from plane to plane, above which the contours were drawn on a coarser grid
CLOSED, EXCLUSIVE = "CLOSED_PLANAR", "CLOSEDPLANAR_XOR"


@dataclass(frozen=True)
class Contour:
    """One closed contour.

    Attributes:
        points: its points (n, 3) as voxel indices (z, y, x) of the scan.
        exclusive: whether the contour is combined with the others by exclusive or, as its type says.
    """

    points: np.ndarray
    exclusive: bool

    @property
    def plane(self) -> float:
        """Index (z) of the contour's plane; not a whole number if the plane lies between slices."""
        return float(self.points[:, 0].mean())


def rasterise(content: bytes, roi: Roi, image: Volume, name: str, *, case: str = "") -> Volume:
    """Fill the contours of regions of interest, from an RTSTRUCT, on the grid of a scan.

    A voxel belongs to the region if the voxel's centre lies inside a contour. A contour inside another one
    cuts a hole, and a contour in a hole fills an island. Contours that overlap add, and so do contours in
    different planes that lie nearest to the same slice. A copy of a contour changes nothing.

    Args:
        content: the file of the RTSTRUCT.
        roi: the regions, for example GTV-1; see `names_by_id`.
        image: the scan, LPS, with axial slices along z.
        name: name of the RTSTRUCT in messages.
        case: the project's name of the case, by which `roi` may choose.

    Returns:
        The label map: uint8 (z, y, x), 0 outside the regions. A single region has label 1.

    Raises:
        InputError: the file is damaged or no RTSTRUCT; the RTSTRUCT has no contours of a region, or several
            regions of this name; or contours are open, oblique to the slices, in another frame of reference
            or outside the scan.
    """
    wanted = names_by_id(roi, case)
    with damage_told(name, "RTSTRUCT"):
        found = parse_dicom(content)
        refuse_other_kinds(found, name)
        regions = find_regions(wanted, drawn_regions(found), name)
    return combine_regions(regions, lambda region: _fill_region(found, region, image, name))


def _fill_region(found: Dataset, roi: str, image: Volume, name: str) -> Volume:
    """Return the mask (z, y, x) of one region, 1 inside."""
    with damage_told(name, "RTSTRUCT"):
        items = find_contours(found, roi, image, name)
        contours = [_read_contour(item, image, f"{name}: a contour of {roi}") for item in items]
    closed = [contour for contour in contours if len(contour.points) > 2]
    mask, planes, empty = np.zeros(image.geometry.shape, np.uint8), [], len(contours) - len(closed)
    for plane, group in _planes(closed, image):
        areas = [polygon2mask(mask.shape[1:], contour.points[:, 1:]) for contour in group]
        empty += sum(not area.any() for area in areas)
        mask[nearest_slice(plane, len(mask))] |= _combine(areas, [contour.exclusive for contour in group])
        planes.append(plane)
    corrections = fill_missing_slices(mask, image, planes, roi)
    warnings = _describe_planes(np.array(planes), image, roi)
    if empty:
        warnings.append(f"{empty} of {len(contours)} contours of {roi} enclose the centre of no voxel")
    return Volume(mask, image.geometry, corrections=tuple(corrections), warnings=tuple(warnings))


def nearest_slice(plane: float, slices: int) -> int:
    """Return the slice nearest to a plane (index z); of two as near ones, the upper one, despite rounding."""
    return min(int(np.floor(plane + 0.5 + ROUNDING)), slices - 1)


def _read_contour(item: Dataset, image: Volume, name: str) -> Contour:
    kind = element(item, "ContourGeometricType", name)
    if kind not in (CLOSED, EXCLUSIVE):
        raise InputError(f"{name} is of type {kind}, expected {CLOSED}")
    values = np.atleast_1d(np.array(item.get("ContourData") or [], float))
    said = int(item.get("NumberOfContourPoints") or len(values) // 3)
    if len(values) != 3 * said or not np.isfinite(values).all():
        raise InputError(f"{name} has {len(values)} numbers, expected 3 finite ones per point of {said}")
    points = values.reshape(-1, 3)
    to_index = np.linalg.inv(image.geometry.affine)
    indices = (points @ to_index[:3, :3].T + to_index[:3, 3])[:, ::-1]
    if said:
        _refuse_unfit_place(points, indices, image, name)
    return Contour(indices, kind == EXCLUSIVE)


def _refuse_unfit_place(points: np.ndarray, indices: np.ndarray, image: Volume, name: str) -> None:
    """Refuse contours outside the scan or oblique to its slices."""
    spacing = np.array(image.geometry.spacing)
    last = np.array(image.geometry.shape) - 1
    margin = [
        0.5 + ROUNDING,
        1.0,
        1.0,
    ]  # half a slice; in the plane, a contour may run around the last pixels
    if (indices < -np.array(margin)).any() or (indices > last + margin).any():
        odd = points[int(np.maximum(-indices, indices - last).max(1).argmax())]
        corners = np.array([[0, 0, 0, 1], [*last[::-1], 1]]) @ image.geometry.affine.T
        where = [f"{axis} {low:g} to {high:g}" for axis, low, high in zip("xyz", *corners, strict=False)]
        raise InputError(
            f"{name} at x, y, z = {odd[0]:g}, {odd[1]:g}, {odd[2]:g} mm lies outside the CT "
            f"({', '.join(where)} mm)"
        )
    depth = float(np.ptp(indices[:, 0]) * spacing[0])
    if depth > tolerance(spacing[0]):
        raise InputError(f"{name} at z = {points[0, 2]:g} mm is oblique to the slices, by {depth:.3g} mm")


def _planes(contours: list[Contour], image: Volume) -> Iterable[tuple[float, list[Contour]]]:
    """Yield the contours plane by plane, upward."""
    close = tolerance(image.geometry.spacing[0]) / image.geometry.spacing[0]
    group: list[Contour] = []
    for contour in sorted(contours, key=lambda contour: contour.plane):
        if group and contour.plane - group[0].plane > close:
            yield group[0].plane, group
            group = []
        group.append(contour)
    if group:
        yield group[0].plane, group


def _combine(areas: list[np.ndarray], exclusive: list[bool]) -> np.ndarray:
    """Combine the areas (y, x) inside the contours of one plane, the largest first.

    A contour in an odd number of larger contours is the edge of a hole. A copy does what its original did.
    """
    mask = np.zeros_like(areas[0])
    originals: list[tuple[np.ndarray, bool]] = []
    for index in sorted(range(len(areas)), key=lambda index: -np.count_nonzero(areas[index])):
        area = areas[index]
        copied = [is_hole for other, is_hole in originals if _is_copy(area, other)]
        is_hole = copied[0] if copied else sum(_lies_in(area, other) for other, _ in originals) % 2 == 1
        if not copied:
            originals.append((area, is_hole))
        if exclusive[index]:
            mask = mask if copied else mask ^ area
        else:
            mask = mask & ~area if is_hole else mask | area
    return mask


def _lies_in(area: np.ndarray, larger: np.ndarray) -> bool:
    return bool(np.count_nonzero(area & ~larger) <= STICKING_OUT * np.count_nonzero(area))


def _is_copy(area: np.ndarray, larger: np.ndarray) -> bool:
    """Return whether two areas differ by less than an edge, as those of a contour stored twice do."""
    different = np.count_nonzero(area ^ larger)
    if not different:
        return True
    if different >= COPY * np.count_nonzero(larger):
        return False
    edge = larger & ~binary_erosion(larger)
    return bool(different < COPY * np.count_nonzero(edge))


def fill_missing_slices(mask: np.ndarray, image: Volume, planes: list[float], roi: str) -> list[str]:
    """Copy the nearest slice (of two, the lower one) to each filled slice of the scan without a drawing.

    Args:
        mask: mask of a region (z, y, x); changed in place.
        image: the scan.
        planes: indices of the planes in which the region was drawn.
        roi: name of the region.

    Returns:
        What was copied, in words.
    """
    drawn = {nearest_slice(plane, len(mask)) for plane in planes}
    there = np.setdiff1d(np.arange(len(mask)), image.filled)
    bare = [index for index in image.filled if index not in drawn]
    for index in bare:
        mask[index] = mask[there[np.abs(there - index).argmin()]]
    return [f"{roi}: {len(bare)} filled slices took the nearest slice of the contours"] * bool(
        mask[bare].any()
    )


def _describe_planes(planes: np.ndarray, image: Volume, roi: str) -> list[str]:
    """Say where the planes of the contours (indices of slices, upward) do not fit the slices."""
    spacing = image.geometry.spacing[0]
    nearest = np.array([nearest_slice(plane, image.geometry.shape[0]) for plane in planes])
    warnings = []
    if (off := float(np.abs(planes - nearest).max(initial=0) * spacing)) > tolerance(spacing):
        warnings.append(f"contours of {roi} lie up to {off:.3g} mm off the slices")
    if united := len(nearest) - len(np.unique(nearest)):
        warnings.append(
            f"contours of {roi} have {united} planes too many; those nearest to one slice were united"
        )
    if len(planes) > 2 and (gap := float(np.median(np.diff(planes)))) > COARSE:
        warnings.append(
            f"contours of {roi} are {gap * spacing:.3g} mm apart, the slices {spacing:g} mm; slices between "
            "the contours stay empty"
        )
    return warnings
