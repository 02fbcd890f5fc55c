"""Resampling gives scikit-image's values, which are nnU-Net's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import resize

from covidseg.cases.resampling import new_shape, resample, resample_label, spline_orders

shapes = st.tuples(*[st.integers(1, 12)] * 3)


@settings(deadline=None, max_examples=60)
@given(shapes, shapes, st.sampled_from([0, 1, 3]), st.integers(0, 99))
def test_equals_scikit_image(old, new, order, seed):
    volume = np.random.default_rng(seed).standard_normal(old)
    expected = resize(volume, new, order=order, mode="edge", anti_aliasing=False)
    found = resample(torch.from_numpy(volume).float(), new, (order,) * 3)
    np.testing.assert_allclose(found.numpy(), expected, atol=5e-6)


def test_separate_axis_equals_slices_resized_in_plane_then_nearest():
    """As nnU-Net's do_separate_z: order 3 within each slice, order 0 across slices."""
    volume = np.random.default_rng(0).standard_normal((5, 9, 8))
    planes = np.stack(
        [resize(plane, (12, 11), order=3, mode="edge", anti_aliasing=False) for plane in volume]
    )
    nearest = np.clip(np.floor((np.arange(9) + 0.5) * 5 / 9), 0, 4).astype(int)
    found = resample(torch.from_numpy(volume).float(), (9, 12, 11), (0, 3, 3))
    np.testing.assert_allclose(found.numpy(), planes[nearest], atol=5e-6)


def test_orders_by_anisotropy():
    assert spline_orders((3.0, 1.0, 1.0), (1.0, 1.0, 1.0), order=3) == (3, 3, 3)
    assert spline_orders((3.01, 1.0, 1.0), (1.0, 1.0, 1.0), order=3) == (0, 3, 3)
    assert spline_orders((1.0, 1.0, 1.0), (5.0, 1.0, 1.0), order=1) == (0, 1, 1)
    assert spline_orders((1.0, 1.0, 4.0), (1.0, 1.0, 1.0), order=3) == (3, 3, 0)


def test_only_the_scan_s_own_coarse_axis_is_resampled_apart():
    """Two axes that are both coarse, one in the scan and one in the target: the scan's counts."""
    assert spline_orders((4.0, 1.0, 1.0), (1.0, 1.0, 4.0), order=3) == (0, 3, 3)


def test_new_shape_covers_the_same_volume():
    assert new_shape((134, 512, 512), (3.0, 0.977, 0.977), (1.5, 0.75, 0.75)) == (268, 667, 667)
    assert new_shape((1, 2, 2), (1.0, 1.0, 1.0), (9.0, 1.0, 1.0)) == (1, 2, 2)


def test_labels_equal_nnunet_s_rule():
    """Each id's mask resized linearly; where it reaches a half, the voxel has the id."""
    label = np.random.default_rng(3).integers(0, 4, (6, 7, 8)).astype(np.uint8)
    new = (9, 10, 5)
    expected = np.zeros(new, np.uint8)
    clear = np.ones(new, bool)
    for value in (1, 2, 3):
        share = resize(
            (label == value).astype(float), new, order=1, mode="edge", anti_aliasing=False, clip=False
        )
        expected[share >= 0.5] = value
        clear &= np.abs(share - 0.5) > 1e-6  # float32 may decide a tie otherwise
    found = resample_label(torch.from_numpy(label), new, (1, 1, 1), [1, 2, 3]).numpy()
    np.testing.assert_array_equal(found[clear], expected[clear])
    assert clear.mean() > 0.9


def test_labels_of_small_masks_equal_the_rule_wherever_they_lie():
    """Masks of one voxel at every place: only the box around a mask is resampled."""
    for place in np.ndindex(3, 4, 5):
        label = torch.zeros(3, 4, 5, dtype=torch.uint8)
        label[place] = 2
        found = resample_label(label, (6, 3, 10), (1, 1, 1), [1, 2])
        share = resample(label == 2, (6, 3, 10), (1, 1, 1))
        assert torch.equal(found, (share >= 0.5) * torch.tensor(2, dtype=torch.uint8)), place


def test_a_mask_between_the_new_voxels_disappears():
    """From nine voxels to one, which lies on the fifth: the others have no weight at all."""
    label = torch.tensor([[[0, 3, 0, 0, 4, 0, 0, 0, 3]]], dtype=torch.uint8)
    assert resample_label(label, (1, 1, 1), (1, 1, 1), [3]).item() == 0
    assert resample_label(label, (1, 1, 1), (1, 1, 1), [3, 4]).item() == 4


def test_a_half_is_enough_for_a_label_and_the_last_of_two_halves_counts():
    """One voxel from two: each id has a half of it."""
    for voxels, expected in (([1, 0], 1), ([1, 2], 2), ([2, 1], 2)):
        label = torch.tensor([[voxels]], dtype=torch.uint8)
        assert resample_label(label, (1, 1, 1), (1, 1, 1), [1, 2]).item() == expected


def test_slices_are_prepared_one_by_one():
    volume = torch.arange(24, dtype=torch.int16).reshape(2, 3, 4)
    found = resample(volume, (2, 3, 4), (3, 3, 3), lambda plane: plane.float() * 2)
    assert torch.equal(found, volume.float() * 2)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_a_constant_stays_constant(order):
    found = resample(torch.full((3, 4, 5), 7.0), (7, 3, 9), (order,) * 3)
    np.testing.assert_allclose(found.numpy(), 7, atol=1e-5)
