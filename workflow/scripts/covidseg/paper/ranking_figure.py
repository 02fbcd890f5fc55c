"""A figure of rankings: how often each method has each rank when the patients are resampled.

The figure is the blob plot of challengeR (Wiesenfarth et al. 2021, Scientific Reports 11, 2369).
"""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D

from covidseg.config.entries import ArtefactEntry
from covidseg.config.series import Series
from covidseg.evaluation.summary import read_scores
from covidseg.paper.artefact import Artefact
from covidseg.paper.figures import caption, plt, save_figure
from covidseg.paper.layout import SHORT, panel_title
from covidseg.paper.uncertainty import Bootstrap, ranking_rows

ROW = 0.36  # height per method, in inches
LARGEST = (0.85 * ROW * 72) ** 2  # area of a blob for a method that always has the rank, in square points
LETTER = 0.075  # width of a letter in the names of the methods, in inches
LEGEND = 1.6  # width of the legend, in inches
SHOWN = (0.1, 0.5, 1.0)  # shares in the legend
INK = "0.15"  # colour of the intervals and medians
Panels = dict[tuple[str, str], pd.DataFrame]  # (region, split) -> rankings
Colours = dict[str, tuple[float, float, float]]


def make(artefact: Artefact) -> None:
    """Write the figure: <base>.svg and <base>.png."""
    series = [Series(*fields) for fields in artefact.parameters["series"]]
    bootstrap = Bootstrap.of(artefact.parameters, artefact.inputs["pixels"])
    figure = draw_rankings(
        ranking_rows(series, artefact.entry, read_scores(artefact.input("scores")), bootstrap),
        artefact.entry,
        bootstrap,
        sources=list(dict.fromkeys(one.source for one in series if one.runs)),
        config_name=artefact.config_name,
        remarks=artefact.remarks,
    )
    save_figure(figure, artefact.base)


def draw_rankings(
    ranks: pd.DataFrame,
    artefact: ArtefactEntry,
    bootstrap: Bootstrap,
    *,
    sources: list[str],
    config_name: str,
    remarks: list[str],
) -> plt.Figure:
    """Draw one row per panel and one column per metric; the colour stands for the source.

    Args:
        ranks: table as returned by `ranking_rows`.
        artefact: entry of artefacts.yaml.
        bootstrap: how the patients were resampled.
        sources: the sources of all methods, in the order of their colours, which are those of the violins.
        config_name: name of the configuration.
        remarks: sentences to print below the figure.
    """
    ranks = ranks.assign(name=_names(ranks))
    panels = {
        (panel["region"], panel["split"]): part
        for panel in artefact["panels"]
        if len(part := ranks[(ranks["region"] == panel["region"]) & (ranks["split"] == panel["split"])])
    }
    colours = dict(zip(sources, sns.color_palette("colorblind", len(sources)), strict=True))
    figure, axes = _grid(panels, artefact["metrics"])
    for line, (panel, part) in zip(axes, panels.items(), strict=False):
        for axis, metric in zip(line, artefact["metrics"], strict=True):
            found = part[part["metric"] == metric]
            if found.empty:  # fewer than two patients have a value with every method
                axis.set_axis_off()
                continue
            _panel(axis, found, colours)
            axis.set_title(f"{SHORT.get(metric, metric)}, {panel_title(*panel)}", fontsize=10)
    _legend(figure, bootstrap.confidence)
    bottom = (
        f"Configuration: {config_name}. Ranks of the averages in {bootstrap.resamples:,} bootstrap samples "
        "of the n patients;\nrank 1 is the highest average. Methods from the best to the worst mean rank."
    )
    caption(figure, artefact["title"], bottom, remarks)
    return figure


def _grid(panels: Panels, metrics: list[str]) -> tuple[plt.Figure, np.ndarray]:
    """Return a figure with one row per panel, as high as its methods are many, and one column per metric."""
    heights = [len(part) / len(metrics) for part in panels.values()]
    letters = max((len(name) for part in panels.values() for name in part["name"]), default=0)
    width = LEGEND + (3.4 + LETTER * letters) * len(metrics)
    return plt.subplots(
        max(1, len(panels)),
        len(metrics),
        figsize=(width, 1 + sum(0.8 + ROW * height for height in heights)),
        squeeze=False,
        layout="constrained",
        height_ratios=heights or None,
    )


def _panel(axis: plt.Axes, ranks: pd.DataFrame, colours: Colours) -> None:
    """Draw the ranks of the methods of one panel and metric, from the best mean rank to the worst."""
    ranks = ranks.sort_values("mean_rank", kind="stable")
    places = range(1, len(ranks) + 1)
    for height, (_, row) in enumerate(ranks.iterrows(), start=1):
        shares = [row[f"frequency_{rank}"] for rank in places]
        areas = [LARGEST * share for share in shares]
        axis.scatter(
            places,
            [height] * len(ranks),
            s=areas,
            color=colours[row["source"]],
            alpha=0.65,
            lw=0,
            clip_on=False,
        )
        axis.hlines(height, row["low"], row["high"], color=INK, lw=1.1)
        axis.plot(row["median_rank"], height, "x", color=INK, ms=6, mew=1.6)
    axis.set_yticks(places, ranks["name"])
    axis.set(xticks=places, xlim=(0.4, len(ranks) + 0.6), ylim=(len(ranks) + 0.6, 0.4))
    axis.set_xlabel(f"Rank (n = {ranks['n'].iloc[0]})", fontsize=9)
    axis.tick_params(length=0, labelsize=9)
    axis.set_axisbelow(True)
    axis.grid(color="0.92")
    axis.spines[:].set_visible(False)


def _names(ranks: pd.DataFrame) -> pd.Series:
    """Return the names of the methods, each with its source if the same method has several sources."""
    several = ranks.groupby("row")["source"].nunique().max() > 1
    return ranks["row"].where(
        (ranks["source"] == "none") | (not several), ranks["row"] + ", " + ranks["source"]
    )


def _legend(figure: plt.Figure, confidence: float) -> None:
    """Explain the blobs, lines and crosses on the right of the panels."""
    marks = [
        Line2D(
            [], [], ls="", marker="o", ms=(share * LARGEST) ** 0.5, color="0.6", mew=0, label=f"{share:.0%}"
        )
        for share in SHOWN
    ]
    marks.append(Line2D([], [], color=INK, lw=1.1, label=f"{confidence:.0%} interval"))
    marks.append(Line2D([], [], ls="", marker="x", color=INK, ms=6, mew=1.6, label="median rank"))
    figure.legend(
        handles=marks, title="Share of samples", loc="outside right upper", labelspacing=1.1, fontsize=9,
        title_fontsize=9, frameon=False,
    )  # fmt: skip
