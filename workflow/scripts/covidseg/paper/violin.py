"""A figure of violin plots: one violin per method and source, and one dot per case."""

from itertools import groupby
from textwrap import fill

import numpy as np
import pandas as pd
import seaborn as sns

from covidseg.config.entries import ArtefactEntry
from covidseg.config.series import Series
from covidseg.evaluation.summary import read_scores
from covidseg.paper.artefact import Artefact
from covidseg.paper.figures import caption, plt, save_figure
from covidseg.paper.layout import panel_title
from covidseg.paper.tables import select

INCHES = 0.85  # width per violin
Colour = tuple[float, float, float]  # red, green and blue, 0 to 1
CHARACTERS = 12  # width of a method's name below one violin; longer names are broken into lines


def make(artefact: Artefact) -> None:
    """Write the figure: <base>.svg and <base>.png."""
    figure = draw_violins(
        [Series(*fields) for fields in artefact.parameters["series"]],
        artefact.entry,
        read_scores(artefact.input("scores")),
        config_name=artefact.config_name,
        remarks=artefact.remarks,
    )
    save_figure(figure, artefact.base)


def draw_violins(
    series: list[Series],
    artefact: ArtefactEntry,
    scores: pd.DataFrame,
    *,
    config_name: str,
    remarks: list[str],
) -> plt.Figure:
    """Draw one row per metric and one column per panel; one dot is one case of one fold.

    The violins of one method are neighbours, and the colour of a violin stands for the source. A series that
    is not run has no violin.

    Args:
        series: the violins, per panel.
        artefact: entry of artefacts.yaml.
        scores: table scores.csv.
        config_name: name of the configuration.
        remarks: sentences to print below the figure.
    """
    series = [one for one in series if one.runs]
    sources = list(dict.fromkeys(one.source for one in series))
    colours = dict(zip(sources, sns.color_palette("colorblind", len(sources)), strict=True))
    panels = [
        [one for one in series if (one.region, one.split) == (panel["region"], panel["split"])]
        for panel in artefact["panels"]
    ]
    panels = [panel for panel in panels if panel]
    metrics, widths = artefact["metrics"], [len(panel) for panel in panels]
    inches = max(8, 1 + INCHES * sum(widths))
    with sns.axes_style("whitegrid"):
        figure, axes = plt.subplots(
            len(metrics),
            len(panels),
            figsize=(inches, 2.9 * len(metrics) + 1),
            sharex="col",
            sharey="row",
            squeeze=False,
            layout="constrained",
            width_ratios=widths,
        )
    for column, panel in zip(axes.T, panels, strict=True):
        for axis, metric in zip(column, metrics, strict=True):
            _panel(axis, panel, scores, metric, colours)
            axis.set(ylabel=metric if axis in axes[:, 0] else "", xlabel="", ylim=(-0.02, 1.02))
        if len(panels) > 1:
            column[0].set_title(panel_title(panel[0].region, panel[0].split), fontsize=10)
        _name_violins(column, panel, round(CHARACTERS * inches / (1 + INCHES * sum(widths))))
    splits = ", ".join(dict.fromkeys(one.split for one in series))
    patients = pd.concat([select(scores, one, metrics[0]) for one in series])["patient"].nunique()
    bottom = (
        f"Configuration: {config_name}. Split: {splits}. Dot: one case of one fold ({patients} patients). "
        "Bar: median."
    )
    caption(figure, artefact["title"], bottom, remarks)
    return figure


def _panel(
    axis: plt.Axes, panel: list[Series], scores: pd.DataFrame, metric: str, colours: dict[str, Colour]
) -> None:
    selected = [select(scores, one, metric)["value"].dropna() for one in panel]
    data = pd.DataFrame(
        [(one.experiment, value) for one, values in zip(panel, selected, strict=True) for value in values],
        columns=["experiment", "value"],
    )
    order = [one.experiment for one in panel]
    common = {
        "data": data,
        "x": "experiment",
        "y": "value",
        "hue": "experiment",
        "order": order,
        "hue_order": order,
        "palette": {one.experiment: colours[one.source] for one in panel},
        "legend": False,
        "ax": axis,
    }
    sns.violinplot(**common, cut=0, inner=None, linewidth=0, alpha=0.45, density_norm="width")
    np.random.seed(0)  # seaborn draws the dots' horizontal jitter from NumPy's global generator
    sns.stripplot(**common, size=3, jitter=0.18, edgecolor="white", linewidth=0.3)
    for place, values in enumerate(selected):
        if len(values):
            axis.hlines(values.median(), place - 0.28, place + 0.28, color="0.15", linewidth=1.8)
    axis.set_xlim(-0.6, len(panel) - 0.4)


def _name_violins(axes: np.ndarray, panel: list[Series], characters: int) -> None:
    """Write the source below every violin and the method below its group of violins.

    Thin lines separate the methods. The sources are left out if no method has any, or the
    names of the methods end with the sources.
    """
    groups = [list(group) for _, group in groupby(enumerate(panel), key=lambda place: place[1].row)]
    centres = [(group[0][0] + group[-1][0]) / 2 for group in groups]
    names = [fill(group[0][1].row, characters * len(group)) for group in groups]
    if all(one.source == "none" or one.row.endswith(one.source) for one in panel):
        axes[-1].set_xticks(centres, names, fontsize=8.5)  # the sources are in the names
    else:
        axes[-1].set_xticks(range(len(panel)), [one.source for one in panel], fontsize=8.5)
        below = axes[-1].secondary_xaxis(-0.09)
        below.set_xticks(centres, names, fontsize=9)
        below.tick_params(length=0)
        below.spines["bottom"].set_visible(False)
    for axis in axes:
        for group in groups[1:]:
            axis.axvline(group[0][0] - 0.5, color="0.8", linewidth=0.8)
