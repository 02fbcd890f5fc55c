"""How well heat maps show the lesions: precision and recall of pixels, and Dice, at every threshold."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from covidseg.archives.dataset import Dataset
from covidseg.cases.splits import patient_of

LEVELS = 1000  # heat 0 to 1 is stored as an integer from 0 to LEVELS; every integer is a threshold


@dataclass(frozen=True)
class Counts:
    """Numbers of pixels per slice, for the thresholds 0, 1 / LEVELS, ..., 1.

    Attributes:
        found: int (n, LEVELS + 1), lesion pixels whose heat is at or above each threshold.
        marked: int (n, LEVELS + 1), all pixels whose heat is at or above each threshold.
        lesion: int (n,), lesion pixels of the slice.
    """

    found: np.ndarray
    marked: np.ndarray
    lesion: np.ndarray


def count_pixels(heat: np.ndarray, masks: np.ndarray) -> Counts:
    """Count the pixels of each slice.

    Args:
        heat: uint16 (n, y, x), 0 to LEVELS.
        masks: bool (n, y, x), the true lesions.
    """
    levels, lesions = heat.reshape(len(heat), -1), masks.reshape(len(masks), -1)
    marked, found = (
        np.stack(
            [np.bincount(row[kept], minlength=LEVELS + 1) for row, kept in zip(levels, part, strict=True)]
        )
        for part in (np.ones_like(lesions), lesions)
    )
    found, marked = (np.cumsum(counts[:, ::-1], axis=1)[:, ::-1] for counts in (found, marked))
    return Counts(found, marked, lesions.sum(1))


def threshold_curve(counts: Counts) -> pd.DataFrame:
    """Return precision and recall over all pixels, and the mean Dice over slices: one row per threshold."""
    found, marked, lesion = counts.found.sum(0), counts.marked.sum(0), counts.lesion.sum()
    return pd.DataFrame(
        {
            "threshold": np.arange(LEVELS + 1) / LEVELS,
            "precision": np.where(marked > 0, found / np.maximum(marked, 1), 1.0),
            "recall": found / lesion,
            "dice": np.nanmean(slice_dice(counts), axis=0),
        }
    )


def patient_of_slice(dataset: Dataset, name: str) -> str:
    """Return the patient of a slice, or what is known instead.

    A slice of a volume is named <case>_<number> and has the patient of its case. The names of published
    pictures do not tell the patient: a picture in a folder is named <scan>/<number> and has its scan, as in
    CC-CCII; any other picture stands for itself.

    Args:
        dataset: entry of config/datasets.yaml, of which only `patient` is read; pictures have none.
        name: name of the slice.
    """
    if "patient" in dataset:
        return patient_of(dataset, name.rpartition("_")[0])
    return name.rpartition("/")[0] or name


def read_curve(path: Path, split: str) -> pd.DataFrame:
    """Read the table of `threshold_curve` for one split, from results/curves/<localiser>.csv."""
    curves = pd.read_csv(path)
    return curves[curves.split == split].reset_index(drop=True)


def slice_dice(counts: Counts) -> np.ndarray:
    """Return each slice's Dice at each threshold: (n, LEVELS + 1); NaN without lesion and marked pixels."""
    total = counts.marked + counts.lesion[:, None]
    return np.where(total > 0, 2 * counts.found / np.maximum(total, 1), np.nan)


def area_under_curve(curve: pd.DataFrame) -> float:
    """Return the AUPRC, the area under the precision-recall curve, by the trapezoidal rule.

    A point with recall 0 and precision 1 is added as the start of the curve.
    """
    recall = np.append(curve["recall"].to_numpy(), 0.0)[::-1]
    precision = np.append(curve["precision"].to_numpy(), 1.0)[::-1]
    return float(np.trapezoid(precision, recall))


def lower_bound(curve: pd.DataFrame, limits: tuple[float, float]) -> float:
    """Return the lowest mean Dice at the thresholds within the limits, both limits included."""
    return float(curve["dice"][curve["threshold"].between(*limits)].min())


def weak_scores(
    counts: Counts, names: Iterable[str], *, threshold: float, limits: tuple[float, float]
) -> list[tuple[str, str, float]]:
    """Return (case, metric, value): AUPRC and lower bound of the Dice for all slices, and DSC per slice.

    Args:
        counts: as returned by `count_pixels`.
        names: names of the slices.
        threshold: threshold for the DSC per slice (yang2021: 0.4).
        limits: lowest and highest threshold for the lower bound (yang2021 Fig. 3: 0.1 to 0.4).
    """
    curve = threshold_curve(counts)
    rows = [
        ("all", "AUPRC", area_under_curve(curve)),
        ("all", "DSC_lower_bound", lower_bound(curve, limits)),
    ]
    dice = slice_dice(counts)[:, round(threshold * LEVELS)]
    return rows + [(name, "DSC", float(value)) for name, value in zip(names, dice, strict=True)]
