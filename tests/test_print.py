"""Figures of every kind as they are printed: widths, sizes of type, legends, and the files."""

import re
from itertools import combinations, pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from covidseg.config.kinds import KINDS
from covidseg.paper.figures import COLUMN, FULL, SMALL, save_figure, typeset, wrapped
from covidseg.paper.palette import FOUND, MISSED, WRONG
from drawn_figures import DRAWN

SCRIPT = 0.7  # size of mathtext's scripts, as a share of the type around them


pytestmark = pytest.mark.usefixtures("close_figures")


@pytest.fixture(params=DRAWN, scope="module")
def drawn(request):
    """A figure, drawn once."""
    figure = DRAWN[request.param]()
    figure.draw_without_rendering()
    yield figure
    plt.close(figure)


def texts(figure):
    """The texts that are seen."""
    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    unseen = {label for axis in figure.axes for label in _unseen_labels(axis)}
    return [text for text in found if text not in unseen]


def _unseen_labels(axes):
    """The labels of ticks beyond the limits of axes, or of axes that are switched off."""
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not (axes.axison and low <= tick.get_loc() <= high):
                yield from (tick.label1, tick.label2)
        if not axes.axison:
            yield axis.label


def boxes_of_data(figure):
    """The boxes, in pixels, of all points, lines' points and pictures of a figure."""
    for axis in figure.axes:
        yield from (image.get_window_extent() for image in axis.images)
        places = [line.get_transform().transform(_dense(line.get_xydata())) for line in axis.lines]
        for drawn in axis.collections:
            if len(offsets := drawn.get_offsets()):
                places.append(drawn.get_offset_transform().transform(offsets))
        yield from (Bbox.from_bounds(x - 1, y - 1, 2, 2) for part in places for x, y in part)


def _dense(points):
    """A line's points, with points between them."""
    if len(points) > 50:
        return points
    steps = np.linspace(0, 1, 20)[:, None]
    return np.concatenate([a + (b - a) * steps for a, b in pairwise(points)] or [points])


def test_every_kind_of_figure_is_drawn_here():
    assert set(DRAWN) == {name for name, kind in KINDS.items() if ".svg" in kind.suffixes}


def test_a_figure_is_one_or_two_columns_wide(drawn):
    assert drawn.get_figwidth() in (COLUMN, FULL)
    assert drawn.get_figheight() < 9.5, "a page, with room for a caption"


def test_no_type_is_smaller_than_six_points(drawn):
    found = texts(drawn)
    assert len(found) > 10
    for text in found:
        scripts = "$" in text.get_text() and re.search(r"[_^]", text.get_text())
        assert text.get_fontsize() * (SCRIPT if scripts else 1) >= SMALL - 1e-9, text.get_text()


def test_no_legend_lies_over_data(drawn):
    legends = [*drawn.legends, *(axis.get_legend() for axis in drawn.axes if axis.get_legend())]
    data = list(boxes_of_data(drawn))
    for legend in legends:
        box = legend.get_window_extent()
        assert not any(box.overlaps(other) for other in data)


def test_texts_lie_in_the_figure_and_not_over_each_other_or_pictures(drawn):
    found = [(text.get_text(), text.get_window_extent()) for text in texts(drawn)]
    for text, box in found:
        assert drawn.bbox.x0 <= box.x0 < box.x1 <= drawn.bbox.x1 + 1, text
        assert drawn.bbox.y0 <= box.y0 < box.y1 <= drawn.bbox.y1, text
    for (text, box), (other, second) in combinations(found, 2):
        assert not box.shrunk(0.8, 0.6).overlaps(second.shrunk(0.8, 0.6)), (text, other)
    pictures = [image.get_window_extent() for axis in drawn.axes for image in axis.images]
    for text, box in found:
        assert text == "R" or not any(box.shrunk(0.9, 0.8).overlaps(picture) for picture in pictures), text


@pytest.mark.slow
@pytest.mark.parametrize("kind", DRAWN)
def test_the_files_for_print_have_the_same_bytes_and_text_as_text(kind, tmp_path):
    for name in ("one", "two"):
        save_figure(DRAWN[kind](), tmp_path / name)
    for suffix in (".svg", ".pdf", ".png"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    svg, pdf = (tmp_path / "one.svg").read_text(), (tmp_path / "one.pdf").read_bytes()
    assert "Published split: patient" in svg
    assert "<text" in svg
    assert 'style="fill: #ffffff"' in svg, "a white ground, for dark pages"
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"/CreationDate" not in pdf
    with Image.open(tmp_path / "one.png") as picture:
        assert min(picture.info["dpi"]) >= 300
        assert picture.width / picture.info["dpi"][0] == pytest.approx(FULL, abs=0.01) or (
            picture.width / picture.info["dpi"][0] == pytest.approx(COLUMN, abs=0.01)
        )


@pytest.mark.slow
def test_the_palettes_colours_are_exact_in_png(tmp_path):
    save_figure(DRAWN["localisation"](), tmp_path / "maps")
    with Image.open(tmp_path / "maps.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(picture.width * picture.height)}
        assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    for colour in (FOUND, MISSED, WRONG):
        assert tuple(int(colour[n : n + 2], 16) for n in (1, 3, 5)) in colours


def test_relation_losses_are_formulas_that_no_line_break_divides():
    name = typeset("Collaborative learning (L_rc^G+L_rc^T)")
    assert name == "Collaborative learning ($L_{rc}^G$+$L_{rc}^T$)"
    assert wrapped(name, 0.8, 6.5) == "Collaborative\nlearning\n($L_{rc}^G$+$L_{rc}^T$)"
    assert wrapped("radiopaedia_10_85902_1, slice 3", 0.8, 6.0) == "radiopaedia_\n10_85902_1,\nslice 3"


def test_ours_means_this_run_alone(config):
    """What the papers call "Ours" has its name in every table and figure."""
    shown = [
        name
        for group in config.artefacts.values()
        for artefact in group.values()
        for key in ("rows", "columns", "localisers")
        for name in artefact.get(key, {})
    ]
    assert "Decomposition" in shown
    assert not [name for name in shown if "ours" in name.lower()]
