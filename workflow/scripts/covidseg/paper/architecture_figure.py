"""The drawing of a network as it is built; fillings tell what is loaded, frozen and new."""

from itertools import pairwise
from math import dist
from typing import Any

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch, Rectangle
from matplotlib.path import Path

from covidseg.paper.artefact import Artefact
from covidseg.paper.drawing import HEADINGS, HEIGHT, Arrow, Box, Drawing
from covidseg.paper.figures import FULL, MARGIN, SCRIPTS, SMALL, TEXT, Page, plt, save_figure
from covidseg.paper.layers import read_model
from covidseg.paper.palette import INK, SECOND_INK, THIRD_INK, VERDICT_COLOURS, look_of
from covidseg.paper.parameters import read_parameters
from covidseg.paper.pictures import LEGEND, legend
from covidseg.paper.segmentation_drawing import draw_segmentation
from covidseg.paper.weak_drawing import draw_weak

HATCHES = {"loaded": "", "frozen": "//////", "new": ""}
MEANINGS = {
    "loaded": "loaded from the pre-trained model, then trained",
    "frozen": "frozen: never trained",
    "new": "new: starts random, then trained",
}
LOSS = VERDICT_COLOURS["does not hold"].light
STRIPE = 0.12  # width of a box's stripe, which is filled, hatched or empty
LINE_HEIGHT = 0.11
CORNER = 0.05  # radius of a box's corners


def make(artefact: Artefact) -> None:
    """Write the figure: <base>.svg, .pdf and .png."""
    model, names = read_model(artefact.input("model"), artefact.parameters.get("size")), artefact.own("names")
    read_parameters(artefact.input("model"))  # refuses a model.json of an older version
    draw = draw_weak if "system" in model.description else draw_segmentation
    lineage = model.description["lineage"]
    figure = draw_architecture(
        draw(model, names),
        colours={"": look_of(*artefact.parameters["look"]).colour},
        title=artefact.entry["title"],
        lines=[_bottom(artefact, lineage), *artefact.remarks],
    )
    save_figure(figure, artefact.base)


def _bottom(artefact: Artefact, lineage: dict[str, Any]) -> str:
    start = lineage.get("pretrained")
    return (
        f"Configuration: {artefact.config_name}. Model: {lineage['experiment']}"
        + (f", loaded from {start['experiment']}. " if start else ". ")
        + "Boxes: channels × size of the features, convolutions and their kernel. At arrows: stride."
    )


def draw_architecture(
    drawing: Drawing, *, colours: dict[str, str], title: str, lines: list[str]
) -> plt.Figure:
    """Draw boxes, arrows and headings, one inch per unit, with a legend of the fillings.

    Args:
        drawing: the drawing; the page is wider than usual if the drawing is.
        colours: strategy of a box -> its colour.
        title: the figure's title.
        lines: sentences to print below the figure.
    """
    points = [point for arrow in drawing.arrows for point in arrow.points]
    sides = [x for x, _ in points]
    sides += [box.place[0] + sign * box.width / 2 for box in drawing.boxes for sign in (-1, 1)]
    middle, reach = (
        (min(sides) + max(sides)) / 2,
        max(FULL / 2 - MARGIN, (max(sides) - min(sides)) / 2 + 0.02),
    )
    lowest = max(y for _, y in points) + (0.25 if any(arrow.loss for arrow in drawing.arrows) else 0.02)
    lowest = max(lowest, *(box.place[1] + HEIGHT / 2 + 0.02 for box in drawing.boxes))
    heads = ["\n".join(heading).count("\n") + 1 for heading in drawing.headings.values()]
    top = HEADINGS - max(heads, default=0) * LINE_HEIGHT
    width = 2 * (reach + MARGIN)
    page = Page.of(width, lowest - top + LEGEND, title=title, lines=lines)
    axis = page.axes(
        MARGIN, 0, 2 * reach, lowest - top, xlim=(middle - reach, middle + reach), ylim=(lowest, top)
    )
    axis.set_axis_off()
    for arrow in drawing.arrows:
        _draw_arrow(axis, arrow)
    for box in drawing.boxes:
        _draw_box(axis, box, colours.get(box.strategy, THIRD_INK.light))
    for x, heading in drawing.headings.items():
        _draw_heading(axis, x, heading)
    shown = {box.state for box in drawing.boxes}
    ink = colours[""] if len(colours) == 1 else THIRD_INK.light
    legend(page, lowest - top, width, [_legend_patch(state, ink) for state in MEANINGS if state in shown])
    return page.figure


