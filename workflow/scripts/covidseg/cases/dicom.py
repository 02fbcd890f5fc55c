"""Read a DICOM CT series as a volume."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import nibabel as nib
import numpy as np

from covidseg.cases.dicom_files import choose_series, damage_told, parse_dicom
from covidseg.cases.dicom_frames import Frame, read_frames
from covidseg.cases.dicom_stack import (
    MissingSlices,
    describe_places,
    fill_slices,
    normal_of,
    number_slices,
    refuse_differences,
    sort_frames,
)
from covidseg.cases.dicom_tilt import measure_tilt, shear
from covidseg.errors import InputError
from covidseg.volumes import RAS_TO_LPS, Volume, to_lps


def read_series(files: Mapping[str, bytes], name: str, *, missing_slices: MissingSlices = "fill") -> Volume:
    """Read one CT series: sort the slices by position, and apply the rescale slope and intercept.

    Missing slices are interpolated, a stack of a tilted gantry is sheared back, identical copies of slices
    are dropped, and localisers and files of other kinds are left out; the volume says so.

    Args:
        files: name -> content of the DICOM files, in any order; one slice per file, or enhanced CT.
        name: name of their folder or archive in messages.
        missing_slices: "fill": interpolate missing slices; "refuse".

    Returns:
        The scan: int16 (z, y, x) in HU, LPS.

    Raises:
        InputError: a file is damaged or lacks an element, the files belong to no or several CT series, or
            the slices make no volume; the message names the file.
    """
    headers = {}
    for member, content in files.items():
        with damage_told(f"{name}:{member}", "CT slice"):
            headers[f"{name}:{member}"] = parse_dicom(content)
    with damage_told(name, "CT series"):
        chosen, warnings = choose_series(headers, name)
    frames: list[Frame] = []
    for file, header in chosen.items():
        with damage_told(file, "CT slice"):
            frames += read_frames(header, file)
    return _stack(frames, warnings, missing_slices)


def _stack(frames: list[Frame], warnings: list[str], missing_slices: MissingSlices) -> Volume:
    refuse_differences(frames)
    normal = normal_of(frames[0])
    frames, copies = sort_frames(frames, normal)
    places = number_slices(frames, normal, missing_slices)
    tilt = measure_tilt(frames, normal)
    array = fill_slices(shear(np.stack([frame.pixels.array for frame in frames]), tilt), places)
    affine = np.eye(4)
    affine[:3, :2] = frames[0].orientation.T * frames[0].spacing[::-1]
    affine[:3, 2], affine[:3, 3] = normal * places.step, tilt.origin
    if places.filled and np.abs(normal).argmax() != 2:
        raise InputError(f"{frames[0].name}: its series lacks {describe_places(places)}, and is not axial")
    corrections = [f"filled: {describe_places(places)}"] * bool(places.filled)
    corrections += [f"sheared back by {tilt.degrees:.1f} degrees (gantry tilt)"] * bool(tilt.degrees)
    return replace(
        to_lps(nib.Nifti1Image(array.T, RAS_TO_LPS @ affine)),
        stored="",  # a series has no order of its own
        filled=places.filled,
        corrections=(*corrections, *_count(frames, "corrections")),
        warnings=(*warnings, *copies, *_count(frames, "warnings")),
        frame_of_reference=frames[0].frame_of_reference,
    )


def _count(frames: list[Frame], kind: str) -> list[str]:
    """Say what concerns the pixels of slices, with the number of slices."""
    counts = Counter(sentence for frame in frames for sentence in getattr(frame.pixels, kind))
    return [f"{sentence} ({count} of {len(frames)} slices)" for sentence, count in counts.items()]
