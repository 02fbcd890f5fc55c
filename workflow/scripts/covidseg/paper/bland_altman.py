"""A figure of true and predicted volumes: differences against means, with limits of agreement."""

from dataclasses import astuple
from math import ceil, isfinite
from typing import Any

import pandas as pd
from matplotlib.offsetbox import AnnotationBbox, TextArea, VPacker

from covidseg.config.series import Series
from covidseg.evaluation.agreement import Agreement, limits_of_agreement
from covidseg.evaluation.summary import read_scores
from covidseg.files import write_csv
from covidseg.paper.artefact import Artefact
from covidseg.paper.figures import (
    BOLD,
    FULL,
    HAIRLINE,
    MARGIN,
    SMALL,
    TEXT,
    Page,
    block_of,
    plt,
    save_figure,
    typeset,
    wrapped,
)
from covidseg.paper.layout import split_title
from covidseg.paper.palette import INK, Look, look_of
from covidseg.paper.tables import SERIES, select

COLUMNS = 4  # panels side by side
KEYS = ["fold", "case"]
WIDE, HIGH = 1.34, 1.0  # width and height of the axes, in inches
LEFT, GAP = 0.55, 0.25  # inches left of the first axes, and between axes
ABOVE, BELOW = 0.62, 0.34  # inches above and below the axes
NUMBERS: dict[str, Any] = {"size": SMALL, "linespacing": 1.1}
LINEAR = 1.0  # mL: the axis of means is linear below, and logarithmic above
LEGEND = (
    "A point is one case of one fold. Dark line: bias. Band: 95 % limits of agreement of one prediction, "
    "from the variance between patients and the variance between the folds of a patient (Bland and Altman "
    "2007). Where errors grow with the volume, the limits are too wide for small infections. The axis of "
    f"means is logarithmic above {LINEAR:g} mL. Colour: strategy. Shape: source."
)


def make(artefact: Artefact) -> None:
    """Write the figure, <base>.svg, .pdf and .png, and its numbers, <base>.csv."""
    scores = read_scores(artefact.input("scores"))
    series = [Series(*fields) for fields in artefact.parameters["series"]]
    volumes = {one: read_volumes(scores, one) for one in series if one.runs}
    agreements = {
        one: limits_of_agreement(found["difference"], found["patient"]) for one, found in volumes.items()
    }
    rows = [
        dict(zip(SERIES, astuple(one), strict=False)) | found._asdict() for one, found in agreements.items()
    ]
    write_csv(f"{artefact.base}.csv", rows, digits=9)
    looks = {name: look_of(*found) for name, found in artefact.parameters["looks"].items()}
    save_figure(draw_agreement(volumes, agreements, looks, artefact), artefact.base)


def read_volumes(scores: pd.DataFrame, one: Series) -> pd.DataFrame:
    """Return one row per case and fold: `patient`, `mean` of both volumes and their `difference`, in mL."""
    error = select(scores, one, "volume_error_mL").set_index(KEYS)
    truth = select(scores, one, "volume_truth_mL").set_index(KEYS)["value"]
    difference = error["value"]
    return pd.DataFrame(
        {"patient": error["patient"], "mean": truth + difference / 2, "difference": difference}
    )


def draw_agreement(
    volumes: dict[Series, pd.DataFrame],
    agreements: dict[Series, Agreement],
    looks: dict[str, Look],
    artefact: Artefact,
) -> plt.Figure:
    """Draw one panel per method, source and region; one point is one case of one fold.

    All panels have the same axes, so that methods can be compared. The axis of means is logarithmic, as
    volumes of infections span several orders of magnitude. The axis of differences is linear: on it, equal
    errors look equal.

    Args:
        volumes: what each panel shows, as returned by `read_volumes`.
        agreements: bias and limits of each panel.
        looks: experiment -> its colour and shape.
        artefact: the figure's description.
    """
    body = ceil(len(volumes) / COLUMNS) * (ABOVE + HIGH) + BELOW
    lines = [f"Configuration: {artefact.config_name}. {LEGEND}", *artefact.remarks]
    page = Page.of(FULL, body, title=artefact.entry["title"], lines=lines)
    shared: dict[str, Any] = {}
    for number, (one, found) in enumerate(volumes.items()):
        row, column = divmod(number, COLUMNS)
        place = LEFT + column * (WIDE + GAP), ABOVE + row * (ABOVE + HIGH), WIDE, HIGH
        axis = page.axes(*place, **shared)
        shared = {"sharex": axis, "sharey": axis}
        _panel(axis, found, agreements[one], looks[one.experiment])
        _write_title(axis, one, agreements[one], artefact)
        lowest = number + COLUMNS >= len(volumes)
        axis.tick_params(labelleft=column == 0, labelbottom=lowest)
        if lowest:
            axis.set_xlabel("mean of both volumes, mL", size=SMALL)
    page.write(MARGIN, body / 2, "prediction − truth, mL", rotation=90, va="center", size=TEXT)
    return page.figure


def _panel(axis: plt.Axes, found: pd.DataFrame, agreement: Agreement, look: Look) -> None:
    axis.axhspan(agreement.low, agreement.high, facecolor=look.colour, alpha=0.14, linewidth=0)
    for limit in (agreement.low, agreement.high):
        axis.axhline(limit, color=look.colour, linewidth=0.6)
    axis.axhline(0, color=HAIRLINE, linewidth=0.8)
    axis.scatter(
        found["mean"],
        found["difference"],
        s=5,
        marker=look.marker,
        linewidth=0.5,
        color=look.colour,
        alpha=0.8,
    )
    axis.axhline(agreement.bias, color=INK.light, linewidth=1)
    axis.set_xscale("symlog", linthresh=LINEAR)
    axis.xaxis.set_major_formatter("{x:g}")


def _write_title(axis: plt.Axes, one: Series, agreement: Agreement, artefact: Artefact) -> None:
    """Write the method above its panel, and below the method its bias and limits."""
    name, numbers = typeset(_name(one, artefact)), "\n".join(_numbers(agreement))
    lines = wrapped(name, WIDE + GAP, BOLD * SMALL).split("\n")
    block = block_of(lines, SMALL, align="left", weight="bold")
    title = VPacker(children=[block, TextArea(numbers, textprops=NUMBERS)], pad=0, sep=2)
    place: dict[str, Any] = {
        "xycoords": "axes fraction",
        "boxcoords": "offset points",
        "box_alignment": (0, 0),
    }
    axis.add_artist(AnnotationBbox(title, (0, 1), xybox=(0, 3), frameon=False, pad=0, **place))


def _name(one: Series, artefact: Artefact) -> str:
    parts = [one.row]
    if one.source != "none" and not one.row.endswith(one.source):
        parts.append(one.source)
    if len(artefact.entry["panels"]) > 1:
        parts.append(split_title(one.split))
    return ", ".join(parts)


def _numbers(agreement: Agreement) -> tuple[str, str]:
    """Return bias and number of patients, and the limits, which one patient alone does not have."""
    bias, low, high = (f"{value:.1f}".replace("-", "−") for value in agreement[:3])
    limits = f"limits {low} to {high} mL" if isfinite(agreement.low) else "no limits"
    return f"bias {bias} mL, n = {agreement.patients}", limits
