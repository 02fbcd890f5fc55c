"""Scores of predictions, one per case, region and metric."""

import logging
import statistics
from pathlib import Path
from typing import NamedTuple

import numpy as np

from covidseg.cases.case_folder import cases_in, volume_path
from covidseg.errors import InputError
from covidseg.evaluation.lesion_metrics import LESION_METRICS, LUNG_SHARES
from covidseg.evaluation.masks import Masks
from covidseg.evaluation.metrics import METRICS
from covidseg.evaluation.sections import Lesions
from covidseg.reading import read_table
from covidseg.regions import LESIONS, LUNGS
from covidseg.training.description import Description
from covidseg.volumes import read_volume

log = logging.getLogger(__name__)


class Score(NamedTuple):
    """The part of a `ScoreRow` that is not about the model or the data; the fields mean the same."""

    case: str
    region: str
    metric: str
    value: float


def score_cases(
    predictions: Path,
    labels: Path,
    *,
    regions: dict[int, str],
    classes: dict[int, int],
    tolerance_mm: dict[str, float],
    lesions: Lesions,
) -> list[Score]:
    """Score every prediction in a folder against the label with the same file name.

    Args:
        predictions: folder of <case>.nii.gz, the predicted classes.
        labels: folder of <case>.nii.gz, the truth.
        regions: label id of the truth -> region.
        classes: label id of the truth -> class in the predictions; other label ids are not scored.
        tolerance_mm: region -> tolerance of the NSD, in mm.
        lesions: what counts as a lesion, and when a lesion counts as found.

    Returns:
        One score per case, region and metric; the values are those of `covidseg.evaluation.metrics` and, for
        lesions, of `covidseg.evaluation.lesion_metrics`.

    Raises:
        InputError: truth and prediction lie on different grids.
    """
    rows = []
    for case in cases_in(predictions):
        path = volume_path(predictions, case)
        truth, prediction = read_volume(volume_path(labels, case)), read_volume(path)
        differences = truth.geometry.differences(prediction.geometry)
        if differences:
            raise InputError(f"{path}: truth and prediction differ in {'; '.join(differences)}")
        lungs = _lung_voxels(truth.array, prediction.array, regions, classes)
        for label, predicted in classes.items():
            region = regions[label]
            masks = Masks(
                truth.array == label,
                prediction.array == predicted,
                spacing=truth.geometry.spacing,
                tolerance=tolerance_mm[region],
                lesions=lesions,
                lung_voxels=lungs,
            )
            rows += [Score(case, region, metric, value) for metric, value in _values(masks, region).items()]
        log.info("scored %s", case)
    return rows


def _lung_voxels(
    truth: np.ndarray, prediction: np.ndarray, regions: dict[int, str], classes: dict[int, int]
) -> tuple[int, int] | None:
    """Return the numbers of voxels of both lungs, infection included: of the truth, and of the prediction.

    Returns None unless both lungs are scored. In such label maps an infection is a label of its own.
    """
    if not {regions[label] for label in classes} >= set(LUNGS):
        return None
    both = (truth, list(classes)), (prediction, list(classes.values()))
    in_truth, in_prediction = (int(np.isin(array, labels).sum()) for array, labels in both)
    return in_truth, in_prediction


def _values(masks: Masks, region: str) -> dict[str, float]:
    """Return metric -> value; a lesion has more metrics than a lung."""
    metrics = dict(METRICS)
    if region in LESIONS:
        metrics |= LESION_METRICS
        metrics |= LUNG_SHARES if masks.lung_voxels else {}
    return {metric: function(masks) for metric, function in metrics.items()}


def time_scores(log_table: Path, description: Path) -> list[Score]:
    """Return one score: the median of the seconds per epoch in log.csv, with the device as its case.

    The list is empty if the training was not timed.

    Args:
        log_table: log.csv of the training.
        description: model.json of the trained model.
    """
    seconds = read_table(log_table, ["seconds"], dtype={"seconds": float})["seconds"].dropna()
    if seconds.empty:
        return []
    return [Score(Description.read(description).device, "", "time", statistics.median(seconds))]
