"""Reads a case for the viewer: scan, annotation, and what every model predicted."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from covidseg.cases.boxes import bounding_box
from covidseg.cases.case_folder import volume_path
from covidseg.config.methods import Method
from covidseg.errors import InputError
from covidseg.reading import AGAIN
from covidseg.volumes import Volume, read_volume

Box = tuple[slice, ...]


class Shown(Method):
    """A method (see config/methods.py), and what its predictions for a data set mean.

    Attributes:
        labels: label id of the annotation -> class in the predictions.
        split: name of the split that the predictions are for.
    """

    labels: dict[int, int]
    split: str


Source = tuple[Shown, int, Path]  # method, fold and file of a prediction


@dataclass(frozen=True)
class Predicted:
    """A prediction for a case.

    Attributes:
        method: who made the prediction.
        fold: number of the fold whose model made the prediction.
        path: the file.
        box: the smallest box (z, y, x) with all marked voxels; None if none is marked.
        labels: uint8, the label ids of the annotation inside the box.
    """

    method: Shown
    fold: int
    path: Path
    box: Box | None
    labels: np.ndarray

    def inside(self, box: Box) -> np.ndarray:
        """Return the label map, uint8 (z, y, x), inside a box that holds all marked voxels."""
        whole = np.zeros([part.stop - part.start for part in box], np.uint8)
        if self.box:
            place = tuple(
                slice(own.start - part.start, own.stop - part.start)
                for own, part in zip(self.box, box, strict=True)
            )
            whole[place] = self.labels
        return whole


def prediction_files(folders: list[Path], methods: list[Shown], dataset: str) -> dict[str, list[Source]]:
    """Return case -> method, fold and file of its predictions, in the order of the methods and folds.

    Args:
        folders: results/predictions/<experiment>/fold<k>.
        methods: the methods whose predictions are shown.
        dataset: name of the data set.
    """
    found: dict[str, list[Source]] = {}
    for method in methods:
        for fold in range(method["folds"]):
            folder = next(one for one in folders if one.parts[-2:] == (method["experiment"], f"fold{fold}"))
            for path in sorted((folder / dataset).glob("[!.]*.nii.gz")):
                found.setdefault(path.name.removesuffix(".nii.gz"), []).append((method, fold, path))
    return dict(sorted(found.items()))


def read_prediction(method: Shown, fold: int, path: Path, truth: Volume) -> Predicted:
    """Read a prediction; its classes become the label ids of the annotation.

    Raises:
        InputError: the prediction is not on the annotation's grid.
    """
    volume = read_volume(path)
    if differences := truth.geometry.differences(volume.geometry):
        raise InputError(f"{path}: differs from the annotation in {'; '.join(differences)}; {AGAIN}")
    box = bounding_box(volume.array != 0)
    classes = volume.array[box or np.s_[:0, :0, :0]]
    labels = np.zeros(classes.shape, np.uint8)
    for label, predicted in method["labels"].items():
        labels[classes == predicted] = label
    return Predicted(method, fold, path, box, labels)


def read_case(images: Path, labels: Path, case: str) -> tuple[Volume, Volume]:
    """Return the scan and the annotation of a case.

    Raises:
        InputError: both lie on different grids.
    """
    scan, truth = read_volume(volume_path(images, case)), read_volume(volume_path(labels, case))
    if differences := scan.geometry.differences(truth.geometry):
        raise InputError(
            f"{volume_path(labels, case)}: differs from the scan in {'; '.join(differences)}; {AGAIN}"
        )
    return scan, truth
