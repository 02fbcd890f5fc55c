"""How far a prediction's volume may lie from the true volume: limits of agreement."""

from typing import NamedTuple

import numpy as np
import pandas as pd

NORMAL = 1.96  # standard deviations around the mean that hold 95 % of a normal distribution


class Agreement(NamedTuple):
    """Bland and Altman's summary of differences between two measurements.

    Attributes:
        bias: mean of all differences.
        low, high: 95 % limits of agreement; NaN below two patients.
        patients: number of patients.
        values: number of differences.
    """

    bias: float
    low: float
    high: float
    patients: int
    values: int


def limits_of_agreement(differences: pd.Series, patients: pd.Series) -> Agreement:
    """Return the bias and the limits within which 95 % of single differences lie: bias ± 1.96 deviations.

    The deviation is that of one prediction for one patient. A patient has a prediction per fold, so the
    differences are not independent. The variance is therefore the sum of the variance between patients and
    the variance within patients, both by a one-way analysis of variance (Bland and Altman 2007, section 3,
    doi:10.1080/10543400701329422). With one difference per patient, it is the usual sample variance.

    Args:
        differences: prediction minus truth, in any unit; undefined values are left out.
        patients: the patient of each difference, with the same index.
    """
    differences = differences.dropna()
    groups = differences.groupby(patients.loc[differences.index])
    counts, total, number = groups.count().to_numpy(), len(differences), groups.ngroups
    bias = float(differences.mean())
    if number < 2:
        return Agreement(bias, float("nan"), float("nan"), number, total)
    residuals = ((differences - groups.transform("mean")) ** 2).sum()
    within = residuals / (total - number) if total > number else 0.0
    between_square = (counts * (groups.mean().to_numpy() - bias) ** 2).sum() / (number - 1)
    size = (total - (counts**2).sum() / total) / (number - 1)  # of a group, on average
    between = max(0.0, (between_square - within) / size)
    reach = NORMAL * float(np.sqrt(between + within))
    return Agreement(bias, bias - reach, bias + reach, number, total)
