"""What all figures share: widths and type for print, the page with title and bottom lines, the files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.offsetbox import AnnotationBbox, HPacker, TextArea, VPacker
from PIL import Image, ImageColor
from scipy.spatial import KDTree

from covidseg.files import atomic_path
from covidseg.paper.palette import INK, SECOND_INK, THIRD_INK, light_colours

matplotlib.use("Agg")

import matplotlib.pyplot as plt

COLUMN, FULL = 3.5, 7.1  # widths in print, in inches: one column of a page, and both
SMALL, TEXT, HEADING = 6.0, 6.5, 8.0  # sizes of type in points; no type in print is smaller than SMALL
SCRIPTS = SMALL / 0.7  # size of type whose subscripts and superscripts, 0.7 as large, are of size SMALL
INCHES_PER_POINT = 1 / 72
WIDTH = 0.56  # mean width of a letter, and
BOLD = 1.15  # width of a bold letter, as a share of a normal one
LINE = 1.25  # height of a line, as shares of the size of type
# Dots per inch in print. PNG stores whole dots per metre: 304.8 per inch are 12,000; 300 would be 299.9994.
DPI = 304.8
SCREEN_DPI = 120  # of pictures in an SVG, which is for the screen
PLACES = np.array([1 << 16, 1 << 8, 1], np.int32)  # of red, green and blue in one number
COLOURS = 256  # in a PNG: enough for grey CT and the palette, and a third of the size of full colour
plt.rcParams.update(
    {
        "svg.fonttype": "none",  # text stays text
        "pdf.fonttype": 42,
        "svg.hashsalt": "covidseg",  # the same figure has the same bytes
        "font.size": TEXT,
        "axes.titlesize": TEXT,
        "axes.labelsize": TEXT,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "legend.fontsize": TEXT,
        "legend.title_fontsize": TEXT,
        "legend.frameon": False,
        "axes.labelpad": 2,
        "axes.titlepad": 3,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": THIRD_INK.light,
        "axes.labelcolor": INK.light,
        "text.color": INK.light,
        "xtick.color": THIRD_INK.light,
        "ytick.color": THIRD_INK.light,
        "xtick.labelcolor": SECOND_INK.light,
        "ytick.labelcolor": SECOND_INK.light,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2,
        "ytick.major.size": 2,
        "xtick.major.pad": 2,
        "ytick.major.pad": 2,
        "grid.color": "#E5E2DA",
        "grid.linewidth": 0.5,
        "lines.linewidth": 1.2,
    }
)
HAIRLINE = "#CFCBC0"
MARGIN = 0.06  # inches around a figure
LOSS = re.compile(r"L_rc\^([GT])")  # a relation loss of zhang2021
MASK = "\x1e" * 5  # stands for a formula, which is about as wide
FORMULA = re.compile(r"(\$[^$]+\$)")


@dataclass(frozen=True)
class Page:
    """A figure as wide as in print, with its title above and its lines of text below a body.

    Attributes:
        figure: the figure.
        top, bottom: height of the title and of the lines below, in inches.
    """

    figure: plt.Figure
    top: float
    bottom: float

    @classmethod
    def of(
        cls, width: float, body: float, *, title: str, lines: Sequence[str], layout: bool = False
    ) -> "Page":
        """Make a page.

        Args:
            width: width of the page, COLUMN or FULL.
            body: height of the body, in inches.
            title: the figure's title.
            lines: sentences below the body, each of which begins a line.
            layout: whether matplotlib lays out the axes in the body; else `axes` puts them into place.
        """
        above = wrapped(title, width, BOLD * HEADING)
        below = "\n".join(wrapped(line, width, SMALL) for line in lines)
        top, bottom = text_height(above, HEADING) + 0.12, text_height(below, SMALL) + 0.1
        height = top + body + bottom
        figure = plt.figure(figsize=(width, height))
        figure.suptitle(
            above, x=MARGIN / width, y=1 - 0.05 / height, ha="left", va="top", size=HEADING, weight="bold"
        ).set_in_layout(False)
        figure.supxlabel(
            below, x=MARGIN / width, y=0.05 / height, ha="left", va="bottom", size=SMALL,
            color=SECOND_INK.light,
        ).set_in_layout(False)  # fmt: skip
        if layout:
            rect = MARGIN / width, bottom / height, 1 - 2 * MARGIN / width, body / height
            figure.set_layout_engine("constrained", rect=rect, w_pad=0.02, h_pad=0.02)
        return cls(figure, top, bottom)

    def axes(self, left: float, top: float, width: float, height: float, **options: Any) -> plt.Axes:  # noqa: ANN401
        """Add axes at a place in the body, in inches from the body's upper left corner."""
        across, high = self.figure.get_size_inches()
        lower = high - self.top - top - height
        return self.figure.add_axes((left / across, lower / high, width / across, height / high), **options)

    def write(self, left: float, top: float, text: str, **options: Any) -> None:  # noqa: ANN401
        """Write text into the body; (left, top), in inches, is the upper left corner of the text."""
        across, high = self.figure.get_size_inches()
        where: dict[str, Any] = {"ha": "left", "va": "top", "size": SMALL}
        self.figure.text(left / across, 1 - (self.top + top) / high, text, **where | options)

    def write_name(self, left: float, top: float, name: str, *, upwards: bool = False) -> None:
        """Write a name of one or several lines, which may have formulas, into the body.

        Args:
            left, top: place of the name's middle and of its upper edge, in inches.
            name: the name.
            upwards: whether `top` is the place of its lower edge.
        """
        across, high = self.figure.get_size_inches()
        place = left / across, 1 - (self.top + top) / high
        where: dict[str, Any] = {"xycoords": "figure fraction", "box_alignment": (0.5, 0 if upwards else 1)}
        lines = block_of(name.split("\n"), TEXT, align="center")
        self.figure.add_artist(AnnotationBbox(lines, place, frameon=False, pad=0, **where))


