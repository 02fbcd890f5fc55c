"""The metrics over all pixels of all slices, computed again for any draw of the patients."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from covidseg.evaluation.counts import read_counts
from covidseg.evaluation.statistics import Sample
from covidseg.weak.evaluation import LEVELS, Counts, area, precision, slice_dice


@lru_cache(maxsize=64)
def read_sample(path: Path, split: str, metric: str, limits: tuple[float, float]) -> Sample:
    """Return a metric over all slices as a statistic that can be resampled by patient.

    Args:
        path: file of `write_counts`.
        split: name of the split.
        metric: one of `covidseg.weak.evaluation.WHOLE`.
        limits: lowest and highest threshold for the lower bound of the Dice.
    """
    return pixel_sample(*read_counts(path, split), metric, limits)


def pixel_sample(counts: Counts, patients: np.ndarray, metric: str, limits: tuple[float, float]) -> Sample:
    """Return the AUPRC or the lower bound of the Dice as a statistic that can be resampled by patient.

    Args:
        counts: numbers of pixels per slice.
        patients: (n,), the patient of each slice.
        metric: one of `covidseg.weak.evaluation.WHOLE`.
        limits: lowest and highest threshold for the lower bound.
    """
    if metric == "AUPRC":
        names, parts = _sum_by(patients, counts.found, counts.marked, counts.lesion[:, None])
        return Sample(names, parts, _area)
    levels = np.arange(LEVELS + 1) / LEVELS
    dice = slice_dice(counts)[:, (limits[0] <= levels) & (levels <= limits[1])]
    return Sample(*_sum_by(patients, np.nan_to_num(dice), ~np.isnan(dice)), _lowest_mean)


def _sum_by(patients: np.ndarray, *arrays: np.ndarray) -> tuple[pd.Index, tuple[np.ndarray, ...]]:
    """Return the names of the patients, and the sums of each array (slices, ...) over a patient's slices."""
    names, places = np.unique(patients, return_inverse=True)
    member = (np.arange(len(names))[:, None] == places).astype(float)
    return pd.Index(names), tuple(member @ array for array in arrays)


def _area(found: np.ndarray, marked: np.ndarray, lesion: np.ndarray) -> np.ndarray:
    return area(precision(found, marked), found / lesion)


def _lowest_mean(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.min(total / count, axis=-1)
