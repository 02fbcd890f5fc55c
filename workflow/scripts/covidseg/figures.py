"""What all figures share: the drawing back end, the line that names the configuration, the files."""

from pathlib import Path

import matplotlib

from covidseg.files import atomic_path

matplotlib.use("Agg")

import matplotlib.pyplot as plt

# The papers' red, green and blue, of Okabe and Ito's palette.
REGION_COLOURS = {
    "left_lung": "#D55E00",
    "right_lung": "#009E73",
    "infection": "#0072B2",
    "lesion": "#0072B2",
}


def caption(figure: plt.Figure, title: str, bottom: str) -> None:
    """Set the figure's title and its bottom line."""
    figure.suptitle(title, fontsize=11)
    figure.supxlabel(bottom, fontsize=8, color="0.35")


def save_figure(figure: plt.Figure, base: Path) -> None:
    """Write <base>.svg and <base>.png atomically; the same figure gives the same bytes."""
    with plt.rc_context({"svg.hashsalt": "covidseg"}):
        for suffix, metadata in ((".svg", {"Date": None}), (".png", {"Software": None})):
            with atomic_path(base.with_suffix(suffix)) as temporary:
                figure.savefig(temporary, dpi=150, metadata=metadata)
    plt.close(figure)
