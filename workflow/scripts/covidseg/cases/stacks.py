"""Stacks of pictures as volumes: one file per slice, in the order of the numbers in the files' names.

The first slice is the lowest. Rows run from front to back and columns from the patient's right to left,
as axial slices are shown. Pictures say nothing of this, nor of their spacing.
"""

import logging
import re
from itertools import pairwise

import numpy as np

from covidseg.cases.pictures import numbers, read_picture
from covidseg.errors import InputError
from covidseg.volumes import Geometry, Volume

log = logging.getLogger(__name__)


def read_stack(
    members: dict[str, bytes],
    expression: re.Pattern[str],
    *,
    spacing: list[float] | None,
    image: Volume | None,
    name: str,
) -> Volume:
    """Read the pictures of one case.

    Args:
        members: path in the archive -> content of the pictures.
        expression: matches a path; its group "slice" is the slice's name.
        spacing: of an image, (z, y, x) in mm.
        image: of a mask: the stack that it is drawn on, slice for slice, and whose spacing it has.
        name: how messages call the archive.

    Returns:
        Grey levels (z, y, x), LPS: of pictures of up to 8 bits uint8 with white as 255, of 16 bits uint16.

    Raises:
        InputError: a damaged, coloured or transparent picture, pictures of different sizes, slices that are
            there twice or have no number, or a slice of image or mask without the other.
    """
    slices = _sort_slices(members, expression, name)
    files = {slice_: f"{name}:{member}" for slice_, member in slices.items()}
    if image:
        _refuse_unpaired(image.slices, files)
    else:
        _check_numbers(files)
    levels = [_grey_levels(members[slices[slice_]], file) for slice_, file in files.items()]
    for file, picture in zip(files.values(), levels, strict=True):
        if (picture.shape, picture.dtype) != (levels[0].shape, levels[0].dtype):
            raise InputError(
                f"{file}: {_describe(picture)}, the first slice {_describe(levels[0])}; save all alike"
            )
    array = np.stack(levels)
    if image:
        affine = image.geometry.affine
    else:
        assert spacing, "the schema asks for the spacing of scans"
        affine = np.diag(np.array([*spacing[::-1], 1.0]))
    return Volume(array, Geometry(array.shape, affine), slices=files)


def _sort_slices(members: dict[str, bytes], expression: re.Pattern[str], name: str) -> dict[str, str]:
    """Return slice -> path in the archive, in the order of the numbers."""
    slices: dict[str, str] = {}
    for member in members:
        match = expression.fullmatch(member)
        assert match, "only paths that match are read"
        slice_ = match["slice"]
        if slice_ in slices:
            raise InputError(f"{name}: {slices[slice_]} and {member} are the same slice of a case")
        slices[slice_] = member
    return dict(sorted(slices.items(), key=lambda item: numbers(item[0])))


def _refuse_unpaired(images: dict[str, str], masks: dict[str, str]) -> None:
    for kind, files, others in (("mask", images, masks), ("image", masks, images)):
        unpaired = [file for slice_, file in files.items() if slice_ not in others]
        if unpaired:
            raise InputError(
                f"{unpaired[0]}: no {kind} of this slice, nor of {len(unpaired) - 1} others; "
                "add or remove files"
            )


def _check_numbers(files: dict[str, str]) -> None:
    """Refuse slices that no number orders; warn of gaps, which bring neighbours closer than they are."""
    if len(files) == 1:
        return
    columns = zip(*map(numbers, files), strict=False)
    counter = next((column for column in columns if len(set(column)) > 1), ("",))
    steps = np.diff(counter) if isinstance(counter[0], int) else np.zeros(1)
    if not steps.all():
        slice_ = list(files)[steps.argmin()]
        raise InputError(f"{files[slice_]}: no number tells this slice from the next; give each its own")
    for (low, high), step in zip(pairwise(files), steps, strict=True):
        if step != steps.min():
            log.warning("%s: follows slice %s, elsewhere the step is %d", files[high], low, steps.min())


def _grey_levels(content: bytes, name: str) -> np.ndarray:
    picture = read_picture(content, name)
    if picture.mode == "I;16":
        return np.array(picture)
    if picture.mode in ("1", "L"):
        return np.array(picture.convert("L"))
    if picture.mode in ("P", "RGB") and not picture.has_transparency_data:
        colours = np.array(picture.convert("RGB"))
        if (colours == colours[..., :1]).all():
            return np.ascontiguousarray(colours[..., 0])
    raise InputError(f"{name}: has colours or transparency (mode {picture.mode}); save it as grey levels")


def _describe(picture: np.ndarray) -> str:
    height, width = picture.shape
    return f"{width} x {height} pixels of {8 * picture.itemsize} bits"
