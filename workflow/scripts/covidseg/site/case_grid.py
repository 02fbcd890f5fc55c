"""The voxels that the viewer shows of a scan: the box around the lungs, with fewer voxels in the plane.

The viewer takes no number from this grid, but the colours that it draws. Scores, volumes and errors come from
the full grid.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from covidseg.cases.boxes import bounding_box

AIR_HU = -400  # between lung and soft tissue
MARGIN_MM = 10
SEARCH_MM = 3  # step of the grid on which the lungs are searched
LUNG_SHARE = 0.1  # a part of the air inside the body is a lung if it has this share of the largest part
LARGEST_SIDE = 256  # voxels in the plane; more are averaged in squares
COARSE_MM = 5  # step of the lungs' grid in 3D

Box = tuple[slice, ...]


@dataclass(frozen=True)
class Grid:
    """The viewer's voxels.

    Attributes:
        box: the part of the scan (z, y, x).
        factor: one voxel of the viewer is the mean of factor x factor voxels in the plane.
    """

    box: Box
    factor: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of the viewer's voxels (z, y, x)."""
        depth, height, width = (part.stop - part.start for part in self.box)
        return depth, -(-height // self.factor), -(-width // self.factor)

    @classmethod
    def around(cls, box: Box, *, largest: int = LARGEST_SIDE) -> "Grid":
        """Return the grid of a box, with at most `largest` voxels per side in the plane."""
        side = max(part.stop - part.start for part in box[1:])
        return cls(box, -(-side // largest))

    def reduce(self, part: np.ndarray) -> np.ndarray:
        """Return the means of the box's voxels (z, y, x) on the viewer's voxels, as float32."""
        part = part.astype(np.float32)
        if self.factor == 1:
            return part
        _, height, width = part.shape
        edge = [(0, 0), (0, -height % self.factor), (0, -width % self.factor)]
        part = np.pad(part, edge, mode="edge")
        depth, height, width = part.shape
        squares = part.reshape(depth, height // self.factor, self.factor, width // self.factor, self.factor)
        return squares.mean((2, 4))

    def reduce_labels(self, part: np.ndarray) -> np.ndarray:
        """Return the box's label map, uint8 (z, y, x): the id that fills half of a viewer's voxel or more."""
        if self.factor == 1:
            return np.ascontiguousarray(part)
        reduced = np.zeros(self.shape, np.uint8)
        for number in np.setdiff1d(part, 0):
            reduced[self.reduce(part == number) >= 0.5] = number
        return reduced


def find_lungs(air: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Return the lungs: the large parts of the air that the body encloses in the plane.

    Args:
        air: bool (z, y, x), voxels with air.
        spacing: mm (z, y, x).
    """
    step = tuple(max(1, round(SEARCH_MM / mm)) for mm in spacing)
    coarse = air[tuple(slice(None, None, n) for n in step)]
    parts, count = ndimage.label(coarse)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    for face in (parts[:, 0], parts[:, -1], parts[:, :, 0], parts[:, :, -1]):
        sizes[np.unique(face)] = 0
    large = (sizes > 0) & (sizes >= LUNG_SHARE * sizes.max())
    lungs = large[parts]
    for axis, n in enumerate(step):
        lungs = lungs.repeat(n, axis)
    return lungs[tuple(slice(0, n) for n in air.shape)]


def view_box(masks: list[np.ndarray], boxes: list[Box], spacing: tuple[float, float, float]) -> Box:
    """Return the box around masks and other boxes, with a margin; the whole scan if the first mask is empty.

    Args:
        masks: bool (z, y, x), the lungs first.
        boxes: further boxes that must be inside.
        spacing: mm (z, y, x).
    """
    shape = masks[0].shape
    if not masks[0].any():
        return tuple(slice(0, n) for n in shape)
    sides = zip(*(box for box in [*map(bounding_box, masks), *boxes] if box), strict=True)
    margins = [round(MARGIN_MM / mm) for mm in spacing]
    return tuple(
        slice(max(0, min(s.start for s in side) - margin), min(n, max(s.stop for s in side) + margin))
        for side, margin, n in zip(sides, margins, shape, strict=True)
    )


def coarse_lungs(lungs: np.ndarray, box: Box, spacing: tuple[float, float, float]) -> np.ndarray:
    """Return the lungs, bool (z, y, x), inside a box in steps of about COARSE_MM, for 3D."""
    step = [max(1, round(COARSE_MM / mm)) for mm in spacing]
    return lungs[box][tuple(slice(n // 2, None, n) for n in step)]
