"""Violin plots of the scores, one violin a strategy and source, the single cases shown."""

from itertools import groupby
from textwrap import fill

import numpy as np
import pandas as pd
import seaborn as sns

from covidseg.figures import caption, plt
from covidseg.tables import TableRow

INCHES = 0.85  # of a violin's place
CHARACTERS = 12  # of a strategy's name below a violin


def draw_violins(
    rows: list[TableRow], artefact: dict, scores: pd.DataFrame, *, configuration: str
) -> plt.Figure:
    """Draw one panel a metric; violins stand by strategy, coloured by source; a dot is a case of one fold."""
    data = scores[(scores.region == artefact["region"]) & (scores.split == artefact["split"])]
    sources = list(dict.fromkeys(row.source for row in rows))
    colours = dict(zip(sources, sns.color_palette("colorblind", len(sources)), strict=True))
    palette = {row.experiment: colours[row.source] for row in rows}
    with sns.axes_style("whitegrid"):
        figure, axes = plt.subplots(
            len(artefact["metrics"]),
            1,
            figsize=(max(8, 1 + INCHES * len(rows)), 2.9 * len(artefact["metrics"]) + 1),
            sharex=True,
            squeeze=False,
            layout="constrained",
        )
    for axis, metric in zip(axes[:, 0], artefact["metrics"], strict=True):
        part = data[(data.metric == metric) & data.experiment.isin(palette) & data.value.notna()]
        _panel(axis, part, palette)
        axis.set(ylabel=metric, xlabel="", xlim=(-0.6, len(rows) - 0.4), ylim=(-0.02, 1.02))
    _name_violins(axes[:, 0], rows)
    bottom = f"Configuration: {configuration}. Split: {artefact['split']}. Bar: median."
    caption(figure, artefact["title"], bottom)
    return figure


def _panel(axis: plt.Axes, data: pd.DataFrame, palette: dict[str, tuple]) -> None:
    order = list(palette)
    common = {
        "data": data,
        "x": "experiment",
        "y": "value",
        "hue": "experiment",
        "order": order,
        "hue_order": order,
        "palette": palette,
        "legend": False,
        "ax": axis,
    }
    sns.violinplot(**common, cut=0, inner=None, linewidth=0, alpha=0.45, density_norm="width")
    np.random.seed(0)  # the horizontal jitter of the dots, which seaborn draws from NumPy's global generator
    sns.stripplot(**common, size=3, jitter=0.18, edgecolor="white", linewidth=0.3)
    for place, experiment in enumerate(order):
        values = data.value[data.experiment == experiment]
        if len(values):
            axis.hlines(values.median(), place - 0.28, place + 0.28, color="0.15", linewidth=1.8)


def _name_violins(axes: np.ndarray, rows: list[TableRow]) -> None:
    """Write the source below each violin and the strategy below its violins, set off by thin lines."""
    axes[-1].set_xticks(range(len(rows)), [row.source for row in rows], fontsize=8.5)
    groups = [list(group) for _, group in groupby(enumerate(rows), key=lambda row: row[1].row)]
    characters = CHARACTERS * max(1, 8 / (1 + INCHES * len(rows)))
    names = axes[-1].secondary_xaxis(-0.09)
    names.set_xticks(
        [(group[0][0] + group[-1][0]) / 2 for group in groups],
        [fill(group[0][1].row, round(characters * len(group))) for group in groups],
        fontsize=9,
    )
    names.tick_params(length=0)
    names.spines["bottom"].set_visible(False)
    for axis in axes:
        for group in groups[1:]:
            axis.axvline(group[0][0] - 0.5, color="0.8", linewidth=0.8)
