"""How well heat maps show the lesions: precision and recall of pixels, and Dice, at every threshold."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from covidseg.reading import read_table

LEVELS = 1000  # heat 0 to 1 is stored as an integer from 0 to LEVELS; every integer is a threshold
WHOLE = ("AUPRC", "DSC_lower_bound")  # metrics that have one value for all slices and none for a slice


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
            "precision": precision(found, marked),
            "recall": found / lesion,
            "dice": np.nanmean(slice_dice(counts), axis=0),
        }
    )


def read_curve(path: Path, split: str) -> pd.DataFrame:
    """Read the table of `threshold_curve` for one split, from results/curves/<localiser>.csv."""
    curves = read_table(path, ("split", "threshold", "precision", "recall", "dice"))
    return curves[curves.split == split].reset_index(drop=True)


def slice_dice(counts: Counts) -> np.ndarray:
    """Return each slice's Dice at each threshold: (n, LEVELS + 1); NaN without lesion and marked pixels."""
    total = counts.marked + counts.lesion[:, None]
    return np.where(total > 0, 2 * counts.found / np.maximum(total, 1), np.nan)


def precision(found: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """Return found / marked, the precision of pixels; 1 where nothing is marked."""
    return np.where(marked > 0, found / np.maximum(marked, 1), 1.0)


def area_under_curve(curve: pd.DataFrame) -> float:
    """Return the AUPRC of a table of `threshold_curve`."""
    return float(area(curve["precision"].to_numpy(), curve["recall"].to_numpy()))


def area(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """Return the area under precision-recall curves, by the trapezoidal rule.

    A point with recall 0 and precision 1 is added as the start of a curve.

    Args:
        precision, recall: (..., thresholds), from the lowest to the highest threshold.
    """
    start = np.ones((*precision.shape[:-1], 1))
    return np.trapezoid(
        np.concatenate([start, precision[..., ::-1]], axis=-1),
        np.concatenate([0 * start, recall[..., ::-1]], axis=-1),
        axis=-1,
    )


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
