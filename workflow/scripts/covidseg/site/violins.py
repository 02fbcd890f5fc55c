"""Every patient: half densities with quartiles beside one point per patient."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from textwrap import wrap

import numpy as np
import pandas as pd
from scipy.stats import gaussian_kde

from covidseg.config.series import Series
from covidseg.evaluation.statistics import patient_means
from covidseg.paper.layout import panel_title
from covidseg.paper.tables import select
from covidseg.site.axes import Axis
from covidseg.site.looks import Look

LEVELS = 40  # places at which a density is drawn
LETTERS = 10  # that fit below a violin
GOLDEN = (5**0.5 - 1) / 2  # spreads the points evenly


@dataclass(frozen=True)
class Violin:
    """The patients' scores of a model.

    Attributes:
        series: what is scored.
        look: colour and shape.
        points: (patient, value, place from 0 to 1 beside the density).
        quartiles: lower quartile, median and upper quartile.
        density: (value, width from 0 to 1), from the lowest value to the highest.
    """

    series: Series
    look: Look
    points: list[tuple[str, float, float]]
    quartiles: tuple[float, float, float]
    density: list[tuple[float, float]]

    def outline(self, axis: Axis, x: float) -> list[tuple[float, float]]:
        """Return the points of the half density in the plot, to the left of x."""
        sides = [(x - 18 * width, value) for value, width in self.density]
        ends = (x, self.density[0][0]), (x, self.density[-1][0])
        return [(left, 164 - 140 * axis.share(value)) for left, value in (ends[0], *sides, ends[1])]


@dataclass(frozen=True)
class Group:
    """Violins of one method that stand beside each other.

    Attributes:
        title: the method.
        lines: the same in at most two lines that fit below the violins.
        css: classes that set the colour.
        first: place of the first violin.
        count: number of violins.
    """

    title: str
    lines: list[str]
    css: str
    first: int
    count: int


@dataclass(frozen=True)
class ViolinPanel:
    """The violins of a metric, of a region at a split of the data.

    Attributes:
        title: metric, and what is scored if there are several panels.
        axis: of the scores.
        violins: one per model that is run.
        reference: median of the model trained from scratch, or NaN.
    """

    title: str
    axis: Axis
    violins: list[Violin]
    reference: float

    @property
    def groups(self) -> list[Group]:
        """The methods below the violins."""
        found: list[Group] = []
        for title, part in groupby(self.violins, key=lambda violin: violin.series.row):
            own = list(part)
            first = found[-1].first + found[-1].count if found else 0
            lines = wrap(title, LETTERS * len(own) + 1, max_lines=2, placeholder="…")
            found.append(Group(title, lines, own[0].look.css, first, len(own)))
        return found


def violin_panels(
    series: list[Series], metrics: list[str], scores: Mapping[str, pd.DataFrame], looks: Mapping[str, Look]
) -> list[ViolinPanel]:
    """Return one panel per region and split and metric, of the models that are run."""
    places = list(dict.fromkeys((one.region, one.split) for one in series if one.runs))
    found = []
    for place in places:
        own = [one for one in series if one.runs and (one.region, one.split) == place]
        for metric in metrics:
            violins = [
                v
                for one in own
                if (v := violin_of(one, metric, scores[one.experiment], looks[one.experiment]))
            ]
            medians = [v.quartiles[1] for v in violins if v.look.strategy == "scratch"]
            title = f"{metric}, {panel_title(*place)}" if len(places) > 1 else metric
            if violins:
                found.append(ViolinPanel(title, _shares(violins), violins, [*medians, float("nan")][0]))
    return found


def _shares(violins: list[Violin]) -> Axis:
    """Return an axis from 0 to the round value above all points."""
    highest = max(value for violin in violins for _, value, _ in violin.points)
    return Axis.around([0.0, min(1.0, float(np.ceil(highest * 5) / 5) or 1.0)], margin=0)


def violin_of(one: Series, metric: str, scores: pd.DataFrame, look: Look) -> Violin | None:
    """Return the violin of a model, or None if no patient has a value."""
    means = patient_means(select(scores, one, metric))
    if means.empty:
        return None
    points = [
        (str(patient), float(value), (number * GOLDEN) % 1)
        for number, (patient, value) in enumerate(means.sort_values().items())
    ]
    low, median, high = np.quantile(means, [0.25, 0.5, 0.75]).tolist()
    return Violin(one, look, points, (low, median, high), density_of(means.to_numpy()))


def density_of(values: np.ndarray) -> list[tuple[float, float]]:
    """Return (value, density) from the lowest value to the highest, with 1 where the density is highest.

    Fewer than three different values have no density.
    """
    if len(np.unique(values)) < 3:
        return []
    levels = np.linspace(values.min(), values.max(), LEVELS)
    density = gaussian_kde(values)(levels)
    return list(zip(levels.tolist(), (density / density.max()).tolist(), strict=True))
