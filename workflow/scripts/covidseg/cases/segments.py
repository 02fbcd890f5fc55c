"""Read the segments of a DICOM SEG as a label map on the grid of a scan.

Each frame of a DICOM SEG says where its plane lies, so frames may come in any order, and planes without a
voxel of a segment may be left out (DICOM PS3.3, A.51 and C.8.20).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset
from pydicom.uid import UID, SegmentationStorage

from covidseg.archives.dataset import Roi
from covidseg.cases.contours import fill_missing_slices
from covidseg.cases.dicom_files import damage_told, element, numbers, one_line, parse_dicom
from covidseg.cases.dicom_frames import frame_headers
from covidseg.cases.dicom_pixels import stored_values
from covidseg.cases.dicom_stack import tolerance
from covidseg.cases.roi import combine_regions, find_regions, names_by_id
from covidseg.errors import InputError
from covidseg.volumes import Volume

LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"  # a segmentation whose pixels are numbers of segments
OFF = 0.1  # fraction of a voxel by which a pixel may lie off its voxel


@dataclass(frozen=True)
class Plane:
    """The voxels of a frame that belong to a segment, or to several segments of a label map.

    Attributes:
        segment: number of the segment; None in a label map.
        numbers: number of the segment of each voxel in a label map, 1 in other files (n,).
        voxels: indices (n, 3) of the voxels in the scan, as (x, y, z).
    """

    segment: int | None
    numbers: np.ndarray
    voxels: np.ndarray

    @property
    def segments(self) -> set[int]:
        """Numbers of all segments that the frame has a voxel of."""
        return {self.segment} if self.segment is not None else set(self.numbers.tolist())

    def of(self, segment: int) -> np.ndarray:
        """Return the voxels (n, 3) of a segment."""
        if self.segment is None:
            return self.voxels[self.numbers == segment]
        return self.voxels if self.segment == segment else self.voxels[:0]


def read_segments(content: bytes, roi: Roi | None, image: Volume, name: str, *, case: str = "") -> Volume:
    """Put the segments of a DICOM SEG on the grid of a scan.

    Args:
        content: the file: binary or fractional segments (a voxel belongs to a segment from one half on), or a
            label map.
        roi: the segments by their labels, see `names_by_id`; None: all segments, with their numbers as ids.
        image: the scan, LPS.
        name: name of the file in messages.
        case: the project's name of the case, by which `roi` may choose.

    Returns:
        The label map (z, y, x), 0 outside the segments.

    Raises:
        InputError: the file is damaged or no DICOM SEG, has no such segment, or lies on another grid or in
            another frame of reference than the scan.
    """
    with damage_told(name, "DICOM SEG"):
        found = parse_dicom(content)
        labels = _read_labels(found, image, name)
        planes = list(_read_planes(found, image, name))
    used = {number for plane in planes for number in plane.segments}
    if unknown := used - labels.keys():
        raise InputError(f"{name}: voxels of segment {min(unknown)}, which SegmentSequence does not describe")
    if roi is None:
        masks = {f"segment {number} ({labels[number]})": number for number in sorted(labels)}
        regions = {number: [region] for region, number in masks.items()}
    else:
        regions = find_regions(names_by_id(roi, case), list(labels.values()), name)
        masks = {one: _number_of(one, labels, name) for names in regions.values() for one in names}
    return combine_regions(regions, lambda region: _mask(planes, masks[region], labels, image))


def _read_labels(found: Dataset, image: Volume, name: str) -> dict[int, str]:
    """Return number -> label of the segments, of a SEG that was drawn on the scan."""
    kind = UID(str(found.get("SOPClassUID", "")))
    if kind not in (SegmentationStorage, LABEL_MAP):
        raise InputError(
            f"{name}: this is {one_line(kind.name) or 'a file of no kind'}, expected a DICOM SEG"
        )
    frame = one_line(found.get("FrameOfReferenceUID") or "")
    if frame and image.frame_of_reference and frame != image.frame_of_reference:
        raise InputError(
            f"{name}: drawn in frame of reference {frame}, but the scan's frame of reference is "
            f"{image.frame_of_reference}"
        )
    labels = {
        int(one.SegmentNumber): one_line(one.get("SegmentLabel") or "") for one in found.SegmentSequence
    }
    labels.pop(0, "")  # the background of a label map
    if not labels:
        raise InputError(f"{name}: no segment in SegmentSequence")
    return labels


def _number_of(label: str, labels: dict[int, str], name: str) -> int:
    having = [number for number, known in labels.items() if known == label]
    if len(having) != 1:
        listed = ", ".join(f"{number} {known}" for number, known in labels.items())
        how_many = f"{len(having)} segments are labelled" if having else "no segment is labelled"
        raise InputError(f"{name}: {how_many} {label!r}; there are: {listed}")
    return having[0]


def _read_planes(found: Dataset, image: Volume, name: str) -> Iterator[Plane]:
    """Yield the frames that have a voxel."""
    values = _read_pixels(found, name)
    is_label_map = found.SOPClassUID == LABEL_MAP
    for number, (pixels, header) in enumerate(
        zip(values, frame_headers(found, len(values), name), strict=True), start=1
    ):
        if pixels.any():
            where = f"{name}, frame {number}"
            segment = None if is_label_map else int(element(header, "ReferencedSegmentNumber", where))
            y, x = np.nonzero(pixels)
            yield Plane(segment, pixels[y, x], _find_voxels(x, y, header, image, where))


def _read_pixels(found: Dataset, name: str) -> np.ndarray:
    """Return the pixels of all frames (frames, y, x): 1 inside a segment, or numbers of segments."""
    frames, rows, columns = (int(found.get(key) or 1) for key in ("NumberOfFrames", "Rows", "Columns"))
    if found.get("BitsAllocated") != 1:
        values = stored_values(found, name)
    else:
        size = -(-frames * rows * columns // 8)
        if not found.file_meta.TransferSyntaxUID.is_encapsulated and len(found.PixelData) < size:
            raise InputError(f"{name}: truncated ({len(found.PixelData)} of {size} bytes of pixels)")
        values = found.pixel_array.reshape(frames, rows, columns)
    if found.get("SegmentationType") == "FRACTIONAL":
        return values >= int(element(found, "MaximumFractionalValue", name)) / 2
    return values


def _find_voxels(x: np.ndarray, y: np.ndarray, header: Dataset, image: Volume, name: str) -> np.ndarray:
    """Return the voxels (n, 3) of the scan, as (x, y, z), on which pixels of a frame lie.

    Raises:
        InputError: the frame has other pixels than the scan, or a pixel lies outside the scan.
    """
    to_index = np.linalg.inv(image.geometry.affine)
    position = numbers(header, "ImagePositionPatient", 3, name)
    spacing = numbers(header, "PixelSpacing", 2, name)
    directions = numbers(header, "ImageOrientationPatient", 6, name).reshape(2, 3)
    corner = to_index[:3, :3] @ position + to_index[:3, 3]
    steps = directions * spacing[::-1, None] @ to_index[:3, :3].T  # from pixel to pixel along x and along y
    pixels = np.stack([x, y], axis=1)
    voxels = np.rint(corner) + pixels @ np.rint(steps)
    slices = image.geometry.spacing[0]
    allowed = np.array([OFF, OFF, max(OFF, tolerance(slices) / slices)])
    if (np.abs(corner + pixels @ steps - voxels) > allowed).any() or np.abs(np.rint(steps)).sum() != 2:
        grid = " x ".join(f"{mm:g}" for mm in image.geometry.spacing)
        raise InputError(
            f"{name}: its pixels of {spacing[0]:g} x {spacing[1]:g} mm at z = {position[2]:g} mm do not lie "
            f"on the scan's voxels of {grid} mm; resample the segmentation to the scan"
        )
    if (voxels < 0).any() or (voxels >= image.geometry.shape[::-1]).any():
        raise InputError(f"{name}: segmented voxels at z = {position[2]:g} mm lie outside the scan")
    return voxels.astype(int)


def _mask(planes: list[Plane], number: int, labels: dict[int, str], image: Volume) -> Volume:
    """Return the mask (z, y, x) of one segment, 1 inside."""
    mask = np.zeros(image.geometry.shape, np.uint8)
    x, y, z = np.concatenate([np.zeros((0, 3), int), *(plane.of(number) for plane in planes)]).T
    mask[z, y, x] = 1
    label = labels[number] or f"segment {number}"
    corrections = fill_missing_slices(mask, image, np.unique(z).tolist(), label)
    warnings = () if z.size else (f"{label} has no voxel",)
    return Volume(mask, image.geometry, corrections=tuple(corrections), warnings=warnings)
