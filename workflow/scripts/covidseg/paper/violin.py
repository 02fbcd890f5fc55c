"""A figure of violin plots: per method and source a half density, quartiles and one point per patient."""

from dataclasses import astuple, dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.config.series import Series
from covidseg.evaluation.statistics import patient_means
from covidseg.evaluation.summary import read_scores
from covidseg.files import write_csv
from covidseg.paper.artefact import Artefact
from covidseg.paper.figures import (
    FULL,
    HAIRLINE,
    MARGIN,
    SMALL,
    TEXT,
    Page,
    plt,
    save_figure,
    text_height,
    typeset,
    wrapped,
)
from covidseg.paper.layout import SHORT, panel_title
from covidseg.paper.palette import INK, Look, look_of
from covidseg.paper.tables import SERIES, select

LEFT = 0.4  # inches left of the axes
HIGH, LOW = 1.2, 0.9  # height of the axes in inches: of few rows, and of more than FEW
FEW = 4
ABOVE = 0.3  # inches above the axes
LINESPACING = 1.1
GOLDEN = (5**0.5 - 1) / 2  # places the points evenly beside the density
COLUMNS = [*SERIES, "metric", "patient", "value"]  # of the table beside the figure
Values = dict[tuple[Series, str], pd.Series]  # (series, metric) -> one value per patient


@dataclass(frozen=True)
class Names:
    """What stands below the violins of a panel.

    Attributes:
        sources: sign and source per violin; the sign alone if the names of the methods say the source.
        methods: (first violin, number of violins, broken name) of each method.
        slot: width of a violin, in inches.
    """

    sources: list[str]
    methods: list[tuple[int, int, str]]
    slot: float

    @classmethod
    def of(cls, panel: list[Series], looks: dict[str, Look]) -> "Names":
        """Break the names into lines that fit below the violins of a panel."""
        slot = (FULL - LEFT - MARGIN) / (len(panel) + 0.2)
        told = all(one.source == "none" or one.row.endswith(one.source) for one in panel)
        sources = [looks[one.experiment].sign for one in panel]
        if not told:
            titles = (wrapped(one.source, slot, SMALL) for one in panel)
            sources = [f"{sign}\n{title}" for sign, title in zip(sources, titles, strict=True)]
        methods, first = [], 0
        for row, group in groupby(panel, key=lambda one: one.row):
            count = len(list(group))
            methods.append((first, count, wrapped(typeset(row), slot * count, TEXT)))
            first += count
        return cls(sources, methods, slot)

    @property
    def source_height(self) -> float:
        """Height of the sources, in inches."""
        return max(text_height(text, SMALL) for text in self.sources)

    @property
    def height(self) -> float:
        """Height of all names, in inches."""
        lines = max(name.count("\n") + 1 + ("$" in name) for *_, name in self.methods)
        return 0.12 + self.source_height + lines * text_height("", TEXT)


def make(artefact: Artefact) -> None:
    """Write the figure, <base>.svg, .pdf and .png, and the values of its points, <base>.csv."""
    series = [Series(*fields) for fields in artefact.parameters["series"]]
    scores = read_scores(artefact.input("scores"))
    values = read_values(scores, series, artefact.entry["metrics"])
    write_csv(f"{artefact.base}.csv", value_rows(values), columns=COLUMNS, digits=9)
    figure = draw_violins(
        values,
        {name: look_of(*found) for name, found in artefact.parameters["looks"].items()},
        artefact.entry,
        config_name=artefact.config_name,
        remarks=artefact.remarks,
    )
    save_figure(figure, artefact.base)


def read_values(scores: pd.DataFrame, series: list[Series], metrics: list[str]) -> Values:
    """Return one value per patient of every series that is run."""
    return {
        (one, metric): patient_means(select(scores, one, metric))
        for one in series
        if one.runs
        for metric in metrics
    }


def value_rows(values: Values) -> list[dict[str, Any]]:
    """Return one row per point of the figure."""
    return [
        dict(zip(COLUMNS, (*astuple(one)[:4], metric, patient, value), strict=True))
        for (one, metric), found in values.items()
        for patient, value in found.items()
    ]


