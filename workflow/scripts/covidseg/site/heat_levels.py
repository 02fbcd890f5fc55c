"""Heat maps of 8 bits for a page: its thresholds are exact, and what lies between two of them is dropped."""

import numpy as np

from covidseg.weak.evaluation import LEVELS


def thresholds(chosen: float) -> np.ndarray:
    """Return the thresholds that a page offers, in thousandths, ascending: finer where heat maps are weak.

    Args:
        chosen: the configuration's threshold, 0 to 1, which is one of them.
    """
    steps = [*range(1, 100), *range(100, 400, 5), *range(400, LEVELS + 1, 10), round(chosen * LEVELS)]
    return np.unique([step for step in steps if step > 0])


def heat_codes(heat: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the number of thresholds that each pixel reaches, uint8 (n, y, x).

    A pixel reaches threshold number k, counted from 1, if and only if its code is k or more.

    Args:
        heat: uint16 (n, y, x), thousandths.
        levels: thresholds, in thousandths, ascending.
    """
    return np.searchsorted(levels, heat, side="right").astype(np.uint8)
