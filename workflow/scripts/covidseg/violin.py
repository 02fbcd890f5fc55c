"""Violin plots of the scores, one violin a strategy and source, the single cases shown."""

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

from covidseg.files import atomic_path
from covidseg.tables import TableRow

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import seaborn as sns


def draw_violins(
    rows: list[TableRow], artefact: dict, scores: pd.DataFrame, *, configuration: str
) -> plt.Figure:
    """Draw one panel a metric; the bar is the median, a dot is a case of one fold."""
    data = scores[(scores.region == artefact["region"]) & (scores.split == artefact["split"])]
    labels = {row.experiment: row.row if row.source == "none" else f"{row.row}\n{row.source}" for row in rows}
    data = data[data.experiment.isin(labels)].assign(group=data.experiment.map(labels))
    sources = list(dict.fromkeys(row.source for row in rows))
    colours = dict(zip(sources, sns.color_palette("colorblind", len(sources)), strict=True))
    palette = {labels[row.experiment]: colours[row.source] for row in rows}
    with sns.axes_style("whitegrid"):
        figure, axes = plt.subplots(
            len(artefact["metrics"]),
            1,
            figsize=(2.2 + 1.25 * len(rows), 3.1 * len(artefact["metrics"]) + 0.7),
            sharex=True,
            squeeze=False,
            layout="constrained",
        )
    for axis, metric in zip(axes[:, 0], artefact["metrics"], strict=True):
        part = data[(data.metric == metric) & data.value.notna()]
        _panel(axis, part, list(labels.values()), palette)
        axis.set(ylabel=metric, xlabel="", ylim=(-0.02, 1.02))
    figure.suptitle(artefact["title"], fontsize=11)
    figure.supxlabel(
        f"Configuration: {configuration}. Split: {artefact['split']}. Bar: median.", fontsize=8, color="0.35"
    )
    return figure


def _panel(axis: plt.Axes, data: pd.DataFrame, order: list[str], palette: dict[str, tuple]) -> None:
    common = {
        "data": data,
        "x": "group",
        "y": "value",
        "hue": "group",
        "order": order,
        "hue_order": order,
        "ax": axis,
    }
    sns.violinplot(
        **common,
        palette=palette,
        cut=0,
        inner=None,
        linewidth=0,
        alpha=0.45,
        density_norm="width",
        legend=False,
    )
    np.random.seed(0)  # the horizontal jitter of the dots, which seaborn draws from NumPy's global generator
    sns.stripplot(
        **common, palette=palette, size=3, jitter=0.18, edgecolor="white", linewidth=0.3, legend=False
    )
    for place, group in enumerate(order):
        values = data.value[data.group == group]
        if len(values):
            axis.hlines(values.median(), place - 0.28, place + 0.28, color="0.15", linewidth=1.8)


def save_figure(figure: plt.Figure, base: Path) -> None:
    """Write <base>.svg and <base>.png atomically; the same figure gives the same bytes."""
    with plt.rc_context({"svg.hashsalt": "covidseg"}):
        for suffix, metadata in ((".svg", {"Date": None}), (".png", {"Software": None})):
            with atomic_path(base.with_suffix(suffix)) as temporary:
                figure.savefig(temporary, dpi=150, metadata=metadata)
    plt.close(figure)