def draw_violins(
    values: Values,
    looks: dict[str, Look],
    artefact: ArtefactEntry,
    *,
    config_name: str,
    remarks: list[str],
) -> plt.Figure:
    """Draw one row of violins per panel and metric; the colour is the strategy, the shape the source.

    Args:
        values: what each violin shows.
        looks: experiment -> its colour and shape.
        artefact: entry of artefacts.yaml.
        config_name: name of the configuration.
        remarks: sentences to print below the figure.
    """
    series, metrics = list(dict.fromkeys(one for one, _ in values)), artefact["metrics"]
    places = dict.fromkeys((one.region, one.split) for one in series)
    panels = [[one for one in series if (one.region, one.split) == place] for place in places]
    names = [Names.of(panel, looks) for panel in panels]
    high = HIGH if len(panels) * len(metrics) <= FEW else LOW
    body = sum(len(metrics) * (high + ABOVE) + one.height for one in names)
    page = Page.of(FULL, body, title=artefact["title"], lines=[_legend(config_name, series, looks), *remarks])
    top = 0.0
    for panel, below in zip(panels, names, strict=True):
        for metric in metrics:
            axis = page.axes(LEFT, top + ABOVE, FULL - LEFT - MARGIN, high)
            _panel(axis, [values[one, metric] for one in panel], [looks[one.experiment] for one in panel])
            _dotted(axis, panel, values, metric, looks)
            title = f"{SHORT.get(metric, metric)}, {panel_title(panel[0].region, panel[0].split)}"
            axis.set_title(title, loc="left", size=TEXT, weight="bold", pad=12)
            for first, *_ in below.methods[1:]:
                axis.axvline(first - 0.5, color=HAIRLINE, linewidth=0.6)
            top += high + ABOVE
        _write_names(page, panel, below, top, looks)
        top += below.height
    return page.figure


def _legend(config_name: str, series: list[Series], looks: dict[str, Look]) -> str:
    splits = ", ".join(dict.fromkeys(one.split for one in series))
    dotted = any(one.source == "none" for one in series)
    return (
        f"Configuration: {config_name}. Split: {splits}. A point is a patient's mean over folds and scans; n "
        "counts patients. Left: density. Bar: quartiles. White line: median. "
        + ("Dotted: median of the method without other data. " if dotted else "")
        + "Colour: strategy. Shape: source."
    )


def _panel(axis: plt.Axes, shown: list[pd.Series], looks: list[Look]) -> None:
    """Draw half densities, quartiles, medians and points side by side."""
    for place, (found, look) in enumerate(zip(shown, looks, strict=True)):
        if len(found) > 1:
            drawn: Any = axis.violinplot(found, [place - 0.07], widths=0.76, side="low", showextrema=False)
            for body in drawn["bodies"]:
                body.set(facecolor=look.colour, alpha=0.3, linewidth=0)
        if len(found):
            low, median, high = np.quantile(found, (0.25, 0.5, 0.75))
            axis.vlines(place, low, high, color=look.colour, linewidth=3.5)
            axis.hlines(median, place - 0.09, place + 0.09, color=INK.light, linewidth=2)
            axis.hlines(median, place - 0.08, place + 0.08, color="white", linewidth=0.9)
        spread = 0.12 + 0.3 * (np.arange(len(found)) * GOLDEN % 1)
        axis.scatter(
            place + spread, found.sort_values(), s=5, marker=look.marker, color=look.colour, linewidth=0.4
        )
        axis.text(place, 1.04, f"n={len(found)}", ha="center", va="bottom", size=SMALL)
    axis.set(xlim=(-0.6, len(shown) - 0.4), ylim=(-0.03, 1.03), xticks=[], yticks=np.linspace(0, 1, 5))
    axis.grid(axis="y")
    axis.set_axisbelow(True)
    axis.yaxis.set_major_formatter("{x:g}")


def _dotted(axis: plt.Axes, panel: list[Series], values: Values, metric: str, looks: dict[str, Look]) -> None:
    """Draw the median of the first method without other data across the panel."""
    first = next((one for one in panel if one.source == "none" and len(values[one, metric])), None)
    if first and len(panel) > 1:
        height = values[first, metric].median()
        axis.axhline(
            height, color=looks[first.experiment].colour, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0
        )


def _write_names(page: Page, panel: list[Series], names: Names, top: float, looks: dict[str, Look]) -> None:
    """Write the sources below the violins and, below a line in the strategy's colour, the methods."""
    for place, text in enumerate(names.sources):
        style = {"ha": "center", "linespacing": LINESPACING}
        page.write(LEFT + names.slot * (place + 0.6), top + 0.04, text, **style)
    line = top + 0.06 + names.source_height
    for first, count, name in names.methods:
        left, width = LEFT + names.slot * (first + 0.15), names.slot * (count - 0.1)
        rule = page.axes(left, line, width, 0.016)
        rule.set(facecolor=looks[panel[first].experiment].colour, xticks=[], yticks=[])
        rule.spines[:].set_visible(False)
        page.write_name(left + width / 2, line + 0.05, name)
