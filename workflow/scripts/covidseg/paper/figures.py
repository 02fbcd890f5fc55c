"""What all figures share: the drawing back end, the line that names the configuration, the files."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import matplotlib
import numpy as np

from covidseg.files import atomic_path

matplotlib.use("Agg")

import matplotlib.pyplot as plt

CHARACTERS_PER_INCH = 16  # in the bottom line
# The papers' red, green and blue, of Okabe and Ito's palette.
REGION_COLOURS = {
    "left_lung": "#D55E00",
    "right_lung": "#009E73",
    "infection": "#0072B2",
    "lesion": "#0072B2",
}


def caption(figure: plt.Figure, title: str, bottom: str, remarks: Sequence[str] = ()) -> None:
    """Set the figure's title, its bottom line and the remarks below that, broken into lines."""
    width = round(CHARACTERS_PER_INCH * figure.get_figwidth())
    lines = [bottom, *(fill(remark, width) for remark in remarks)]
    figure.suptitle(title, fontsize=11)
    figure.supxlabel("\n".join(lines), fontsize=8, color="0.35")


def _freeze_layout(figure: plt.Figure) -> None:
    """Fix the layout, with all positions rounded to six decimals.

    The layout solver's positions may differ in their last bits. Matplotlib derives the ids in an SVG from
    exact positions, so that without rounding the same figure could give different files.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for part in figure.subfigs:
        part.bbox_relative.set_points(np.round(part.bbox_relative.get_points(), 6))
    for axes in figure.axes:
        axes.set_position(np.round(axes.get_position(original=True).bounds, 6))


def save_figure(figure: plt.Figure, base: Path) -> None:
    """Write <base>.svg and <base>.png atomically; the same figure gives the same bytes."""
    _freeze_layout(figure)
    with plt.rc_context({"svg.hashsalt": "covidseg"}):
        for suffix, metadata in ((".svg", {"Date": None}), (".png", {"Software": None})):
            with atomic_path(base.with_suffix(suffix)) as temporary:
                figure.savefig(temporary, dpi=150, metadata=metadata)
    plt.close(figure)
