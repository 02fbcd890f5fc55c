"""Labels on the scan's own grid: by hand, SciPy as oracle, and slabs of any number of slices."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from conftest import make_volume
from covidseg.cases.resampling import new_shape
from covidseg.evaluation.scan_grid import labels_on_grid


def test_labels_go_back_to_the_scan_s_own_grid():
    probabilities = torch.zeros(3, 4, 6, 6)
    probabilities[0] = 0.4
    probabilities[1, :2] = 0.6
    probabilities[2, 2:] = 0.6
    geometry = make_volume(np.zeros((8, 12, 18)), spacing=(1.0, 1.0, 1.0)).geometry
    labels = labels_on_grid(
        [probabilities], geometry, depth=4, box=(slice(None),) * 3, target_spacing=(2.0, 2.0, 3.0)
    )
    assert labels.shape == (8, 12, 18)
    assert labels.dtype == np.uint8
    assert (labels[:4] == 1).all()
    assert (labels[4:] == 2).all()


def test_the_first_of_the_most_probable_classes_counts():
    probabilities = torch.tensor([[0.4, 0.2], [0.4, 0.4], [0.2, 0.4]]).reshape(3, 1, 1, 2)
    geometry = make_volume(np.zeros((1, 1, 2))).geometry
    labels = labels_on_grid(
        [probabilities], geometry, depth=1, box=(slice(None),) * 3, target_spacing=geometry.spacing
    )
    assert labels.tolist() == [[[0, 1]]]


def sides(length):
    """Slices of an axis, with odd and even offsets and lengths."""
    ends = st.tuples(st.integers(0, length // 2), st.integers(length // 2 + 1, length))
    return ends.map(lambda side: slice(*side))


ratios = st.tuples(*[st.sampled_from([0.71, 0.83, 1.0, 1.3, 1.4])] * 3)  # no axis is resampled apart


@settings(deadline=None, max_examples=40)
@given(st.tuples(sides(9), sides(15), sides(17)), ratios, st.integers(0, 99), st.integers(1, 20))
def test_labels_of_a_cropped_scan_land_on_the_right_voxels_of_the_scan(box, ratio, seed, slab):
    """As SciPy interpolates at the place of every voxel's centre; around the crop is background."""
    geometry = make_volume(np.zeros((9, 15, 17)), spacing=(1.1, 0.9, 1.0)).geometry
    target = tuple(s * r for s, r in zip(geometry.spacing, ratio, strict=True))
    crop = [side.stop - side.start for side in box]
    lesion = np.random.default_rng(seed).random(new_shape(crop, geometry.spacing, target)).astype(np.float32)
    slabs = torch.from_numpy(np.stack([1 - lesion, lesion])).split(slab, 1)
    labels = labels_on_grid(slabs, geometry, depth=len(lesion), box=box, target_spacing=target)

    centres = np.argwhere(np.ones(crop)) + 0.5
    places = centres * (np.array(lesion.shape) / crop) - 0.5
    expected = ndimage.map_coordinates(lesion, places.T, order=1, mode="nearest").reshape(crop)
    clear = np.abs(expected - 0.5) > 1e-4
    np.testing.assert_array_equal(labels[box][clear], (expected > 0.5)[clear])
    labels[box] = 0
    assert not labels.any()
