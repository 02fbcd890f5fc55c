"""A figure of rankings: how often each method has each rank when the patients are resampled.

The figure is the blob plot of challengeR (Wiesenfarth et al. 2021, Scientific Reports 11, 2369).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.offsetbox import AnnotationBbox

from covidseg.config.entries import ArtefactEntry
from covidseg.config.series import Series
from covidseg.evaluation.summary import read_scores
from covidseg.files import write_csv
from covidseg.paper.artefact import Artefact
from covidseg.paper.figures import (
    FORMULA,
    FULL,
    HAIRLINE,
    INCHES_PER_POINT,
    MARGIN,
    SMALL,
    TEXT,
    WIDTH,
    Page,
    line_of,
    plt,
    save_figure,
    typeset,
)
from covidseg.paper.layout import SHORT, panel_title
from covidseg.paper.palette import INK, SECOND_INK, Look, look_of
from covidseg.paper.uncertainty import Bootstrap, ranking_rows

ROW = 0.165  # height per method, in inches
ABOVE, BELOW = 0.24, 0.3  # inches above the first method of a panel, and below the last
LEGEND = 0.3  # height of the legend, in inches
LARGEST = (
    0.95 * ROW / INCHES_PER_POINT
) ** 2  # area of a blob of a method that always has the rank, in square points
SHOWN = (0.1, 0.5, 1.0)  # shares in the legend
NUMBER = 0.16  # width of the number of a rank, in inches
Place = tuple[float, float, float, float]  # left, top, width and height, in inches
Panels = dict[tuple[str, str], pd.DataFrame]  # (region, split) -> rankings


def make(artefact: Artefact) -> None:
    """Write the figure, <base>.svg, .pdf and .png, and its rankings, <base>.csv."""
    series = [Series(*fields) for fields in artefact.parameters["series"]]
    bootstrap = Bootstrap.of(artefact.parameters, artefact.inputs["pixels"])
    ranks = ranking_rows(series, artefact.entry, read_scores(artefact.input("scores")), bootstrap)
    write_csv(f"{artefact.base}.csv", ranks, digits=9)
    looks = {name: look_of(*found) for name, found in artefact.parameters["looks"].items()}
    figure = draw_rankings(
        ranks,
        artefact.entry,
        bootstrap,
        looks={(one.row, one.source): looks[one.experiment] for one in series if one.runs},
        config_name=artefact.config_name,
        remarks=artefact.remarks,
    )
    save_figure(figure, artefact.base)


def draw_rankings(
    ranks: pd.DataFrame,
    artefact: ArtefactEntry,
    bootstrap: Bootstrap,
    *,
    looks: dict[tuple[str, str], Look],
    config_name: str,
    remarks: list[str],
) -> plt.Figure:
    """Draw one row per panel and one column per metric; the colour is the strategy, the shape the source.

    Args:
        ranks: table as returned by `ranking_rows`.
        artefact: entry of artefacts.yaml.
        bootstrap: how the patients were resampled.
        looks: (row, source) -> colour and shape.
        config_name: name of the configuration.
        remarks: sentences to print below the figure.
    """
    ranks = ranks.assign(name=_names(ranks))
    panels = {
        (panel["region"], panel["split"]): part
        for panel in artefact["panels"]
        if len(part := ranks[(ranks["region"] == panel["region"]) & (ranks["split"] == panel["split"])])
    }
    bottom = (
        f"Configuration: {config_name}. Ranks of the averages in {bootstrap.resamples:,} bootstrap samples "
        "of the n patients; rank 1 is the highest average. Methods from the best to the worst mean rank. "
        "Colour: strategy. Shape: source."
    )
    grid = _Grid.of(panels, artefact["metrics"], _name_width(ranks))
    body = grid.height + LEGEND
    page = Page.of(FULL, body, title=artefact["title"], lines=[bottom, *remarks])
    for panel, metric, place in grid.places(panels):
        axis = page.axes(*place)
        found = panels[panel][panels[panel]["metric"] == metric]
        if found.empty:  # fewer than two patients have a value with every method
            axis.set_axis_off()
            continue
        _panel(axis, found, looks)
        title = f"{SHORT.get(metric, metric)}, {panel_title(*panel)}"
        axis.set_title(title, loc="left", size=TEXT, weight="bold", x=-grid.name / place[2])
    _legend(page, body, bootstrap.confidence)
    return page.figure


def _name_width(ranks: pd.DataFrame) -> float:
    """Return the width of the longest name with its sign, in inches."""
    longest = max((len(FORMULA.sub("formula", name)) for name in ranks["name"]), default=0)
    return 0.2 + longest * SMALL * WIDTH * INCHES_PER_POINT


def _panel(axis: plt.Axes, ranks: pd.DataFrame, looks: dict[tuple[str, str], Look]) -> None:
    """Draw the ranks of the methods of one panel and metric, from the best mean rank to the worst."""
    ranks = ranks.sort_values("mean_rank", kind="stable")
    places = list(range(1, len(ranks) + 1))
    for height, (_, row) in enumerate(ranks.iterrows(), start=1):
        look, areas = (
            looks[row["row"], row["source"]],
            [LARGEST * row[f"frequency_{rank}"] for rank in places],
        )
        axis.scatter(
            places, [height] * len(ranks), s=areas, color=look.colour, alpha=0.55, lw=0, clip_on=False
        )
        axis.hlines(height, row["low"], row["high"], color=INK.light, lw=0.8)
        axis.plot(row["median_rank"], height, "|", color=INK.light, ms=6, mew=1.6)
        _write_name(axis, height, row["name"], look)
    axis.set(xlim=(0.4, len(ranks) + 0.6), ylim=(len(ranks) + 0.6, 0.4), yticks=places, yticklabels=[])
    _number_ranks(axis, len(ranks))
    axis.set_xlabel(f"Rank (n = {ranks['n'].iloc[0]})", size=SMALL)
    axis.tick_params(length=0)
    axis.set_axisbelow(True)
    axis.grid(color=HAIRLINE, lw=0.4, alpha=0.6)
    axis.spines[:].set_visible(False)


def _write_name(axis: plt.Axes, height: int, name: str, look: Look) -> None:
    """Write a method's name left of its row, and between both the sign of its source."""
    place: dict[str, Any] = {"xycoords": axis.get_yaxis_transform(), "annotation_clip": False}
    axis.annotate(
        look.sign, (0, height), xytext=(-6, 0), textcoords="offset points", ha="center", va="center",
        color=look.colour, size=TEXT, **place,
    )  # fmt: skip
    box: dict[str, Any] = {
        "boxcoords": "offset points",
        "box_alignment": (1, 0.5),
        "frameon": False,
        "pad": 0,
    }
    axis.add_artist(AnnotationBbox(line_of(name, SMALL), (0, height), xybox=(-12, 0), **place | box))


