"""Scores of predictions, one row per case, region and metric, and the table of all scores."""

import csv
import logging
import statistics
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np

from covidseg.cases.case_folder import cases_in, volume_path
from covidseg.errors import InputError
from covidseg.evaluation.lesion_metrics import LESION_METRICS, LUNG_SHARES
from covidseg.evaluation.masks import Masks
from covidseg.evaluation.metrics import METRICS
from covidseg.evaluation.sections import Lesions
from covidseg.files import write_text
from covidseg.regions import LESIONS, LUNGS
from covidseg.training.description import Description
from covidseg.volumes import read_volume

log = logging.getLogger(__name__)

DECIMALS = 9  # to which a value in scores.csv is rounded


@dataclass(frozen=True)
class ScoreRow:
    """A row of scores.csv: one metric of one region in one case, for one model.

    A row whose metric is "time" gives the training time: its dataset, split and region are empty.

    Attributes:
        experiment: name of the experiment or of the localiser.
        paper: the first paper that the experiment belongs to.
        strategy: the training strategy, or a localiser's system.
        source: the source that the model learns from; "none" without a source, "weak" for a localiser.
        fold: number of the fold.
        dataset: data set of the case.
        split: split of the data, as named in experiments.yaml.
        case: name of the case or slice; "all" for all slices together; the device in a row of time.
        patient: name of the patient, by cases.csv; of a slice the patient, the scan, or the slice itself,
            whichever is known; empty for all slices together and in a row of time.
        region: the region that is scored.
        metric: name of the metric, as in config/published.csv.
        value: a fraction and not a percentage; NSD at the region's tolerance; time in seconds per epoch;
            volumes in mL; NaN if undefined.
    """

    experiment: str
    paper: str
    strategy: str
    source: str
    fold: int
    dataset: str
    split: str
    case: str
    patient: str
    region: str
    metric: str
    value: float

    def to_csv(self) -> dict[str, object]:
        """Return the row as column -> cell, with the value rounded to DECIMALS."""
        return asdict(self) | {"value": float(np.round(self.value, DECIMALS))}


COLUMNS = tuple(column.name for column in fields(ScoreRow))


class Score(NamedTuple):
    """The part of a ScoreRow that is not about the model or the data; the fields mean the same."""

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
    """Return how many voxels of the lungs, infection included, truth and prediction have.

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
    with open(log_table, newline="", encoding="utf-8") as file:
        seconds = [float(row["seconds"]) for row in csv.DictReader(file) if row["seconds"]]
    if not seconds:
        return []
    return [Score(Description.read(description).device, "", "time", statistics.median(seconds))]


def collect(paths: list[Path], output: Path) -> None:
    """Join the scores of every experiment and fold in one file.

    Raises:
        InputError: a file has other columns than the first one.
    """
    header = ""
    lines: list[str] = []
    for path in paths:
        first, *rest = path.read_text(encoding="utf-8").splitlines()
        if header not in ("", first):
            raise InputError(f"{path}: columns {first}, elsewhere {header}; delete it and run again")
        header = first
        lines += rest
    write_text(output, "\n".join([header, *lines]) + "\n")