def _legend_patch(state: str, colour: str) -> Patch:
    face = colour if state == "loaded" else "white"
    return Patch(facecolor=face, hatch=HATCHES[state], edgecolor=colour, linewidth=0.8, label=MEANINGS[state])


def _draw_box(axis: plt.Axes, box: Box, colour: str) -> None:
    (x, y), edge = box.place, colour if box.state else THIRD_INK.light
    corner = x - box.width / 2, y - HEIGHT / 2
    frame = FancyBboxPatch(
        corner, box.width, HEIGHT, boxstyle=f"round,pad=0,rounding_size={CORNER}", facecolor="white",
        edgecolor=edge,
    )  # fmt: skip
    frame.set(linewidth=0.8, zorder=3, linestyle="-" if box.state else (0, (3, 2)))
    axis.add_patch(frame)
    stripe = STRIPE if box.state else 0
    if box.state:
        face = colour if box.state == "loaded" else "white"
        band = Rectangle(corner, STRIPE, HEIGHT, facecolor=face, edgecolor=colour, hatch=HATCHES[box.state])
        band.set(linewidth=0.8, zorder=4)
        axis.add_patch(band)
        band.set_clip_path(frame)
    _draw_lines(axis, x + stripe / 2, y, box.lines)


def _draw_lines(axis: plt.Axes, x: float, y: float, lines: tuple[str, ...]) -> None:
    """Write lines of text one below the other, centred at (x, y); the first line is bold."""
    for number, text in enumerate(lines):
        place = y + (number - (len(lines) - 1) / 2) * LINE_HEIGHT
        style = _style(text, first=number == 0)
        axis.text(x, place, text, ha="center", va="center", zorder=5, **style)


def _style(text: str, *, first: bool) -> dict[str, Any]:
    """Return the style of a line of text: the first line is bold, and formulas are large enough."""
    size = SCRIPTS if "$" in text else TEXT if first else SMALL
    return {
        "size": size,
        "weight": "bold" if first else "normal",
        "color": (INK if first else SECOND_INK).light,
    }


def _draw_heading(axis: plt.Axes, x: float, lines: tuple[str, ...]) -> None:
    """Write the lines of a heading, from the lowest to the highest; the first line is bold."""
    y = HEADINGS
    for number, text in reversed(list(enumerate(lines))):
        style = _style(text, first=number == 0)
        axis.text(x, y, text, ha="center", va="bottom", linespacing=1.1, **style)
        y -= LINE_HEIGHT


def _draw_arrow(axis: plt.Axes, arrow: Arrow) -> None:
    colour = LOSS if arrow.loss else SECOND_INK.light
    drawn = FancyArrowPatch(
        path=Path(arrow.points), arrowstyle="<|-|>" if arrow.loss else "-|>", color=colour
    )
    drawn.set(mutation_scale=5, linewidth=0.8, linestyle="--" if arrow.loss else "-", fill=False, zorder=2)
    axis.add_patch(drawn)
    if arrow.text:
        _draw_label(axis, arrow, colour)


def _draw_label(axis: plt.Axes, arrow: Arrow, colour: str) -> None:
    """Write an arrow's text at its longest piece: right of it, above it, or below it if the arrow is bent."""
    (x, y), (end_x, end_y) = max(pairwise(arrow.points), key=lambda piece: dist(*piece))
    size = SCRIPTS if arrow.loss else SMALL
    middle = (x + end_x) / 2, (y + end_y) / 2
    style: dict[str, Any] = {"color": colour, "size": size}
    if x == end_x:
        axis.text(middle[0] + 0.04, middle[1], arrow.text, ha="left", va="center", **style)
    elif arrow.loss and len(arrow.points) > 2:
        axis.text(middle[0], middle[1] + 0.03, arrow.text, ha="center", va="top", **style)
    else:
        axis.text(middle[0], middle[1] - 0.03, arrow.text, ha="center", va="bottom", **style)
