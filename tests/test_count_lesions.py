"""The counts of lesions and of slices with lesions."""

import numpy as np
import pytest
from scipy import ndimage

from covidseg.cases.lesions import count_lesions


def labels(*marks):
    array = np.zeros((6, 5, 5), np.uint8)
    for place, number in marks:
        array[place] = number
    return array


@pytest.mark.parametrize(
    ("array", "number", "slices", "lesions"),
    [
        (labels(), 1, 0, 0),
        (labels(((0, 0, 0), 2)), 1, 0, 0),
        (labels(((0, 0, 0), 1)), 3, 0, 0),
        (labels(((1, 1, 1), 1), ((1, 1, 2), 1), ((1, 4, 4), 1)), 1, 1, 2),
        (labels(((1, 1, 1), 1), ((2, 2, 2), 1)), 1, 2, 1),  # connected by a corner
        (labels(((1, 1, 1), 1), ((3, 1, 1), 1)), 1, 2, 2),  # a free slice lies between them
        (labels(((1, 1, 1), 3), ((1, 1, 2), 1), ((1, 1, 3), 3)), 3, 1, 2),  # another label lies between them
    ],
)
def test_lesions_and_their_slices_by_hand(array, number, slices, lesions):
    assert count_lesions(array, number) == (slices, lesions)


def test_a_crop_to_the_lesions_counts_the_same():
    array = np.random.default_rng(0).choice([0, 0, 0, 1, 2, 3], (9, 20, 30)).astype(np.uint8)
    array[:3] = 0
    for number in (1, 2, 3):
        whole = ndimage.label(array == number, np.ones((3, 3, 3)))[1]
        assert count_lesions(array, number) == (6, whole)
