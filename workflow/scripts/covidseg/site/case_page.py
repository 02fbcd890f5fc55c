"""What the page of a case holds: where the viewer finds its files, and all numbers."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from covidseg.evaluation.sections import Lesions
from covidseg.regions import LESIONS
from covidseg.site.case_errors import Lesion, found_shares, number_lesions, slice_errors
from covidseg.site.case_grid import Grid
from covidseg.site.case_packing import pack_masks
from covidseg.site.case_reading import Predicted, Shown
from covidseg.site.file_names import safe_name

SCORES = {
    "DSC": "DSC",
    "NSD": "NSD",
    "Sensitivity": "Sensitivity",
    "Precision": "Precision",
    "volume_prediction_mL": "Volume, mL",
    "volume_error_mL": "Error, mL",
    "volume_error_relative": "Error, %",
}
# (experiment, fold) -> region -> case -> metric -> value
Scores = dict[tuple[str, int], dict[str, dict[str, dict[str, float]]]]


@dataclass(frozen=True)
class Annotated:
    """The annotation of a case inside the viewer's box.

    Attributes:
        labels: uint8 (z, y, x), label ids, on the full grid.
        regions: label id -> region.
        voxel_ml: volume of a voxel in mL.
        numbers: region -> numbers of the lesions in their voxels, int (z, y, x); only regions of lesions.
        lesions: region -> its lesions.
    """

    labels: np.ndarray
    regions: dict[int, str]
    voxel_ml: float
    numbers: dict[str, np.ndarray]
    lesions: dict[str, list[Lesion]]

    @classmethod
    def of(
        cls, labels: np.ndarray, regions: dict[int, str], *, voxel_ml: float, rule: Lesions
    ) -> "Annotated":
        """Return the annotation with its lesions.

        Args:
            labels, regions, voxel_ml: as the attributes.
            rule: what counts as a lesion.
        """
        numbered = {
            region: number_lesions(labels == label, voxel_ml, rule["minimum_ml"])
            for label, region in regions.items()
            if region in LESIONS
        }
        numbers = {region: found for region, (found, _) in numbered.items()}
        return cls(labels, regions, voxel_ml, numbers, {name: found for name, (_, found) in numbered.items()})

    def volumes(self) -> dict[str, float]:
        """Return region -> volume in mL."""
        return {
            region: float(np.count_nonzero(self.labels == label)) * self.voxel_ml
            for label, region in self.regions.items()
        }


def prediction_errors(predicted: Predicted, truth: Annotated, grid: Grid) -> dict[str, Any]:
    """Return what the viewer loads of one prediction beside the masks: per region errors and found lesions.

    Args:
        predicted: the prediction.
        truth: the annotation.
        grid: the viewer's voxels.
    """
    labels = predicted.inside(grid.box)
    regions: dict[str, dict[str, list[int] | list[float]]] = {}
    for label in predicted.method["labels"]:
        region = truth.regions[label]
        mask = labels == label
        missed, wrong = slice_errors(truth.labels == label, mask)
        regions[region] = {"missed": missed, "wrong": wrong}
        if region in truth.numbers:
            count = len(truth.lesions[region])
            regions[region]["found"] = found_shares(truth.numbers[region], mask, count)
    return regions


def method_content(folds: dict[int, Predicted], truth: Annotated, grid: Grid) -> dict[str, Any]:
    """Return what the viewer loads of a method: the masks of all folds and labels, and the errors per fold.

    Args:
        folds: fold -> prediction.
        truth: the annotation.
        grid: the viewer's voxels.
    """
    masks = []
    for one in folds.values():
        reduced = grid.reduce_labels(one.inside(grid.box))
        masks += [reduced == label for label in one.method["labels"]]
    errors = {fold: prediction_errors(one, truth, grid) for fold, one in folds.items()}
    return {"masks": pack_masks(masks), "folds": errors}


def method_entry(method: Shown, folds: list[int]) -> dict[str, Any]:
    """Return what the page says of a method: its words, its folds for this case, and its file."""
    source = "" if method["source"] == "none" else method["source_title"]
    return {
        "experiment": method["experiment"],
        "title": ", ".join(filter(None, (method["strategy_title"], source))),
        "strategy": method["strategy"],
        "paper": method["paper"],
        "model": method["model"],
        "split": method["split"],
        "folds": folds,
        "labels": list(method["labels"]),
        "file": f"{safe_name(method['experiment'])}.js",
    }


def case_scores(scores: Scores, predictions: list[Predicted], case: str) -> dict[str, Any]:
    """Return "<experiment>/fold<k>" -> region -> the case's scores, in the order of SCORES."""
    found: dict[str, Any] = {}
    for one in predictions:
        regions = scores.get((one.method["experiment"], one.fold), {})
        found[f"{one.method['experiment']}/fold{one.fold}"] = {
            region: [_known(cases[case].get(name)) for name in SCORES]
            for region, cases in regions.items()
            if case in cases
        }
    return found


def fold_scores(scores: Scores) -> dict[str, dict[str, list[float | None]]]:
    """Return "<experiment>/fold<k>" -> region -> the DSC of all cases of the fold."""
    return {
        f"{experiment}/fold{fold}": {
            region: [_known(values.get("DSC")) for values in cases.values()]
            for region, cases in regions.items()
        }
        for (experiment, fold), regions in scores.items()
    }


def _known(value: float | None) -> float | None:
    """Return a number rounded for the page; None in place of NaN, which JSON does not have."""
    return None if value is None or math.isnan(value) else round(value, 4)


def lung_share(volumes: dict[str, float]) -> float | None:
    """Return the infection's share of both lungs, infection included; None unless all three are labelled."""
    if not {"left_lung", "right_lung", "infection"} <= volumes.keys():
        return None
    lungs = sum(volumes[name] for name in ("left_lung", "right_lung", "infection"))
    return volumes["infection"] / lungs if lungs else None


def lesion_entries(lesions: list[Lesion], grid: Grid) -> list[dict[str, Any]]:
    """Return volume and voxel (z, y, x; of the whole scan) of each lesion."""
    start = [part.start for part in grid.box]
    return [
        {"ml": round(one.ml, 2), "voxel": [a + b for a, b in zip(one.voxel, start, strict=True)]}
        for one in lesions
    ]


def choose_pair(methods: list[dict[str, Any]], scores: Scores) -> list[str]:
    """Return the two experiments that a page shows first: the first one, and the best of the others.

    The best one has the highest mean DSC over the data set, so that all cases of the data set begin with the
    same pair.
    """
    first, *others = [method["experiment"] for method in methods]
    best = max(others, key=lambda name: mean_dsc(scores, name), default=first)
    return [first, best]


def mean_dsc(scores: Scores, experiment: str) -> float:
    """Return the mean of an experiment's defined DSC, over regions, folds and cases; -1 without any."""
    values = [
        metrics.get("DSC", float("nan"))
        for (name, _), regions in scores.items()
        if name == experiment
        for cases in regions.values()
        for metrics in cases.values()
    ]
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else -1.0
