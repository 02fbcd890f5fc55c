"""Scores of predictions, one row a case, region and metric; and all of them in one table."""

import csv
import json
import logging
import statistics
from pathlib import Path

import numpy as np

from covidseg.errors import InputError
from covidseg.evaluation.metrics import METRICS
from covidseg.files import write_text
from covidseg.volumes import read_volume

log = logging.getLogger(__name__)

COLUMNS = (
    "experiment",
    "paper",
    "strategy",
    "source",
    "fold",
    "dataset",
    "split",
    "case",
    "region",
    "metric",
    "value",
)


def score_cases(
    predictions: Path,
    labels: Path,
    *,
    regions: dict[int, str],
    classes: dict[int, int],
    tolerance_mm: dict[str, float],
) -> list[dict]:
    """Score every prediction in a folder against the label of the same name.

    Args:
        predictions: folder of <case>.nii.gz.
        labels: folder of <case>.nii.gz, the truth.
        regions: label id of the truth -> region.
        classes: label id of the truth -> that of the predictions; regions left out are not scored.
        tolerance_mm: region -> tolerance of the NSD.

    Returns:
        Rows with case, region, metric and value; NaN where truth and prediction are both empty.

    Raises:
        InputError: truth and prediction lie on different grids.
    """
    rows = []
    for path in sorted(predictions.glob("*.nii.gz")):
        truth, prediction = read_volume(labels / path.name), read_volume(path)
        case = path.name.removesuffix(".nii.gz")
        differences = truth.geometry.differences(prediction.geometry)
        if differences:
            raise InputError(f"{path}: truth and prediction differ in {'; '.join(differences)}")
        spacing = truth.geometry.spacing
        for label, predicted in classes.items():
            region, masks = regions[label], (truth.array == label, prediction.array == predicted)
            scores = score_pair(*masks, spacing, tolerance_mm[region])
            rows += [{"case": case, "region": region, **score} for score in scores]
        log.info("scored %s", case)
    return rows


def score_pair(truth: np.ndarray, prediction: np.ndarray, spacing: tuple, tolerance: float) -> list[dict]:
    """Return metric and value of every metric for two masks (z, y, x); spacing and tolerance in mm."""
    rows = []
    for metric, function in METRICS.items():
        extra = (spacing, tolerance) if metric == "NSD" else ()
        rows.append({"metric": metric, "value": function(truth, prediction, *extra)})
    return rows


def time_scores(log_table: Path, description: Path) -> list[dict]:
    """Return the row of a training's seconds per epoch, the median of log.csv; its case is the device.

    No row of a training that was not timed.
    """
    with open(log_table, newline="", encoding="utf-8") as file:
        seconds = [float(row["seconds"]) for row in csv.DictReader(file) if row["seconds"]]
    if not seconds:
        return []
    device = json.loads(description.read_text(encoding="utf-8"))["device"]
    return [{"case": device, "region": "", "metric": "time", "value": statistics.median(seconds)}]


def round_values(rows: list[dict]) -> list[dict]:
    """Return rows of scores.csv with their values rounded to nine decimals, as the file has them."""
    return [{**row, "value": float(np.round(row["value"], 9))} for row in rows]


def collect(paths: list[Path], output: Path) -> None:
    """Join the scores of every experiment and fold; all must have the same columns."""
    header, lines = None, []
    for path in paths:
        first, *rest = path.read_text(encoding="utf-8").splitlines()
        if header not in (None, first):
            raise InputError(f"{path}: columns {first}, elsewhere {header}; delete it and run again")
        header = first
        lines += rest
    write_text(output, "\n".join([header, *lines]) + "\n")
