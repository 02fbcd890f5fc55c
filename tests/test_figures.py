"""Figures of slices and of relation matrices, on inputs small enough to check by eye."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from safetensors.numpy import save_file

from conftest import make_volume
from covidseg.cases.case_folder import CaseFolder
from covidseg.paper.cases_figure import draw_visual, error_overlay, rank_in_words
from covidseg.paper.figures import save_figure
from covidseg.paper.palette import FOUND, MISSED, REGION_COLOURS, WRONG
from covidseg.paper.relations_figure import draw_relations, read_matrices
from covidseg.paper.views import View, body_box, rank_cases, read_view, spread
from covidseg.volumes import write_volume

VISUAL = {
    "title": "Slices",
    "columns": {"From scratch": "scratch", "MSD": "body-finetune-msd"},
    "truth": "covid20",
    "regions": ["infection"],
    "split": "test",
    "fold": 1,
    "cases": 3,
}


def place(experiment, dataset="covid20", number=1):
    return {"experiment": experiment, "dataset": dataset, "class": number}


SHOWN = {
    "From scratch": {"infection": place("scratch")},
    "MSD": {"infection": place("body-finetune-msd")},
}
RELATIONS = {
    "title": "Relations",
    "experiment": "collaborative",
    "fold": 0,
    "left": "general_non_covid",
    "right": "general_covid",
    "curve": "general_difference",
}


pytestmark = pytest.mark.usefixtures("close_figures")


def same_bytes(draw, tmp_path):
    for name in ("one", "two"):
        save_figure(draw(), tmp_path / name)
    return all(
        (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
        for suffix in (".svg", ".pdf", ".png")
    )


def test_cases_from_best_to_worst_with_something_to_find():
    """Means 0.9, 0.7, 0.5, 0.3 and 0.1; f is empty; fold 0 and other experiments do not count."""
    dsc = {
        "a": (0.3, 0.7),
        "b": (0.0, 0.2),
        "c": (0.9, 0.9),
        "d": (0.8, 0.6),
        "e": (0.2, 0.4),
        "f": (1.0, 1.0),
    }
    rows = [
        ("covid20", fold, "infection", "DSC", experiment, case, value if fold == "1" else 1 - value)
        for case, values in dsc.items()
        for experiment, value in zip(("scratch", "body-finetune-msd"), values, strict=True)
        for fold in ("0", "1")
    ]
    rows += [("covid20", "1", "infection", "DSC", "hybrid-multi", "b", 1.0)]
    scores = pd.DataFrame(
        rows, columns=["dataset", "fold", "region", "metric", "experiment", "case", "value"]
    )
    cases = pd.DataFrame({"case": list(dsc), "voxels_infection": [5, 5, 5, 5, 5, 0]})
    ranked = rank_cases(scores, cases, VISUAL, SHOWN)
    assert ranked.index.tolist() == ["c", "d", "a", "e", "b"]
    assert ranked.loc["a"].to_dict() == {("From scratch", "infection"): 0.3, ("MSD", "infection"): 0.7}


def test_places_from_the_first_to_the_last_and_their_ranks():
    assert spread(5, 3) == [0, 2, 4]
    assert spread(5, 9) == [0, 1, 2, 3, 4]
    words = [rank_in_words(place, 5).partition(" of")[0] for place in range(5)]
    assert words == ["Best", "Rank 2", "Median", "Rank 4", "Worst"]
    assert [rank_in_words(place, 4) for place in (1, 2)] == ["Median of 4 cases"] * 2
    assert [rank_in_words(place, 2).split()[0] for place in (0, 1)] == ["Best", "Worst"]
    assert rank_in_words(0, 1) == "The only case"


def test_best_median_and_worst_over_regions_and_methods():
    """Means 0.8, 0.6 and 0.4 over two lungs and an infection, which lie in two data sets of the same cases."""
    dsc = {"a": (0.3, 0.5, 0.4), "b": (0.9, 0.8, 0.7), "c": (0.6, 0.7, 0.5), "alone": (1.0, 1.0, None)}
    regions = ("left_lung", "right_lung", "infection")
    rows = [
        ("lung" if "lung" in region else "lesion", "0", region, "DSC", f"on-{region[-4:]}", case, value)
        for case, values in dsc.items()
        for region, value in zip(regions, values, strict=True)
        if value is not None
    ]
    columns = ["dataset", "fold", "region", "metric", "experiment", "case", "value"]
    cases = pd.DataFrame({"case": list(dsc), **{f"voxels_{region}": 1 for region in regions}})
    shown = {
        "Separate": {
            region: place(f"on-{region[-4:]}", "lung" if "lung" in region else "lesion") for region in regions
        }
    }
    artefact = VISUAL | {"fold": 0, "regions": list(regions)}
    ranked = rank_cases(pd.DataFrame(rows, columns=columns), cases, artefact, shown)
    assert ranked.index.tolist() == ["b", "c", "a"]


@pytest.mark.parametrize(("case", "brightest"), [("raw", 255.0), ("windowed", 250.0)])
def test_the_slice_with_most_truth_is_windowed_once_and_cropped(tmp_path, case, brightest):
    """A body of 20 x 30 pixels of 2 mm in air, a small lesion in slice 1 and a large one in slice 2."""
    inside, outside = (250, -1000) if case == "raw" else (250, 10)
    image = np.full((4, 60, 80), outside, np.int16)
    image[:, 20:40, 30:60] = inside
    label = np.zeros(image.shape, np.uint8)
    label[1, 30:32, 40:42] = 1
    label[2, 25:35, 40:50] = 1
    folder = "predictions/scratch/fold1/covid20"
    for kind, array in (("images", image), ("labels", label), (folder, label * 3)):
        write_volume(tmp_path / kind / f"{case}.nii.gz", make_volume(array, spacing=(5.0, 2.0, 2.0)))
    dataset = {"regions": {1: "infection"}, "intensity": {"windowed": "windowed", "*": "hounsfield"}}
    view = read_view(
        case,
        {("From scratch", "infection"): 0.5},
        cases=CaseFolder(tmp_path),
        predictions=tmp_path / "predictions",
        shown={"From scratch": {"infection": place("scratch", number=3)}},
        dataset=dataset,
        artefact=VISUAL,
        window=(-1250, 250),
    )
    assert (view.number, view.slices, view.spacing) == (3, 4, (2.0, 2.0))
    assert view.image.shape == (20 + 2 * 4, 30 + 2 * 4), "8 mm on every side"
    assert view.image.max() == brightest
    assert view.truth["infection"].sum() == 100
    np.testing.assert_array_equal(view.predictions["From scratch"]["infection"], view.truth["infection"])
    assert view.dsc == {"From scratch": {"infection": 0.5}}


def test_the_box_leaves_the_table_out():
    image = np.zeros((50, 50), np.float32)
    image[10:30, 20:40] = 200
    image[45:47] = 200
    assert body_box(image, (8.0, 4.0), (-1250, 250)) == (slice(9, 31), slice(18, 42))
    assert body_box(image * 0, (8.0, 4.0), (-1250, 250)) == (slice(None), slice(None))


def test_found_missed_and_wrong_pixels_have_their_colours_and_wrong_ones_stripes():
    """Four pixels of 0.1 inches, each 31 dots wide in print."""
    truth, prediction = np.array([[True, True, False, False]]), np.array([[True, False, True, False]])
    overlay = error_overlay(truth, prediction, (0.1, 0.4))
    assert overlay.shape == (31, 4 * 31, 4)
    for number, colour in enumerate((FOUND, MISSED, WRONG)):
        pixel = overlay[:, number * 31 : (number + 1) * 31]
        assert (pixel[..., :3] == to_rgb(colour)).all()
        opacities = set(pixel[..., 3].ravel())
        assert all(0 < opacity < 1 for opacity in opacities)
        assert len(opacities) == (2 if colour == WRONG else 1)
    assert not overlay[:, 3 * 31 :, 3].any()


def make_view(case, shape, seed):
    generator = np.random.default_rng(seed)
    masks = generator.random((3, *shape)) < 0.3
    predictions = {name: {"infection": mask} for name, mask in zip(VISUAL["columns"], masks[1:], strict=True)}
    dsc = {"From scratch": {"infection": 0.125}, "MSD": {"infection": 0.5}}
    truth = {"infection": masks[0]}
    return View(case, 3, 9, (2.0, 4.0), 255 * generator.random(shape), truth, predictions, dsc)


RANKS = ["Best of 2 cases", "Worst of 2 cases"]


def words_of(figure):
    return [text.get_text() for text in figure.texts[2:]]  # below title and bottom line


def test_one_row_per_case_and_one_column_per_method():
    views = [make_view("case_a", (30, 20), 0), make_view("case_b", (40, 20), 1)]
    figure = draw_visual(views, RANKS, VISUAL, config_name="toy", remarks=[])
    axes = figure.axes
    assert len(axes) == 2 * 4 + 1, "the last one has the legend"
    assert words_of(figure) == [
        *("Best of 2 cases: case_a, slice 3 of 9", "DSC 0.12", "DSC 0.50"),
        *("Worst of 2 cases: case_b, slice 3 of 9", "DSC 0.12", "DSC 0.50"),
    ]
    assert [text.get_text() for text in axes[0].texts] == ["R"]
    assert figure.get_supxlabel().startswith("Configuration: toy. Fold 1.")
    image = axes[0].images[0]
    assert np.array_equal(image.get_array(), views[0].image), "x grows to the patient's left, and to ours"
    assert (image.get_extent(), image.origin) == ([0, 80, 60, 0], "upper")
    (bar,) = axes[0].lines
    assert np.ptp(bar.get_xdata()) == 50
    overlay = axes[3].images[1].get_array()
    factors = [n // m for n, m in zip(overlay.shape, (30, 20), strict=False)]
    middles = overlay[factors[0] // 2 :: factors[0], factors[1] // 2 :: factors[1]]
    truth, found = views[0].truth["infection"], views[0].predictions["MSD"]["infection"]
    for colour, mask in ((FOUND, truth & found), (MISSED, truth & ~found), (WRONG, found & ~truth)):
        assert (middles[mask][:, :3] == to_rgb(colour)).all()
    assert not middles[~truth & ~found][:, 3].any()


def test_several_regions_have_a_colour_each_and_a_method_may_lack_some():
    shape = (4, 6)
    left, right, infection = (np.zeros(shape, bool) for _ in range(3))
    left[:, 3:], right[:, :3], infection[1, 1] = True, True, True
    truth = {"left_lung": left, "right_lung": right, "infection": infection}
    dsc = {
        "Joint": {"left_lung": 0.9, "right_lung": 0.8, "infection": 0.25},
        "Lesion alone": {"infection": 0.5},
    }
    predictions = {"Joint": truth, "Lesion alone": {"infection": infection}}
    view = View("case_a", 3, 9, (2.0, 4.0), np.zeros(shape), truth, predictions, dsc)
    artefact = VISUAL | {"columns": dict.fromkeys(dsc, "x"), "regions": list(truth)}
    figure = draw_visual([view], RANKS[:1], artefact, config_name="toy", remarks=[])
    joint = figure.axes[2].images[1].get_array()
    step = [n // m for n, m in zip(joint.shape, shape, strict=False)]
    for (y, x), region in (((0, 4), "left_lung"), ((3, 1), "right_lung"), ((1, 1), "infection")):
        pixel = joint[y * step[0] + step[0] // 2, x * step[1] + step[1] // 2]
        assert tuple(pixel[:3]) == to_rgb(REGION_COLOURS[region])
    rim = joint[step[0] - 1, step[1] + step[1] // 2]
    assert rim.tolist() == [1, 1, 1, 1], "a white line around the infection"
    alone = figure.axes[3].images[1].get_array()
    assert not alone[3 * step[0] :, :, 3].any()
    assert words_of(figure)[1:] == ["Left 0.90\nRight 0.80\nInfection 0.25", "Infection 0.50"]
    (legend,) = [axis.get_legend() for axis in figure.axes if axis.get_legend()]
    assert [text.get_text() for text in legend.get_texts()] == ["Left lung", "Right lung", "Infection"]
    assert "the one with the largest infection" in " ".join(figure.get_supxlabel().split())


def test_slices_give_the_same_bytes(tmp_path):
    view = make_view("case_a", (30, 20), 0)
    assert same_bytes(lambda: draw_visual([view], RANKS[:1], VISUAL, config_name="toy", remarks=[]), tmp_path)


@pytest.fixture
def matrices(tmp_path):
    generator = np.random.default_rng(0)
    names = ("general_non_covid", "general_covid", "target_covid")
    tensors = {
        f"epoch{epoch:04d}.{name}": generator.random((5, 5), np.float32)
        for epoch in (12, 1, 4)
        for name in names
    }
    save_file(tensors, tmp_path / "relations.safetensors")
    return read_matrices(tmp_path / "relations.safetensors")


LOG = pd.DataFrame(
    {"epoch": range(12), "general_difference": np.linspace(0.2, 0.1, 12), "target_difference": 0.3}
)


def test_relation_matrices_and_their_difference_by_epoch(matrices):
    assert list(matrices) == [1, 4, 12]
    figure = draw_relations(matrices, LOG, RELATIONS, config_name="toy", remarks=[])
    panels = [axis for axis in figure.axes if axis.images]
    assert len(panels) == 3 * 3
    titles = [axis.get_title() for axis in panels if axis.get_title()]
    assert titles == ["$R_G(X_n)$", "$R_G(X_c)$", "$|R_G(X_n) - R_G(X_c)|$"]
    assert [axis.get_ylabel() for axis in panels[:3]] == ["epoch 1", "epoch 4", "epoch 12"]
    left, right, difference = (axis.images[0] for axis in panels[1::3])  # column by column
    assert np.array_equal(left.get_array(), matrices[4]["general_non_covid"])
    assert np.array_equal(right.get_array(), matrices[4]["general_covid"])
    assert np.array_equal(difference.get_array(), np.abs(left.get_array() - right.get_array()))
    assert difference.get_cmap().name == "Reds"
    for column in range(3):
        assert len({axis.images[0].get_clim() for axis in panels[3 * column : 3 * column + 3]}) == 1
    curve = figure.axes[-1].lines[-1]
    assert curve.get_xdata().tolist() == list(range(1, 13))
    assert curve.get_ydata().tolist() == LOG["general_difference"].tolist()
    assert figure.get_supxlabel() == "Configuration: toy. collaborative, fold 0."


def test_the_matrices_of_relations_are_squares_of_one_size(matrices):
    for rows in (1, 3):
        shown = dict(list(matrices.items())[:rows])
        figure = draw_relations(shown, LOG, RELATIONS, config_name="toy", remarks=[])
        panels = [axis.get_window_extent() for axis in figure.axes if axis.images]
        assert len(panels) == 3 * rows
        sizes = [side / figure.dpi for panel in panels for side in (panel.width, panel.height)]
        assert sizes == pytest.approx([0.98] * len(sizes))


@pytest.mark.slow
def test_relations_give_the_same_bytes(matrices, tmp_path):
    artefact = RELATIONS | {"left": "general_covid", "right": "target_covid", "curve": "target_difference"}
    assert same_bytes(
        lambda: draw_relations(matrices, LOG, artefact, config_name="toy", remarks=[]), tmp_path
    )


def test_the_last_bits_of_a_layout_do_not_show(tmp_path):
    """A layout's solver ends some bits apart from run to run, in a figure's parts as in its axes."""
    shifts = iter((0, 1e-13))

    def draw():
        figure, shift = plt.figure(), next(shifts)
        part, _ = figure.subfigures(1, 2)
        part.bbox_relative.set_points(part.bbox_relative.get_points() + shift)
        axis = part.subplots()
        axis.plot([0, 1])
        axis.set_position([bound + shift for bound in axis.get_position().bounds])
        return figure

    assert same_bytes(draw, tmp_path)