def letters(inches: float, points: float) -> int:
    """Return how many letters of a size fit into a width."""
    return max(1, int(inches / (points * INCHES_PER_POINT * WIDTH)))


def wrapped(text: str, inches: float, points: float) -> str:
    """Return a text broken into lines of a width, also after an underscore, but not within a formula."""
    formulas = iter(FORMULA.findall(text))
    masked = FORMULA.sub(MASK, text).replace("_", "_\x1f ")
    broken = (
        fill(masked, letters(inches, points), break_long_words=False)
        .replace("_\x1f ", "_")
        .replace("\x1f", "")
    )
    return re.sub(MASK, lambda _: next(formulas), broken)


def text_height(text: str, points: float) -> float:
    """Return the height of lines of text, in inches."""
    return (text.count("\n") + 1) * points * INCHES_PER_POINT * LINE


def typeset(name: str) -> str:
    """Return a printed name with the relation losses of zhang2021 as formulas."""
    return LOSS.sub(r"$L_{rc}^\1$", name)


def line_of(name: str, size: float, **style: Any) -> HPacker:  # noqa: ANN401
    """Return a line of text, whose formulas are so large that their scripts can be read in print."""
    parts: list[Artist] = [
        TextArea(part, textprops=style | {"size": max(size, SCRIPTS) if part.startswith("$") else size})
        for part in FORMULA.split(name) if part
    ]  # fmt: skip
    return HPacker(children=parts, pad=0, sep=0, align="baseline")


def block_of(lines: list[str], size: float, *, align: Literal["left", "center"], **style: Any) -> VPacker:  # noqa: ANN401
    """Return lines of text, as of `line_of`, one below the other."""
    children: list[Artist] = [line_of(line, size, **style) for line in lines]
    return VPacker(children=children, align=align, pad=0, sep=1.5)


def _freeze_layout(figure: plt.Figure) -> None:
    """Fix the layout, with all positions rounded to six decimals.

    The layout solver's positions may differ in their last bits. Matplotlib derives the ids in an SVG from
    exact positions, so that without rounding the same figure could give different files.
    """
    if figure.get_layout_engine():
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    for part in figure.subfigs:
        part.bbox_relative.set_points(np.round(part.bbox_relative.get_points(), 6))
    for axes in figure.axes:
        axes.set_position(np.round(axes.get_position(original=True).bounds, 6))


def save_figure(figure: plt.Figure, base: Path) -> None:
    """Write <base>.svg, <base>.pdf and <base>.png atomically; the same figure gives the same bytes."""
    _freeze_layout(figure)
    with atomic_path(base.with_suffix(".svg")) as temporary:
        figure.savefig(temporary, dpi=SCREEN_DPI, metadata={"Date": None})
    with atomic_path(base.with_suffix(".pdf")) as temporary:
        figure.savefig(temporary, dpi=DPI, metadata={"CreationDate": None})
    with atomic_path(base.with_suffix(".png")) as temporary:
        figure.set_dpi(DPI)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        _with_few_colours(picture).save(temporary, dpi=(DPI, DPI), optimize=True)
    plt.close(figure)


def _with_few_colours(picture: Image.Image) -> Image.Image:
    """Return a picture of COLOURS colours, white and those of the palette among them."""
    exact = [ImageColor.getrgb(colour) for colour in ("#FFFFFF", *light_colours())]
    others = picture.quantize(COLOURS - len(exact), Image.Quantize.MEDIANCUT).getpalette() or []
    palette = np.concatenate([exact, np.reshape(others, (-1, 3))])[:COLOURS]
    counted: Any = picture.getcolors(picture.width * picture.height)  # (number of pixels, RGB)
    colours = np.array([colour for _, colour in counted])
    nearest = np.zeros(1 << 24, np.uint8)  # RGB as one number -> place in the palette
    nearest[colours @ PLACES] = KDTree(palette).query(colours)[1]
    found = Image.fromarray(nearest[np.asarray(picture).astype(np.int32) @ PLACES])
    found.putpalette(palette.astype(np.uint8).tobytes())
    return found
