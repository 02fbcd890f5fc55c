"""Read stacks of pictures as volumes: one file per slice, sorted by the numbers in the names of the files.

A picture states neither its orientation nor its spacing. The orientation is assumed: the first slice is the
lowest, rows run from the front of the body to the back, and columns from the patient's right to the left.
Axial slices are usually displayed so. The spacing is given in config/datasets.yaml.
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
    """Read the pictures of one case: the slices of a scan, or the slices of a mask.

    Args:
        members: path in the archive -> content of the picture.
        expression: regular expression that matches the paths; its group "slice" is the name of the slice.
        spacing: spacing (z, y, x) of a scan in mm. A mask takes the spacing of its scan.
        image: None to read a scan. To read a mask, the scan of the same case; both must have the same slices.
        name: name of the archive in messages.

    Returns:
        Grey levels (z, y, x), LPS. Pictures of up to 8 bits give uint8, with white as 255. Pictures of 16
        bits give uint16.

    Raises:
        InputError: a picture is damaged, coloured or transparent; the pictures differ in size or in bits; a
            slice is there twice or has no number; or a slice of the scan has no mask, or the reverse.
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
    """Return name of the slice -> path in the archive, sorted by the numbers in the names of the slices."""
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
    """Refuse slices that no number sorts, and warn of gaps in the numbers.

    The volume has one spacing, so that the slices on both sides of a gap would lie too close together.
    """
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
