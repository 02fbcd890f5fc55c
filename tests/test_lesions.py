"""Lesions found and missed, volumes in mL: by hand, by properties, and as panoptica counts.

panoptica needs older versions of NumPy and pandas than ours, so its numbers stand here as values. They come from
panoptica 2.1.7 (connected-components-3d 3.29.0, NumPy 2.2.6), with every scene once as (prediction, truth) and once
the other way round:

    evaluator = Panoptica_Evaluator(
        expected_input=InputType.SEMANTIC,
        instance_approximator=ConnectedComponentsInstanceApproximator(),
        instance_matcher=NaiveThresholdMatching(
            matching_metric=Metric.IOU, matching_threshold=0.0, strict_threshold=True, allow_many_to_one=True
        ),
        instance_metrics=[Metric.IOU],
        global_metrics=[],
    )
    right = number of components of the prediction - evaluator.evaluate(prediction, truth)["ungrouped"].fp
    found = number of components of the truth - evaluator.evaluate(truth, prediction)["ungrouped"].fp
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from covidseg.evaluation.lesion_metrics import LESION_METRICS, LUNG_SHARES
from covidseg.evaluation.lesions import count_detected
from covidseg.evaluation.masks import Masks

ANY = {"minimum_ml": 0.0, "overlap": 0.0}


def draw(*slices):
    """Truth and prediction of a drawing: rows separated by "/", t: truth, p: prediction, B: both."""
    letters = np.array([[list(row) for row in one.split("/")] for one in slices])
    return np.isin(letters, ["t", "B"]), np.isin(letters, ["p", "B"])


# (true, found, predicted, right), by hand; panoptica counts the same.
SCENES = {
    "one lesion, half covered": ((".ttBB.",), (1, 1, 1, 1)),
    "one voxel apart": (("tt.BB",), (2, 1, 1, 1)),
    "joined at an edge": (("tt../..BB",), (1, 1, 1, 1)),
    "joined at an edge, between slices": (("t.../....", ".B../...."), (1, 1, 1, 1)),
    "joined at a corner, between slices": (("t.../....", "..../.B.."), (1, 1, 1, 1)),
    "not joined over an empty slice": (("t...", "....", "B..."), (2, 1, 1, 1)),
    "one prediction over two lesions": (("BBpBB",), (2, 2, 1, 1)),
    "one lesion in two predictions": (("BBtBB",), (1, 1, 2, 2)),
    "both at once": (("BBpBBtBB",), (2, 2, 2, 2)),
    "three lesions under one prediction, one beside": (("BpBpB./....../tt...p",), (4, 3, 2, 1)),
    "missed and false": (("tt.pp",), (1, 0, 1, 0)),
    "side by side without overlap": (("ttpp",), (1, 0, 1, 0)),
    "truth is empty": ((".pp.p",), (0, 0, 2, 0)),
    "prediction is empty": ((".tt.t",), (2, 0, 0, 0)),
    "both are empty": (("....",), (0, 0, 0, 0)),
}


@pytest.mark.parametrize("name", SCENES)
def test_lesions_are_counted_as_by_hand_and_as_by_panoptica(name):
    slices, expected = SCENES[name]
    assert count_detected(*draw(*slices), voxel_ml=1.0, rule=ANY) == expected


@pytest.mark.parametrize(
    ("row", "overlap", "expected"),
    [
        ("Bttttttttt", 0.1, (1, 1, 1, 1)),  # one voxel of ten: exactly the share
        ("Bttttttttt", 0.11, (1, 0, 1, 1)),
        ("Bppppppppp", 0.11, (1, 1, 1, 0)),
        ("BtBtt", 0.4, (1, 1, 2, 2)),  # both parts of the prediction together cover 2 of 5
        ("BBBB", 1.0, (1, 1, 1, 1)),
    ],
)
def test_a_lesion_is_found_from_the_given_share_of_its_voxels(row, overlap, expected):
    rule = {"minimum_ml": 0.0, "overlap": overlap}
    assert count_detected(*draw(row), voxel_ml=1.0, rule=rule) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("tt.t.B", (1, 0, 0, 0)),  # of at least two voxels: one true lesion, no predicted one
        ("Bp", (0, 0, 1, 1)),  # a true voxel, though no lesion, makes the prediction right
        ("B.B", (0, 0, 0, 0)),
    ],
)
def test_a_component_below_the_smallest_volume_is_no_lesion_but_still_overlaps(row, expected):
    """A voxel of 8 x 0.5 x 0.5 mm has 0.002 mL."""
    masks = Masks(*draw(row), (8.0, 0.5, 0.5), 1.0, {"minimum_ml": 0.004, "overlap": 0.1})
    assert masks.detection == expected


def test_the_smallest_volume_is_a_volume_and_no_number_of_voxels():
    rule = {"minimum_ml": 0.004, "overlap": 0.1}
    assert Masks(*draw("t"), (8.0, 0.5, 0.5), 1.0, rule).detection.true == 0
    assert Masks(*draw("t"), (8.0, 0.7, 0.75), 1.0, rule).detection.true == 1


def values(*slices, spacing=(2.0, 5.0, 10.0), rule=ANY):
    """All metrics of lesions; a voxel has 0.1 mL."""
    masks = Masks(*draw(*slices), spacing, 1.0, rule)
    return {name: metric(masks) for name, metric in LESION_METRICS.items()}


def test_volumes_and_lesions_of_a_case_by_hand():
    """Truth: 3 voxels, of which 2 are found, and 3 on an oblique line through three slices. Prediction: 2 + 2."""
    found = values("BBt..t.pp", "......t..", "......t..")
    assert found == pytest.approx(
        {
            "volume_truth_mL": 0.6,
            "volume_prediction_mL": 0.4,
            "volume_error_mL": -0.2,
            "volume_error_absolute_mL": 0.2,
            "volume_error_relative": -1 / 3,
            "volume_false_positive_mL": math.nan,
            "lesion_sensitivity": 1 / 2,
            "lesion_precision": 1 / 2,
            "lesion_F1": 1 / 2,
        },
        nan_ok=True,
    )


@pytest.mark.parametrize(
    ("row", "relative", "false_positive", "lesions"),
    [
        ("....", math.nan, 0.0, math.nan),
        (".pp.", math.nan, 0.2, 0.0),
        (".tt.", -1.0, math.nan, 0.0),
    ],
)
def test_empty_masks(row, relative, false_positive, lesions):
    found = values(row)
    assert found["volume_error_relative"] == pytest.approx(relative, nan_ok=True)
    assert found["volume_false_positive_mL"] == pytest.approx(false_positive, nan_ok=True)
    shares = [found[name] for name in ("lesion_sensitivity", "lesion_precision", "lesion_F1")]
    assert shares == pytest.approx([lesions] * 3, nan_ok=True)


def test_f1_is_the_harmonic_mean():
    """Two of three true lesions are found, and one prediction of one is right."""
    found = values("BpB.t")
    assert found["lesion_sensitivity"] == pytest.approx(2 / 3)
    assert found["lesion_precision"] == 1.0
    assert found["lesion_F1"] == pytest.approx(2 * (2 / 3) / (2 / 3 + 1))


def test_the_share_of_the_lungs():
    masks = Masks(*draw("BBtt.p"), (1.0, 1.0, 1.0), 1.0, ANY, lung_voxels=(40, 30))
    shares = {name: metric(masks) for name, metric in LUNG_SHARES.items()}
    assert shares == {"lung_share_truth": 0.1, "lung_share_prediction": 0.1}
    without = Masks(*draw("B"), (1.0, 1.0, 1.0), 1.0, ANY, lung_voxels=(0, 0))
    assert all(math.isnan(metric(without)) for metric in LUNG_SHARES.values())


pairs = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7).flatmap(
    lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape))
)


@settings(deadline=None, max_examples=40)
@given(pairs)
def test_properties(pair):
    truth, prediction = pair
    found = count_detected(truth, prediction, voxel_ml=1.0, rule=ANY)
    assert found.true == ndimage.label(truth, np.ones((3, 3, 3)))[1]
    assert found.predicted == ndimage.label(prediction, np.ones((3, 3, 3)))[1]
    swapped = count_detected(prediction, truth, voxel_ml=1.0, rule=ANY)
    assert (found.true, found.found) == (swapped.predicted, swapped.right)
    stricter = count_detected(truth, prediction, voxel_ml=1.0, rule=ANY | {"overlap": 0.5})
    assert stricter.found <= found.found <= found.true
    assert (found.found > 0) == (found.right > 0) == bool((truth & prediction).any())
    itself = count_detected(truth, truth, voxel_ml=1.0, rule=ANY | {"overlap": 1.0})
    assert itself.true == itself.found == itself.right
