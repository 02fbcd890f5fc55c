"""Read stacks of pictures as volumes: one file per slice, sorted by the numbers in the names of the files.

A picture states neither its orientation nor its spacing. The orientation is assumed: the first slice is the
lowest, rows run from the front of the body to the back, and columns from the patient's right to the left.
Axial slices are usually displayed so. The spacing is given in config/datasets.yaml.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise

import numpy as np

from covidseg.cases.pictures import read_picture
from covidseg.cases.slice_order import sort_slices
from covidseg.errors import InputError
from covidseg.volumes import Geometry, Volume

STEP_TOLERANCE = 0.05  # fraction of the step between slices: positions in names are rounded


def read_stack(
    members: dict[str, bytes],
    matches: Mapping[str, re.Match[str]],
    *,
    spacing: list[float] | None,
    image: Volume | None,
    name: str,
) -> Volume:
    """Read the pictures of one case: the slices of a scan, or the slices of a mask.

    Args:
        members: path in the archive -> content of the picture.
        matches: path in the archive -> match, whose group "slice" is the name of the slice.
        spacing: spacing (z, y, x) of a scan in mm. A mask takes the spacing of its scan.
        image: None to read a scan. To read a mask, the scan of the same case; both must have the same slices.
        name: name of the archive in messages.

    Returns:
        Grey levels (z, y, x), LPS. Pictures of up to 8 bits give uint8, with white as 255. Pictures of 16
        bits give uint16. The volume warns of gaps in the numbers of a scan's slices.

    Raises:
        InputError: a picture is damaged, coloured or transparent; the pictures differ in size or in bits; a
            slice is there twice or has no number; or a slice of the scan has no mask, or the reverse.
    """
    slices = _name_slices(matches, name)
    files = {slice_: f"{name}:{member}" for slice_, member in slices.items()}
    warnings: tuple[str, ...] = ()
    if image:
        _refuse_unpaired(image.slices, files)
        files = {slice_: files[slice_] for slice_ in image.slices}
    else:
        before = {slice_: _character_before(matches[member]) for slice_, member in slices.items()}
        numbers = sort_slices(files, before)
        files = {slice_: files[slice_] for slice_ in numbers}
        warnings = _describe_gaps(numbers)
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
    return Volume(array, Geometry(array.shape, affine), slices=files, warnings=warnings)


def _name_slices(matches: Mapping[str, re.Match[str]], name: str) -> dict[str, str]:
    """Return name of the slice -> path in the archive."""
    slices: dict[str, str] = {}
    for member, match in matches.items():
        if (other := slices.setdefault(match["slice"], member)) != member:
            raise InputError(f"{name}: {other} and {member} are the same slice of a case")
    return slices


def _character_before(match: re.Match[str]) -> str:
    """Return the character before the name of the slice in the path; a slash at the start of the path."""
    return match.string[: match.start("slice")][-1:] or "/"


def _refuse_unpaired(images: dict[str, str], masks: dict[str, str]) -> None:
    for kind, files, others in (("mask", images, masks), ("image", masks, images)):
        unpaired = [file for slice_, file in files.items() if slice_ not in others]
        if unpaired:
            raise InputError(
                f"{unpaired[0]}: no {kind} of this slice, nor of {len(unpaired) - 1} others; "
                "add or remove files"
            )


def _describe_gaps(numbers: dict[str, Decimal]) -> tuple[str, ...]:
    """Return warnings of gaps between slices that are sorted by their numbers.

    The volume has one spacing, so that the slices on both sides of a gap would lie too close together.
    """
    steps = {(low, high): float(next_ - value) for (low, value), (high, next_) in pairwise(numbers.items())}
    least = min(steps.values(), default=0.0)
    return tuple(
        f"slice {high} follows slice {low}, elsewhere the step is {least:g}"
        for (low, high), step in steps.items()
        if step > (1 + STEP_TOLERANCE) * least
    )


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
