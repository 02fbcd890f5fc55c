"""Precision, recall and Dice of heat maps at every threshold, by hand and against counting pixel by pixel."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.text import Text

from covidseg.paper.localisation_figure import choose_slices, dice, pixel_size, size_in_words
from covidseg.paper.palette import SYSTEM_COLOURS
from covidseg.weak.evaluation import (
    LEVELS,
    area,
    area_under_curve,
    count_pixels,
    lower_bound,
    read_curve,
    slice_dice,
    threshold_curve,
    weak_scores,
)
from covidseg.weak.overlay import overlay
from drawn_figures import localisation, thresholds

HEAT = np.array([[[900, 600], [600, 0]], [[300, 0], [0, 0]]], np.uint16)
MASKS = np.array([[[1, 1], [0, 0]], [[0, 1], [0, 0]]], bool)


def at(curve, threshold):
    return curve.iloc[round(threshold * LEVELS)]


def test_the_curve_by_hand():
    """0.9 finds one of three pixels; 0.6 two, and one beside; 0.3 another beside; 0 marks all eight."""
    curve = threshold_curve(count_pixels(HEAT, MASKS))
    assert at(curve, 0.95)[["precision", "recall", "dice"]].tolist() == [1, 0, 0]
    assert at(curve, 0.9)[["precision", "recall"]].tolist() == pytest.approx([1, 1 / 3])
    assert at(curve, 0.9)["dice"] == pytest.approx((2 / 3 + 0) / 2)
    assert at(curve, 0.6)[["precision", "recall"]].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert at(curve, 0.6)["dice"] == pytest.approx((4 / 5 + 0) / 2)
    assert at(curve, 0.3)[["precision", "recall"]].tolist() == pytest.approx([2 / 4, 2 / 3])
    assert at(curve, 0.0)[["precision", "recall"]].tolist() == pytest.approx([3 / 8, 1])
    assert at(curve, 0.0)["dice"] == pytest.approx((4 / 6 + 2 / 5) / 2)


def test_the_area_by_hand():
    """Trapezoids over recall: 0 to 1/3 at 1, to 2/3 from 1 to 2/3, to 1 from 1/2 to 3/8."""
    curve = threshold_curve(count_pixels(HEAT, MASKS))
    expected = 1 / 3 * 1 + 1 / 3 * (1 + 2 / 3) / 2 + 1 / 3 * (1 / 2 + 3 / 8) / 2
    assert area_under_curve(curve) == pytest.approx(expected)


def test_the_areas_of_several_curves_at_once():
    """Recall 1 and 0.5 at precision 0.5 and 1: a trapezoid of 0.5 and one of 0.375. And precision 0.2 throughout."""
    precision, recall = np.array([[0.5, 1], [0.2, 0.2]]), np.array([[1, 0.5], [1, 0]])
    assert area(precision, recall).tolist() == pytest.approx([0.5 + 0.375, 0.2])


def test_perfect_and_useless_heat():
    perfect = np.where(MASKS, LEVELS, 0).astype(np.uint16)
    assert area_under_curve(threshold_curve(count_pixels(perfect, MASKS))) == pytest.approx(1)
    flat = np.full(MASKS.shape, 500, np.uint16)
    assert area_under_curve(threshold_curve(count_pixels(flat, MASKS))) == pytest.approx((1 + 3 / 8) / 2)


def test_a_slice_without_lesion_counts_only_if_something_is_marked():
    masks = MASKS.copy()
    masks[1] = False
    dice = slice_dice(count_pixels(HEAT, masks))
    assert np.isnan(dice[1, 301:]).all()
    assert (dice[1, 1:301] == 0).all()
    curve = threshold_curve(count_pixels(HEAT, masks))
    assert at(curve, 0.6)["dice"] == pytest.approx(4 / 5)


@settings(max_examples=25, deadline=None)
@given(arrays(np.uint16, (2, 3, 4), elements=st.integers(0, LEVELS)), arrays(bool, (2, 3, 4)))
def test_every_threshold_counts_what_lies_at_or_above_it(heat, masks):
    counts = count_pixels(heat, masks)
    for level in (0, 1, 250, 999, 1000):
        above = heat >= level
        assert counts.marked[:, level].tolist() == above.sum((1, 2)).tolist()
        assert counts.found[:, level].tolist() == (above & masks).sum((1, 2)).tolist()
    assert counts.lesion.tolist() == masks.sum((1, 2)).tolist()


def test_scores_of_all_slices_and_of_each():
    rows = weak_scores(count_pixels(HEAT, MASKS), ["a", "b"], threshold=0.6, limits=(0.1, 0.4))
    assert [(case, metric) for case, metric, _ in rows] == [
        ("all", "AUPRC"), ("all", "DSC_lower_bound"), ("a", "DSC"), ("b", "DSC"),
    ]  # fmt: skip
    assert rows[2][2] == pytest.approx(4 / 5)
    curve = threshold_curve(count_pixels(HEAT, MASKS))
    assert rows[1][2] == lower_bound(curve, (0.1, 0.4)) == curve["dice"][100:401].min()


def test_a_curve_is_read_by_split(tmp_path):
    curve = threshold_curve(count_pixels(HEAT, MASKS))
    pd.concat([curve.assign(split="x"), (curve / 2).assign(split="y")]).to_csv(
        tmp_path / "c.csv", index=False
    )
    pd.testing.assert_frame_equal(read_curve(tmp_path / "c.csv", "x"), curve.assign(split="x"))
    pd.testing.assert_frame_equal(read_curve(tmp_path / "c.csv", "y"), (curve / 2).assign(split="y"))


def test_an_overlay_leaves_cold_pixels_alone():
    image = np.array([[0, 100], [200, 255]], np.uint8)
    heat = np.array([[0.0, 0.0], [0.0, 1.0]])
    shown = overlay(image, heat)
    assert shown[0, 1].tolist() == [100, 100, 100]
    assert shown[1, 1, 0] > shown[1, 1, 2] + 50, "the hottest pixel is yellow"


def test_hotter_is_brighter_in_grey_print():
    grey = overlay(np.full(5, 60, np.uint8), np.linspace(0.2, 1, 5)) @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(grey) > 5).all()


def test_slices_from_the_smallest_to_the_largest_lesion():
    masks = np.zeros((5, 4, 4), bool)
    for number, size in enumerate((3, 1, 5, 2, 4)):
        masks[number].ravel()[:size] = True
    assert choose_slices(masks, 3) == [1, 0, 2]
    assert choose_slices(masks, 9) == [1, 3, 0, 4, 2]


def test_the_size_of_a_pixel_of_a_slice_that_was_cut_from_a_volume(tmp_path):
    """30 x 60 pixels of 4 and 3 mm, drawn anew as 48 x 48."""
    table = tmp_path / "cases.csv"
    table.write_text("case,shape,spacing_mm\na_1,9x30x60,5x4x3\n")
    assert pixel_size("a_1_007", 48, [table]) == (2.5, 3.75)
    assert pixel_size("7", 48, []) is None


def test_the_words_for_the_size_of_a_lesion():
    words = [size_in_words(place, 5) for place in range(5)]
    assert words[:3] == ["Smallest lesion of 5 slices", "Lesion 2 of 5 by size", "Median lesion of 5 slices"]
    assert words[3:] == ["Lesion 4 of 5 by size", "Largest lesion of 5 slices"]


def names_of(figure):
    return ["".join(text.get_text() for text in found.findobj(Text)) for found in figure.artists]


def test_a_row_per_slice_and_a_line_per_localiser():
    figure = localisation()
    titles = [name.replace("\n", " ") for name in names_of(figure)]
    assert titles[:2] == ["CT", "Ground truth"]
    assert titles[-2].replace(" ", "") == "Decomposition,segmented"
    curves = next(axis for axis in figure.axes if axis.get_xlabel() == "recall")
    labels = [text.get_text() for text in curves.get_legend().get_texts()]
    assert labels[0].startswith("1  Decomposition, AUPRC 0.")
    colours = [line.get_color() for line in curves.lines]
    assert colours[0] == colours[3] == SYSTEM_COLOURS["decomposition"].light
    assert len(set(colours)) == 3
    assert curves.lines[3].get_linestyle() == "--"
    text = " ".join(figure.get_supxlabel().split())
    assert "R: the patient's right. Bar: 50 mm." in text
    assert "Size and side are not known." in " ".join(localisation(spacing=None).get_supxlabel().split())
    plt.close("all")


def test_the_dice_of_a_segmentation_by_hand():
    """Two lesion pixels, three segmented, one shared: 2 / 5."""
    truth, found = np.array([True, True, False, False]), np.array([False, True, True, True])
    assert dice(truth, found) == 0.4


def test_the_range_of_thresholds_is_shaded():
    figure = thresholds()
    line = figure.axes[0].lines[0]
    assert len(line.get_ydata()) == LEVELS + 1
    (shaded,) = (patch for patch in figure.axes[0].patches)
    assert (shaded.get_x(), shaded.get_width()) == pytest.approx((0.1, 0.3))
    plt.close("all")
