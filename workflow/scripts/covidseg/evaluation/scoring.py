"""Scores of predictions, one row per case, region and metric; and all of them in one table."""

import csv
import logging
import statistics
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np

from covidseg.cases.case_folder import cases_in, volume_path
from covidseg.errors import InputError
from covidseg.evaluation.metrics import METRICS, Spacing
from covidseg.files import write_csv, write_text
from covidseg.training.description import Description
from covidseg.volumes import read_volume

log = logging.getLogger(__name__)

DECIMALS = 9  # of a value in scores.csv


@dataclass(frozen=True)
class ScoreRow:
    """A row of scores.csv: one metric of one region, in one case, by one model.

    Attributes:
        experiment: name of the experiment or localiser.
        paper: that the experiment belongs to first.
        strategy: of training; of a localiser the system.
        source: the other people's data that the model learns from, "none", or "weak" of a localiser.
        fold: number of the fold.
        dataset: of the case; empty in a row of time.
        split: of the data, as experiments.yaml names it; empty in a row of time.
        case: name of the case or slice; "all" of all slices together; the device in a row of time.
        region: that is scored; empty in a row of time.
        metric: as in config/published.csv.
        value: no percentage; NSD within the region's tolerance, time in seconds per epoch; NaN: undefined.
    """

    experiment: str
    paper: str
    strategy: str
    source: str
    fold: int
    dataset: str
    split: str
    case: str
    region: str
    metric: str
    value: float


class Score(NamedTuple):
    """What a ScoreRow says beside the model and the data; fields as there."""

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
) -> list[Score]:
    """Score every prediction in a folder against the label of the same name.

    Args:
        predictions: folder of <case>.nii.gz.
        labels: folder of <case>.nii.gz, the truth.
        regions: label id of the truth -> region.
        classes: label id of the truth -> that of the predictions; regions left out are not scored.
        tolerance_mm: region -> tolerance of the NSD.

    Returns:
        Scores; NaN where truth and prediction are both empty.

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
        spacing = truth.geometry.spacing
        for label, predicted in classes.items():
            region, masks = regions[label], (truth.array == label, prediction.array == predicted)
            values = score_pair(*masks, spacing, tolerance_mm[region])
            rows += [Score(case, region, metric, value) for metric, value in values.items()]
        log.info("scored %s", case)
    return rows


def score_pair(
    truth: np.ndarray, prediction: np.ndarray, spacing: Spacing, tolerance: float
) -> dict[str, float]:
    """Return metric -> value of two masks (z, y, x); spacing and tolerance in mm."""
    values = {}
    for metric, function in METRICS.items():
        extra = (spacing, tolerance) if metric == "NSD" else ()
        values[metric] = function(truth, prediction, *extra)
    return values


def time_scores(log_table: Path, description: Path) -> list[Score]:
    """Return the score of a training's seconds per epoch, the median of log.csv; its case is the device.

    No score of a training that was not timed.
    """
    with open(log_table, newline="", encoding="utf-8") as file:
        seconds = [float(row["seconds"]) for row in csv.DictReader(file) if row["seconds"]]
    if not seconds:
        return []
    return [Score(Description.read(description).device, "", "time", statistics.median(seconds))]


def write_scores(path: str | Path, rows: list[ScoreRow]) -> None:
    """Write rows of scores.csv, their values rounded."""
    columns = [column.name for column in fields(ScoreRow)]
    rounded = [asdict(row) | {"value": float(np.round(row.value, DECIMALS))} for row in rows]
    write_csv(path, rounded, columns=columns)


def collect(paths: list[Path], output: Path) -> None:
    """Join the scores of every experiment and fold; all must have the same columns."""
    header = ""
    lines: list[str] = []
    for path in paths:
        first, *rest = path.read_text(encoding="utf-8").splitlines()
        if header not in ("", first):
            raise InputError(f"{path}: columns {first}, elsewhere {header}; delete it and run again")
        header = first
        lines += rest
    write_text(output, "\n".join([header, *lines]) + "\n")
