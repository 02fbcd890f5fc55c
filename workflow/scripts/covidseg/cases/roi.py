"""Regions of interest of an RTSTRUCT or a DICOM SEG, by the key `roi` of config/datasets.yaml."""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

import numpy as np

from covidseg.archives.dataset import Roi
from covidseg.cases.choice import has_patterns
from covidseg.cases.intensity import first_fitting
from covidseg.errors import InputError
from covidseg.volumes import Volume


def names_by_id(roi: Roi, case: str) -> dict[int, list[str]]:
    """Return label id -> names of regions, or patterns of names, for one case.

    Args:
        roi: a name or several names, which become label 1; or label id -> the same; or pattern of names of
            cases -> any of these.
        case: the project's name of the case.

    Raises:
        InputError: no pattern fits the case.
    """
    if isinstance(roi, str | list):
        return {1: [roi] if isinstance(roi, str) else roi}
    found: dict[int, list[str]] = {}
    for key, value in roi.items():
        if isinstance(key, str):
            return names_by_id(roi[first_fitting(roi, case)], case)  # type: ignore[index, arg-type]
        assert isinstance(value, str | list), "the schema allows names below an id"
        found[key] = [value] if isinstance(value, str) else value
    return found


def find_regions(wanted: Mapping[int, list[str]], there: list[str], name: str) -> dict[int, list[str]]:
    """Return label id -> names of the regions that are there, in the order of `wanted`.

    A name that is no pattern is returned even if it is not there: who reads the region tells more of it.

    Args:
        wanted: label id -> names or patterns, as from `names_by_id`.
        there: names of the regions in a file.
        name: name of the file in messages.

    Raises:
        InputError: a pattern fits no region, or a region becomes two labels.
    """
    found: dict[int, list[str]] = {}
    for number, patterns in wanted.items():
        for pattern in patterns:
            fitting = [region for region in there if fnmatchcase(region, pattern)]
            if pattern in there or not has_patterns([pattern]):
                fitting = [pattern]
            if not fitting:
                listed = ", ".join(sorted(there)) or "none"
                raise InputError(f"{name}: no region fits {pattern!r}; there are: {listed}")
            found[number] = list(dict.fromkeys([*found.get(number, []), *fitting]))
    labels: dict[str, int] = {}
    for number, regions in found.items():
        for region in regions:
            if labels.setdefault(region, number) != number:
                raise InputError(f"{name}: region {region!r} fits {labels[region]} and {number} in roi")
    return found


def combine_regions(regions: Mapping[int, list[str]], read: Callable[[str], Volume]) -> Volume:
    """Read several regions, and put them into one label map; where they overlap, the last label counts.

    Args:
        regions: label id -> names of regions.
        read: returns the mask of a region on the grid of its scan, 1 inside.
    """
    masks = [(number, region, read(region)) for number, names in regions.items() for region in names]
    array, warnings = np.zeros(masks[0][2].array.shape, np.min_scalar_type(max(regions))), []
    for number, region, mask in masks:
        inside = mask.array > 0
        if covered := np.count_nonzero(inside & (array > 0) & (array != number)):
            warnings.append(f"{covered} voxels of {region} lie in other regions, too; {region} counts")
        array[inside] = number
    return Volume(
        array,
        masks[0][2].geometry,
        corrections=tuple(text for _, _, mask in masks for text in mask.corrections),
        warnings=(*(text for _, _, mask in masks for text in mask.warnings), *warnings),
    )
