"""Precision, recall and Dice of heat maps at every threshold, by hand and against counting pixel by pixel."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from covidseg.paper.figures import save_figure
from covidseg.paper.localisation_figure import choose_slices, draw_localisation
from covidseg.paper.thresholds_figure import draw_thresholds
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
    assert shown[1, 1, 0] > shown[1, 1, 2] + 50, "the hottest pixel is red"


def test_slices_from_the_smallest_to_the_largest_lesion():
    masks = np.zeros((5, 4, 4), bool)
    for number, size in enumerate((3, 1, 5, 2, 4)):
        masks[number].ravel()[:size] = True
    assert choose_slices(masks, 3) == [1, 0, 2]
    assert choose_slices(masks, 9) == [1, 3, 0, 4, 2]


@pytest.fixture
def drawn():
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (2, 12, 12), np.uint8)
    masks = np.zeros((2, 12, 12), bool)
    masks[:, 4:8, 4:8] = True
    heat = {name: generator.integers(0, LEVELS, (2, 12, 12)).astype(np.uint16) for name in ("CAM", "Ours")}
    curves = {name: threshold_curve(count_pixels(found, masks)) for name, found in heat.items()}
    return images, masks, heat, curves


def test_figures_of_heat_maps_curves_and_thresholds(drawn, tmp_path):
    images, masks, heat, curves = drawn
    artefact = {"title": "Maps", "segmented": ["CAM", "Ours"], "split": "test_covid_cell"}
    for name in ("one", "two"):
        figure = draw_localisation(
            images,
            masks,
            heat,
            curves,
            artefact,
            threshold=0.4,
            config_name="toy",
            remarks=["Not run: VA-GAN."],
        )
        titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
        assert titles == ["CT", "Ground truth", "CAM", "Ours", "CAM, segmented", "Ours, segmented"]
        legend = [text.get_text() for text in figure.axes[-1].get_legend().get_texts()]
        assert legend == [f"{n} (AUPRC {area_under_curve(c):.3f})" for n, c in curves.items()]
        assert "Configuration: toy." in figure.get_supxlabel()
        assert figure.get_supxlabel().endswith("Not run: VA-GAN.")
        save_figure(figure, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    figure = draw_thresholds(
        curves, artefact, limits=(0.1, 0.4), config_name="toy", remarks=["Not run: VA-GAN."]
    )
    line = figure.axes[0].lines[0]
    assert line.get_ydata().tolist() == curves["CAM"]["dice"].tolist()
    (shaded,) = (patch for patch in figure.axes[0].patches)
    assert (shaded.get_x(), shaded.get_width()) == pytest.approx((0.1, 0.3))
    plt.close("all")
