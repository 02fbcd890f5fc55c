"""The drawing of a network as it is built, in colours that tell what is loaded, frozen and new."""

from itertools import pairwise
from math import dist
from textwrap import fill
from typing import Any

from matplotlib.colors import to_rgb
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch, Rectangle
from matplotlib.path import Path

from covidseg.paper.artefact import Artefact
from covidseg.paper.drawing import HEADINGS, HEIGHT, Arrow, Box, Drawing
from covidseg.paper.figures import CHARACTERS_PER_INCH, caption, plt, save_figure
from covidseg.paper.layers import read_model
from covidseg.paper.parameters import read_parameters
from covidseg.paper.segmentation_drawing import draw_segmentation
from covidseg.paper.weak_drawing import draw_weak

# Colours of Okabe and Ito's palette, from dark to light, with hatches that can be told apart in grey print.
COLOURS = {"frozen": "#0072B2", "loaded": "#56B4E9", "new": "#E69F00", "": "#999999"}
HATCHES = {"frozen": "xxxxx", "loaded": "/////", "new": "", "": ""}
MEANINGS = {
    "loaded": "loaded from the pre-trained model, then trained",
    "frozen": "frozen: never trained",
    "new": "new: starts random, then trained",
}
LINE = "0.25"  # grey of the arrows
LOSS = "#D55E00"
STRIPE = 0.16  # width of a box's coloured stripe
LINE_HEIGHT = 0.155
TINT = 0.13  # share of the colour behind a box's text
MARGIN = 0.35


def make(artefact: Artefact) -> None:
    """Write the figure: <base>.svg and <base>.png."""
    model, names = read_model(artefact.input("model"), artefact.parameters.get("size")), artefact.own("names")
    read_parameters(artefact.input("model"))  # refuses a model.json of an older version
    draw = draw_weak if "system" in model.description else draw_segmentation
    figure = draw_architecture(
        draw(model, names),
        title=artefact.entry["title"],
        bottom=_bottom(artefact, model.description["lineage"]),
        remarks=artefact.remarks,
    )
    save_figure(figure, artefact.base)


def _bottom(artefact: Artefact, lineage: dict[str, Any]) -> str:
    start = lineage.get("pretrained")
    return (
        f"Configuration: {artefact.config_name}. Model: {lineage['experiment']}"
        + (f", loaded from {start['experiment']}. " if start else ". ")
        + "Boxes: channels × size of the features, convolutions and their kernel. At arrows: stride."
    )


def draw_architecture(drawing: Drawing, *, title: str, bottom: str, remarks: list[str]) -> plt.Figure:
    """Draw boxes, arrows and headings, one inch per unit, with a legend of the colours."""
    left = min(box.place[0] - box.width / 2 for box in drawing.boxes) - MARGIN
    right = max(box.place[0] + box.width / 2 for box in drawing.boxes) + MARGIN
    lowest = max(y for arrow in drawing.arrows for _, y in arrow.points)
    lowest = max(lowest, *(box.place[1] + HEIGHT / 2 for box in drawing.boxes)) + 0.25
    top = HEADINGS - 3 * LINE_HEIGHT - 0.1
    figure = plt.figure(figsize=(right - left, lowest - top + 0.75), layout="constrained")
    axis = figure.add_subplot(xlim=(left, right), ylim=(lowest, top), aspect="equal")
    axis.set_axis_off()
    for arrow in drawing.arrows:
        _draw_arrow(axis, arrow)
    for box in drawing.boxes:
        _draw_box(axis, box)
    for x, lines in drawing.headings.items():
        _draw_lines(axis, x, HEADINGS - (len(lines) - 1) / 2 * LINE_HEIGHT, lines)
    shown = {box.state for box in drawing.boxes}
    patches = [_legend_patch(state) for state in MEANINGS if state in shown]
    axis.legend(
        handles=patches,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        ncols=3,
        frameon=False,
        fontsize=8.5,
        handleheight=1.3,
    )
    caption(figure, title, fill(bottom, round(CHARACTERS_PER_INCH * (right - left))), remarks)
    return figure


def _legend_patch(state: str) -> Patch:
    return Patch(facecolor=COLOURS[state], hatch=HATCHES[state], edgecolor="white", label=MEANINGS[state])


def _draw_box(axis: plt.Axes, box: Box) -> None:
    (x, y), colour = box.place, COLOURS[box.state]
    corner = x - box.width / 2, y - HEIGHT / 2
    frame = FancyBboxPatch(
        corner,
        box.width,
        HEIGHT,
        boxstyle="round,pad=0,rounding_size=0.07",
        facecolor=_tint(colour) if box.state else "white",
        edgecolor=colour,
    )
    frame.set(linewidth=1.3, zorder=3, linestyle="-" if box.state else (0, (3, 2)))
    axis.add_patch(frame)
    stripe = STRIPE if box.state else 0
    if box.state:
        band = Rectangle(
            corner, STRIPE, HEIGHT, facecolor=colour, edgecolor="white", hatch=HATCHES[box.state]
        )
        band.set(linewidth=0, zorder=4)
        axis.add_patch(band)
        band.set_clip_path(frame)
    _draw_lines(axis, x + stripe / 2, y, box.lines)


def _tint(colour: str) -> tuple[float, ...]:
    """Return a colour mixed with much white."""
    return tuple(1 - (1 - part) * TINT for part in to_rgb(colour))


def _draw_lines(axis: plt.Axes, x: float, y: float, lines: tuple[str, ...]) -> None:
    """Write lines of text one below the other, centred at (x, y); the first line is bold."""
    for number, text in enumerate(lines):
        place = y + (number - (len(lines) - 1) / 2) * LINE_HEIGHT
        weight, points, colour = ("bold", 8.5, "0.1") if number == 0 else ("normal", 7.5, "0.3")
        axis.text(
            x,
            place,
            text,
            ha="center",
            va="center",
            fontsize=points,
            fontweight=weight,
            color=colour,
            zorder=5,
        )


def _draw_arrow(axis: plt.Axes, arrow: Arrow) -> None:
    colour = LOSS if arrow.loss else LINE
    drawn = FancyArrowPatch(
        path=Path(arrow.points), arrowstyle="<|-|>" if arrow.loss else "-|>", color=colour
    )
    drawn.set(mutation_scale=8, linewidth=1.1, linestyle="--" if arrow.loss else "-", fill=False, zorder=2)
    axis.add_patch(drawn)
    if arrow.text:
        _draw_label(axis, arrow, colour)


def _draw_label(axis: plt.Axes, arrow: Arrow, colour: str) -> None:
    """Write an arrow's text at its longest piece: above a horizontal or to the right of a vertical one."""
    pieces = pairwise(arrow.points)
    (x, y), (end_x, end_y) = max(pieces, key=lambda piece: dist(*piece))
    upright, points = x == end_x, 9 if arrow.loss else 7
    place = ((x + end_x) / 2 + 0.06 * upright, (y + end_y) / 2 - 0.05 * (not upright))
    alignment = ("left", "center") if upright else ("center", "bottom")
    axis.text(*place, arrow.text, ha=alignment[0], va=alignment[1], color=colour, fontsize=points)
