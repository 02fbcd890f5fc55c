"""Predictions that were made elsewhere, checked against the scans and written as our own predictions are."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from covidseg.cases.itk import read_itk
from covidseg.cases.label_ids import remap
from covidseg.errors import InputError
from covidseg.files import atomic_directory
from covidseg.parallel import try_in_parallel
from covidseg.volumes import Geometry, Volume, read_volume, write_volume

log = logging.getLogger(__name__)


def import_predictions(
    files: Mapping[Path, Path], *, ids: dict[int, int], output: Path, workers: int
) -> None:
    """Write predictions that were made elsewhere to `output`, completely or not at all.

    Args:
        files: scan results/cases/<data set>/images/<case>.nii.gz -> file with its prediction.
        ids: label id in the files -> class that is written.
        output: folder of <data set>/<case>.nii.gz (uint8).
        workers: number of cases at the same time.

    Raises:
        InputError: predictions are missing, and one line names all of them; or files are damaged, lie on
            other grids than their scans, or have labels that are not in `ids`, with one line per file.
    """
    if missing := [str(file) for file in files.values() if not file.is_file()]:
        raise InputError(
            f"{len(missing)} of {len(files)} predictions are not there: {', '.join(missing)}; predict these "
            "cases too, or correct `predictions` or `train` in experiments.yaml"
        )
    with atomic_directory(output) as partial:

        def one(scan: Path) -> None:
            dataset, case = scan.parent.parent.name, scan.name
            volume = read_prediction(files[scan], scan, ids)
            write_volume(partial / dataset / case, volume)
            log.info("%s: %d voxels labelled", files[scan], np.count_nonzero(volume.array))

        _, faults = try_in_parallel(one, list(files), workers)
        if faults:
            raise InputError("\n".join(faults.values()))


def read_prediction(path: Path, scan: Path, ids: dict[int, int]) -> Volume:
    """Read a prediction: the classes of the voxels (uint8; z, y, x), on the grid of the scan.

    Args:
        path: file with the prediction, in any orientation.
        scan: the scan that it was predicted for.
        ids: label id in the file -> class.

    Raises:
        InputError: the file is damaged, lies on another grid than the scan, or has a label not in `ids`.
    """
    volume = read_volume(path) if path.name.lower().endswith((".nii", ".nii.gz")) else read_itk(path)
    expected = read_volume(scan).geometry
    if differences := expected.differences(volume.geometry):
        found, wanted = describe_grid(volume.geometry), describe_grid(expected)
        raise InputError(
            f"{path}: {found}; expected {wanted}, the grid of {scan}; they differ in "
            f"{' and '.join(one.split(' (')[0] for one in differences)}"
        )
    try:
        mapped = remap(volume, ids, str(path), "label")
    except InputError as error:
        raise InputError(f"{error}: say in `regions` of the experiment what every label is") from error
    for warning in mapped.warnings:
        log.warning("%s: %s", path, warning)
    return Volume(mapped.array, expected)


def describe_grid(geometry: Geometry) -> str:
    """Return the voxels and spacing of a grid (z, y, x), and where its first voxel lies (x, y, z; LPS)."""
    shape, spacing = ("x".join(f"{one:g}" for one in values) for values in (geometry.shape, geometry.spacing))
    first = ", ".join(f"{mm:.1f}" for mm in geometry.affine[:3, 3])
    return f"{shape} voxels (z, y, x) of {spacing} mm from {first} mm (LPS)"
