"""How much infection there is, and which lesions were found: metrics of infections and other lesions alone.

Every metric takes `Masks` and returns a float, as in `metrics`. The volume of an empty mask is 0 mL. The
shares of lesions follow the rule of `metrics`: NaN if neither mask has a lesion, 0 if only one mask has.
"""

from collections.abc import Callable

from covidseg.evaluation.masks import Masks
from covidseg.evaluation.metrics import ratio, share


def volume_truth(masks: Masks) -> float:
    """Return the volume of the truth in mL."""
    return masks.confusion.truth * masks.voxel_ml


def volume_prediction(masks: Masks) -> float:
    """Return the volume of the prediction in mL."""
    return masks.confusion.prediction * masks.voxel_ml


def volume_error(masks: Masks) -> float:
    """Return the volume of the prediction minus the volume of the truth, in mL."""
    return (masks.confusion.prediction - masks.confusion.truth) * masks.voxel_ml


def volume_error_absolute(masks: Masks) -> float:
    """Return the size of the volume's error, without its sign, in mL."""
    return abs(volume_error(masks))


def volume_error_relative(masks: Masks) -> float:
    """Return the volume's error, with its sign, as a share of the true volume; NaN if the truth is empty."""
    found = masks.confusion
    return ratio(found.prediction - found.truth, found.truth)


def volume_false_positive(masks: Masks) -> float:
    """Return the volume of the prediction in mL if the truth is empty; NaN if the truth is not empty."""
    return float("nan") if volume_truth(masks) else volume_prediction(masks)


def lesion_sensitivity(masks: Masks) -> float:
    """Return the share of the true lesions that the prediction covers."""
    true, found, predicted, _ = masks.detection
    return share(found, true, predicted)


def lesion_precision(masks: Masks) -> float:
    """Return the share of the predicted lesions that the truth covers."""
    true, _, predicted, right = masks.detection
    return share(right, predicted, true)


def lesion_f1(masks: Masks) -> float:
    """Return the harmonic mean of the lesions' sensitivity and precision."""
    sensitivity, precision = lesion_sensitivity(masks), lesion_precision(masks)
    return 2 * sensitivity * precision / (sensitivity + precision) if sensitivity + precision else 0.0


def lung_share_truth(masks: Masks) -> float:
    """Return the true region's share of both lungs; the lungs include the infection."""
    assert masks.lung_voxels is not None
    return ratio(masks.confusion.truth, masks.lung_voxels[0])


def lung_share_prediction(masks: Masks) -> float:
    """Return the predicted region's share of both predicted lungs; the lungs include the infection."""
    assert masks.lung_voxels is not None
    return ratio(masks.confusion.prediction, masks.lung_voxels[1])


LESION_METRICS: dict[str, Callable[[Masks], float]] = {
    "volume_truth_mL": volume_truth,
    "volume_prediction_mL": volume_prediction,
    "volume_error_mL": volume_error,
    "volume_error_absolute_mL": volume_error_absolute,
    "volume_error_relative": volume_error_relative,
    "volume_false_positive_mL": volume_false_positive,
    "lesion_sensitivity": lesion_sensitivity,
    "lesion_precision": lesion_precision,
    "lesion_F1": lesion_f1,
}
LUNG_SHARES: dict[str, Callable[[Masks], float]] = {
    "lung_share_truth": lung_share_truth,
    "lung_share_prediction": lung_share_prediction,
}
