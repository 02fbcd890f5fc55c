"""Curves of localisers: how they are drawn, and their table."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from covidseg.paper.figures import SMALL, plt
from covidseg.paper.palette import Look


def draw_curves(axis: plt.Axes, curves: Mapping[str, tuple[pd.DataFrame, Look]], x: str, y: str) -> None:
    """Draw one line per localiser, in the colour of its system; ablations are dashed.

    Several lines have numbers, on the line and in the label, so that no line is known by its colour alone.

    Args:
        axis: axis to draw into; x and y range from 0 to 1.
        curves: label -> (curve as returned by `read_curve`, its look).
        x, y: columns of the curves.
    """
    for number, (label, (curve, look)) in enumerate(curves.items(), start=1):
        if len(curves) > 1:
            label = f"{number}  {label}"
            place = int(np.abs(curve[x].to_numpy() - number / (len(curves) + 1)).argmin())
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
            style: dict[str, Any] = {
                "color": look.colour,
                "size": SMALL,
                "ha": "center",
                "va": "center",
                "bbox": box,
            }
            axis.text(curve[x].iloc[place], curve[y].iloc[place], str(number), **style)
        line = (0, look.dashes) if look.dashes else "-"
        axis.plot(curve[x], curve[y], label=label, color=look.colour, linestyle=line, clip_on=False)
    axis.set(xlabel=x, ylabel=y, xlim=(0, 1), ylim=(0, 1))
    axis.grid()


def curve_rows(curves: Mapping[str, pd.DataFrame], *columns: str) -> pd.DataFrame:
    """Return one row per localiser and threshold, with these columns of the curves."""
    parts = [
        curve[["threshold", *columns]].assign(localiser=name)[["localiser", "threshold", *columns]]
        for name, curve in curves.items()
    ]
    return pd.concat(parts)
