"""DSC, NSD and the confusion measures: by hand, by properties, and against google's package."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from covidseg.evaluation import metrics
from covidseg.evaluation.masks import Masks
from covidseg.volumes import read_volume

SPACING = (3.0, 1.0, 0.5)
LESIONS = {"minimum_ml": 0.0, "overlap": 0.1}


def box(shape, *bounds):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*bound) for bound in bounds)] = True
    return mask


def compare(metric, truth, prediction, spacing=SPACING, tolerance=1.0):
    """The value of a metric, by its name in the module, for two masks."""
    return getattr(metrics, metric)(Masks(truth, prediction, spacing, tolerance, LESIONS))


@pytest.fixture(scope="module")
def google():
    """surface-distance with the NumPy and SciPy names that it still calls."""
    patch = pytest.MonkeyPatch()
    for name, value in (("Inf", np.inf), ("NaN", np.nan)):
        patch.setattr(np, name, value, raising=False)
    for name in ("filters", "morphology"):
        patch.setattr(ndimage, name, ndimage, raising=False)
    import surface_distance

    yield surface_distance
    patch.undo()


def google_nsd(google, truth, prediction, spacing, tolerance):
    if not (truth.any() or prediction.any()):
        return float("nan")
    distances = google.compute_surface_distances(truth, prediction, spacing)
    return google.compute_surface_dice_at_tolerance(distances, tolerance)


def test_counts_by_hand():
    truth = box((4, 4, 4), (0, 2), (0, 4), (0, 4))  # 32 of 64 voxels
    prediction = box((4, 4, 4), (1, 4), (0, 4), (0, 2))  # 24, of which 8 are true
    assert Masks(truth, prediction, SPACING, 1.0, LESIONS).confusion == (8, 16, 24, 16)
    assert compare("dice", truth, prediction) == pytest.approx(2 * 8 / (32 + 24))
    assert compare("sensitivity", truth, prediction) == pytest.approx(8 / 32)
    assert compare("precision", truth, prediction) == pytest.approx(8 / 24)
    assert compare("specificity", truth, prediction) == pytest.approx(16 / 32)
    assert compare("accuracy", truth, prediction) == pytest.approx(24 / 64)
    precision, sensitivity = 8 / 24, 8 / 32
    expected = 2 * precision * sensitivity / (precision + sensitivity)
    assert compare("f1", truth, prediction) == pytest.approx(expected)


def test_surface_dice_of_shifted_plates_by_hand():
    """A plate one voxel (3 mm) thick, shifted by one slice: surfaces 3 mm apart, or shared at the middle."""
    truth = box((6, 20, 20), (2, 3), (0, 20), (0, 20))
    prediction = box((6, 20, 20), (3, 4), (0, 20), (0, 20))
    assert compare("surface_dice", truth, prediction, SPACING, 3.0) == 1.0
    below = compare("surface_dice", truth, prediction, SPACING, 2.999)
    # The plates touch: the lower face of one is the upper face of the other. Half of each surface agrees,
    # and so does half of the thin rim.
    assert below == pytest.approx(0.5, abs=0.03)


def test_ties_count_as_within_tolerance():
    truth = box((5, 5, 20), (1, 4), (1, 4), (2, 5))
    prediction = box((5, 5, 20), (1, 4), (1, 4), (8, 11))
    # In x the faces lie 6 voxels, 3 mm, apart.
    assert compare("surface_dice", truth, prediction, SPACING, 3.0) > compare(
        "surface_dice", truth, prediction, SPACING, 2.99
    )


@pytest.mark.parametrize("name", ["dice", "sensitivity", "precision", "f1"])
def test_empty_masks(name):
    empty, full = np.zeros((3, 3, 3), bool), box((3, 3, 3), (0, 2), (0, 2), (0, 2))
    assert np.isnan(compare(name, empty, empty))
    assert compare(name, full, empty) == 0.0
    assert compare(name, empty, full) == 0.0


def test_empty_masks_of_surface_dice():
    empty, full = np.zeros((3, 3, 3), bool), box((3, 3, 3), (0, 2), (0, 2), (0, 2))
    assert np.isnan(compare("surface_dice", empty, empty, SPACING, 1))
    assert compare("surface_dice", full, empty, SPACING, 1) == 0.0
    assert compare("surface_dice", empty, full, SPACING, 1) == 0.0


def test_background_measures_without_foreground_and_without_background():
    empty, full = np.zeros((2, 2, 2), bool), np.ones((2, 2, 2), bool)
    assert compare("specificity", empty, empty) == 1.0
    assert compare("accuracy", empty, empty) == 1.0
    assert np.isnan(compare("specificity", full, full))


def test_different_shapes_are_refused_with_both_named():
    with pytest.raises(ValueError, match=r"\(2, 3, 4\).*\(2, 3, 5\)"):
        compare("dice", np.zeros((2, 3, 4), bool), np.zeros((2, 3, 5), bool))
    with pytest.raises(ValueError, match=r"\(2, 3, 4\).*\(2, 3, 5\)"):
        compare("surface_dice", np.zeros((2, 3, 4), bool), np.zeros((2, 3, 5), bool), SPACING, 1)


@pytest.mark.parametrize(
    "spacing", [(1, 1), (1, 0, 1), (1, -1, 1), (1, float("nan"), 1), (1, float("inf"), 1)]
)
def test_spacings_that_are_no_lengths_are_refused(spacing):
    mask = np.ones((2, 2, 2), bool)
    with pytest.raises(ValueError, match="spacing"):
        compare("surface_dice", mask, mask, spacing, 1)


def test_label_ids_are_refused():
    with pytest.raises(ValueError, match="boolean"):
        compare("dice", np.ones((2, 2, 2), np.uint8), np.ones((2, 2, 2), bool))


masks = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9).flatmap(
    lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape))
)
lengths = st.sampled_from([0.5, 0.7, 1.0, 1.5, 3.0, 8.0])


@settings(deadline=None, max_examples=150)
@given(masks, st.tuples(lengths, lengths, lengths), st.sampled_from([0.0, 0.7, 1.0, 2.0, 3.0, 4.5]))
def test_equals_google_on_random_masks(google, pair, spacing, tolerance):
    expected = google_nsd(google, *pair, spacing, tolerance)
    found = compare("surface_dice", *pair, spacing, tolerance)
    assert found == pytest.approx(expected, abs=1e-6, nan_ok=True)
    dice = google.compute_dice_coefficient(*pair)
    assert compare("dice", *pair) == pytest.approx(dice, abs=1e-6, nan_ok=True)


@settings(deadline=None, max_examples=50)
@given(masks, st.tuples(lengths, lengths, lengths))
def test_properties(pair, spacing):
    truth, prediction = pair
    forward = compare("surface_dice", truth, prediction, spacing, 2.0)
    assert forward == pytest.approx(compare("surface_dice", prediction, truth, spacing, 2.0), nan_ok=True)
    if truth.any():
        assert compare("surface_dice", truth, truth, spacing, 0.0) == 1.0
    if truth.any() and prediction.any():
        wider = compare("surface_dice", truth, prediction, spacing, 4.0)
        assert 0 <= forward <= wider <= 1


@pytest.mark.slow
def test_equals_google_on_real_infection_masks(google, real_data):
    paths = sorted((real_data / "mosmed_masks").glob("*.nii.gz"))
    assert paths
    for path in paths:
        volume = read_volume(path)
        truth = volume.array > 0
        prediction = np.roll(ndimage.binary_dilation(truth), (0, 2, -1), (0, 1, 2))
        spacing = volume.geometry.spacing
        for tolerance in (1.0, 3.0):
            expected = google_nsd(google, truth, prediction, spacing, tolerance)
            found = compare("surface_dice", truth, prediction, spacing, tolerance)
            assert found == pytest.approx(expected, abs=1e-6)
            assert 0 < found < 1
