"""Volumes against their errors (Bland and Altman): bias and limits of agreement of each model."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from covidseg.config.series import Series
from covidseg.evaluation.agreement import limits_of_agreement
from covidseg.paper.bland_altman import read_volumes
from covidseg.paper.layout import panel_title
from covidseg.site.axes import Axis
from covidseg.site.looks import Look


@dataclass(frozen=True)
class Agreement:
    """The volumes that a model predicts.

    Attributes:
        title: method, and what is scored if there are several panels.
        source: what the paper calls the source.
        look: colour and shape.
        bias, low, high: mean error and limits of agreement, in mL.
        points: (case and fold in words, mean of both volumes, prediction minus annotation), in mL.
    """

    title: str
    source: str
    look: Look
    bias: float
    low: float
    high: float
    points: list[tuple[str, float, float]]


def agreements_of(
    series: list[Series], scores: Mapping[str, pd.DataFrame], looks: Mapping[str, Look]
) -> list[Agreement]:
    """Return the volumes of every model that is run."""
    single = len({(one.region, one.split) for one in series}) == 1
    return [
        _agreement(one, scores[one.experiment], looks[one.experiment], single=single)
        for one in series
        if one.runs
    ]


def _agreement(one: Series, scores: pd.DataFrame, look: Look, *, single: bool) -> Agreement:
    volumes = read_volumes(scores, one).dropna()
    limits = limits_of_agreement(volumes["difference"], volumes["patient"])
    points = [
        (f"{row['case']}, fold {row['fold']}", float(row["mean"]), float(row["difference"]))
        for _, row in volumes.reset_index().iterrows()
    ]
    title = one.row if single else f"{one.row}, {panel_title(one.region, one.split)}"
    return Agreement(title, one.source, look, limits.bias, limits.low, limits.high, points)


def agreement_axes(agreements: list[Agreement]) -> tuple[Axis, Axis]:
    """Return the axes of the means and of the errors, which all panels share."""
    means = [0.0, *(mean for one in agreements for _, mean, _ in one.points)]
    errors = [error for one in agreements for _, _, error in one.points]
    limits = [limit for one in agreements for limit in (one.low, one.high)]
    return Axis.around(means, margin=2), Axis.over([*errors, *limits])
