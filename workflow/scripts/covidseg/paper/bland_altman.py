"""A figure of true and predicted volumes: differences against means, with limits of agreement."""

from dataclasses import astuple
from math import ceil
from textwrap import fill

import pandas as pd

from covidseg.config.series import Series
from covidseg.evaluation.agreement import Agreement, limits_of_agreement
from covidseg.evaluation.summary import read_scores
from covidseg.files import write_csv
from covidseg.paper.artefact import Artefact
from covidseg.paper.figures import caption, plt, save_figure
from covidseg.paper.layout import SPLITS
from covidseg.paper.tables import SERIES, select

COLUMNS = 4  # panels side by side
KEYS = ["fold", "case"]
LINEAR = 1.0  # mL: the axis of means is linear below, and logarithmic above
LEGEND = (
    "A dot is one case of one fold. Line: bias. Dashed: 95 % limits of agreement of one prediction, from "
    "the variance between patients and the variance between the folds of a patient (Bland and Altman 2007). "
    "Where errors grow with the volume, the limits are too wide for small infections. The axis of means is "
    f"logarithmic above {LINEAR:g} mL."
)


def make(artefact: Artefact) -> None:
    """Write the figure, <base>.svg and <base>.png, and its numbers, <base>.csv."""
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
    save_figure(draw_agreement(volumes, agreements, artefact), artefact.base)


def read_volumes(scores: pd.DataFrame, one: Series) -> pd.DataFrame:
    """Return one row per case and fold: `patient`, `mean` of both volumes and their `difference`, in mL."""
    error = select(scores, one, "volume_error_mL").set_index(KEYS)
    truth = select(scores, one, "volume_truth_mL").set_index(KEYS)["value"]
    difference = error["value"]
    return pd.DataFrame(
        {"patient": error["patient"], "mean": truth + difference / 2, "difference": difference}
    )


def draw_agreement(
    volumes: dict[Series, pd.DataFrame], agreements: dict[Series, Agreement], artefact: Artefact
) -> plt.Figure:
    """Draw one panel per method, source and region; one dot is one case of one fold.

    All panels have the same axes, so that methods can be compared. The axis of means is logarithmic, as
    volumes of infections span several orders of magnitude. The axis of differences is linear: on it, equal
    errors look equal.

    Args:
        volumes: what each panel shows, as returned by `read_volumes`.
        agreements: bias and limits of each panel.
        artefact: the figure's description.
    """
    lines = ceil(len(volumes) / COLUMNS)
    figure, axes = plt.subplots(
        lines, COLUMNS, figsize=(11, 2.6 * lines + 1), sharex=True, sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axis, (one, found) in zip(axes.flat, volumes.items(), strict=False):
        _panel(axis, found, agreements[one])
        axis.set_title(f"{_title(one, artefact)}\n{_numbers(agreements[one])}", fontsize=7.5)
    for axis in axes.flat[len(volumes) :]:
        axis.set_axis_off()
    for axis in axes.flat[max(0, len(volumes) - COLUMNS) : len(volumes)]:  # the lowest of each column
        axis.set_xlabel("mean of both volumes, mL", fontsize=7.5)
        axis.tick_params(labelbottom=True)
    figure.supylabel("prediction − truth, mL", fontsize=9)
    bottom = f"Configuration: {artefact.config_name}."
    caption(figure, artefact.entry["title"], bottom, [LEGEND, *artefact.remarks])
    return figure


def _panel(axis: plt.Axes, found: pd.DataFrame, agreement: Agreement) -> None:
    axis.axhline(0, color="0.8", linewidth=0.8)
    axis.scatter(found["mean"], found["difference"], s=9, alpha=0.6, linewidth=0, color="#0072B2")
    for height, style in ((agreement.bias, "-"), (agreement.low, "--"), (agreement.high, "--")):
        axis.axhline(height, color="0.15", linewidth=1, linestyle=style)
    axis.set_xscale("symlog", linthresh=LINEAR)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def _title(one: Series, artefact: Artefact) -> str:
    parts = [one.row]
    if one.source != "none" and not one.row.endswith(one.source):
        parts.append(one.source)
    if len(artefact.entry["panels"]) > 1:
        parts.append(SPLITS[one.split])
    return fill(", ".join(parts), 40)


def _numbers(agreement: Agreement) -> str:
    bias, low, high = (f"{value:.1f}".replace("-", "−") for value in agreement[:3])
    return f"{bias} ({low} to {high}) mL, {agreement.patients} patients"
