"""Writes the files that the viewer loads for a case: the scan, and the predictions, one file per method."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from covidseg.evaluation.sections import Lesions
from covidseg.regions import LUNGS
from covidseg.site.case_grid import AIR_HU, Grid, coarse_lungs, find_lungs, view_box
from covidseg.site.case_packing import encode, pack_masks, pack_slices, value_table, write_script
from covidseg.site.case_page import Annotated, method_content, method_entry
from covidseg.site.case_reading import Predicted, Source, read_case, read_prediction
from covidseg.volumes import Volume

WINDOW = (-1250, 250)  # HU that were published as grey levels 0 and 255
AIR_LEVEL = (AIR_HU - WINDOW[0]) / (WINDOW[1] - WINDOW[0]) * 255


@dataclass(frozen=True)
class Shot:
    """A case as the viewer shows it.

    Attributes:
        scan: the scan on its full grid.
        kind: of the scan's voxels: hounsfield, windowed or grey, see `intensity_of`.
        lungs: bool (z, y, x) on the full grid; empty where no lungs are known.
        predictions: of every model that was tested on the case.
        grid: the viewer's voxels.
        annotation: inside the box of the grid.
    """

    scan: Volume
    kind: str
    lungs: np.ndarray
    predictions: list[Predicted]
    grid: Grid
    annotation: Annotated


def read_shot(
    images: Path,
    labels: Path,
    case: str,
    sources: list[Source],
    *,
    kind: str,
    regions: dict[int, str],
    rule: Lesions,
) -> Shot:
    """Read a case and all predictions for it.

    Args:
        images, labels: folders of the scans and of the annotations.
        case: name of the case.
        sources: where the predictions are.
        kind: of the scan's voxels.
        regions: label id -> region.
        rule: what counts as a lesion.

    Raises:
        InputError: scan, annotation and predictions are not on one grid.
    """
    scan, truth = read_case(images, labels, case)
    predictions = [read_prediction(*source, truth) for source in sources]
    lungs = _lungs(scan, truth.array, regions, kind)
    spacing = scan.geometry.spacing
    box = view_box([lungs, truth.array != 0], [one.box for one in predictions if one.box], spacing)
    voxel_ml = float(np.prod(spacing)) / 1000
    annotation = Annotated.of(truth.array[box], regions, voxel_ml=voxel_ml, rule=rule)
    return Shot(scan, kind, lungs, predictions, Grid.around(box), annotation)


def _lungs(scan: Volume, labels: np.ndarray, regions: dict[int, str], kind: str) -> np.ndarray:
    """Return the annotated lungs; else the air inside the body; nothing in a scan of unknown grey levels."""
    ids = [number for number, region in regions.items() if region in LUNGS]
    if len(ids) == len(LUNGS):
        return labels > 0
    if kind == "grey":
        return np.zeros(labels.shape, bool)
    air = scan.array < (AIR_HU if kind == "hounsfield" else AIR_LEVEL)
    return find_lungs(air, scan.geometry.spacing)


def write_files(folder: Path, shot: Shot) -> list[dict[str, Any]]:
    """Write the viewer's files of a case, and return what its page says of each method.

    Args:
        folder: of the files.
        shot: the case.
    """
    write_script(folder / "scan.js", "scan", _scan_content(shot))
    methods: dict[str, dict[int, Predicted]] = {}
    for one in shot.predictions:
        methods.setdefault(one.method["experiment"], {})[one.fold] = one
    entries = []
    for folds in methods.values():
        entry = method_entry(next(iter(folds.values())).method, list(folds))
        content = method_content(folds, shot.annotation, shot.grid)
        write_script(folder / entry["file"], entry["experiment"], content)
        entries.append(entry)
    return entries


def _scan_content(shot: Shot) -> dict[str, Any]:
    """Return the scan, the annotation, and the lungs for 3D."""
    grid, array = shot.grid, shot.scan.array
    values = value_table(shot.kind, float(array.min()), float(array.max()))
    codes = encode(grid.reduce(array[grid.box]), values)
    labels = grid.reduce_labels(shot.annotation.labels)
    coarse = coarse_lungs(shot.lungs, grid.box, shot.scan.geometry.spacing)
    return {
        "values": values,
        "slices": pack_slices(codes),
        "annotation": pack_masks([labels == label for label in shot.annotation.regions]),
        "lungs": {"size": coarse.shape, "mask": pack_masks([coarse])},
    }
