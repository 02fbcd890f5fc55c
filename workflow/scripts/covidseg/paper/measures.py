"""What tables print of a metric beside its values: heading, unit, and which values are better."""

from typing import Literal, NamedTuple


class Measure(NamedTuple):
    """How a metric is printed.

    Attributes:
        heading: heading of the metric's column; None for the metric's own name.
        unit: unit of the values; None for the unit of the table, fraction or percent.
        better: which values are better; None if no value is: such a metric has no marks and no tests.
    """

    heading: str | None = None
    unit: Literal["mL", "seconds"] | None = None
    better: Literal["higher", "lower"] | None = "higher"


MEASURES = {
    "time": Measure(unit="seconds", better="lower"),
    "volume_truth_mL": Measure("Truth, mL", "mL", better=None),
    "volume_prediction_mL": Measure("Prediction, mL", "mL", better=None),
    "volume_error_mL": Measure("Error, mL", "mL", better=None),
    "volume_error_absolute_mL": Measure("Absolute error, mL", "mL", better="lower"),
    "volume_error_relative": Measure("Relative error", better=None),
    "volume_false_positive_mL": Measure("False positives, mL", "mL", better="lower"),
    "lung_share_truth": Measure("Share of the lungs, truth", better=None),
    "lung_share_prediction": Measure("Share of the lungs, prediction", better=None),
    "lesion_sensitivity": Measure("Lesion sensitivity"),
    "lesion_precision": Measure("Lesion precision"),
    "lesion_F1": Measure("Lesion F1"),
}
SIGNS = {"lower": 1.0, "higher": -1.0, None: float("nan")}  # which values are better -> sign that ranks them


def measure_of(metric: str) -> Measure:
    """Return how a metric is printed; a metric without an entry is a share, of which more is better."""
    return MEASURES.get(metric, Measure())