def _number_ranks(axis: plt.Axes, count: int) -> None:
    """Number as many ranks as have room, the first one always."""
    width = axis.get_position().width * FULL / count
    axis.set_xticks(range(1, count + 1, ceil(NUMBER / width)))


@dataclass(frozen=True)
class _Grid:
    """Where the panels are: one row per panel; or one per panel and metric, where names are long.

    Attributes:
        rows: the metrics of each row of a panel.
        heights: height of each panel's axes, in inches.
        name: width of the names, in inches.
    """

    rows: list[list[str]]
    heights: list[float]
    name: float

    @classmethod
    def of(cls, panels: Panels, metrics: list[str], name: float) -> "_Grid":
        fits = name <= FULL / len(metrics) / 2
        heights = [ROW * part.groupby("metric").size().max() for part in panels.values()]
        return cls([metrics] if fits else [[metric] for metric in metrics], heights, name)

    @property
    def height(self) -> float:
        """Height of all panels, in inches."""
        return sum(ABOVE + BELOW + height for height in self.heights) * len(self.rows)

    def places(self, panels: Panels) -> Iterator[tuple[tuple[str, str], str, Place]]:
        """Yield each panel and metric with the place of its axes."""
        top = 0.0
        for panel, height in zip(panels, self.heights, strict=True):
            for row in self.rows:
                width = (FULL - 2 * MARGIN) / len(row)
                for number, metric in enumerate(row):
                    left = MARGIN + number * width + self.name
                    yield panel, metric, (left, top + ABOVE, width - self.name - 0.15, height)
                top += ABOVE + height + BELOW


def _names(ranks: pd.DataFrame) -> pd.Series:
    """Return the names of the methods, each with its source if the same method has several sources."""
    several = ranks.groupby("row")["source"].nunique().max() > 1
    alone = (ranks["source"] == "none") | (not several)
    return ranks["row"].where(alone, ranks["row"] + ", " + ranks["source"]).map(typeset)


def _legend(page: Page, body: float, confidence: float) -> None:
    """Explain the blobs, lines and marks below the panels."""
    marks = [
        Line2D(
            [], [], ls="", marker="o", ms=(share * LARGEST) ** 0.5, color="0.6", mew=0,
            label=f"{share:.0%} of samples",
        )
        for share in SHOWN
    ]  # fmt: skip
    marks.append(Line2D([], [], color=INK.light, lw=0.8, label=f"{confidence:.0%} interval"))
    marks.append(Line2D([], [], ls="", marker="|", color=INK.light, ms=6, mew=1.6, label="median rank"))
    axis = page.axes(MARGIN, body - LEGEND, FULL - 2 * MARGIN, LEGEND)
    axis.set_axis_off()
    axis.legend(handles=marks, loc="center", ncols=len(marks), fontsize=SMALL, labelcolor=SECOND_INK.light)
