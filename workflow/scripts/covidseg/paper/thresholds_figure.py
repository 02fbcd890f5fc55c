"""A figure of the DSC of segmentations against the threshold of the heat maps (yang2021 Figure 3)."""

import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.files import write_csv
from covidseg.paper.artefact import Artefact
from covidseg.paper.curves import curve_rows, draw_curves
from covidseg.paper.figures import COLUMN, TEXT, Page, plt, save_figure, text_height
from covidseg.paper.palette import Look, look_of
from covidseg.weak.evaluation import read_curve

LEFT, WIDE, HIGH = 0.45, 2.9, 2.0  # place and size of the curves, in inches
BELOW = 0.4  # inches below the curves


def make(artefact: Artefact) -> None:
    """Write the figure, <base>.svg, .pdf and .png, and its curves, <base>.csv."""
    localisers = artefact.entry["localisers"]
    paths = zip(localisers, artefact.inputs["curves"], strict=True)
    curves = {name: read_curve(path, artefact.entry["split"]) for name, path in paths}
    write_csv(f"{artefact.base}.csv", curve_rows(curves, "dice"), digits=6)
    figure = draw_thresholds(
        curves,
        {name: look_of(*artefact.parameters["looks"][one]) for name, one in localisers.items()},
        artefact.entry,
        limits=tuple(artefact.parameters["limits"]),
        config_name=artefact.config_name,
        remarks=artefact.remarks,
    )
    save_figure(figure, artefact.base)


def draw_thresholds(
    curves: dict[str, pd.DataFrame],
    looks: dict[str, Look],
    artefact: ArtefactEntry,
    *,
    limits: tuple[float, float],
    config_name: str,
    remarks: list[str],
) -> plt.Figure:
    """Draw the mean DSC over slices against the threshold of the heat maps.

    Args:
        curves: name of the localiser as printed -> curve, as returned by `read_curve`.
        looks: name of the localiser as printed -> colour and dashes.
        artefact: entry of artefacts.yaml.
        limits: lowest and highest threshold of the range that is shaded, as in the paper.
        config_name: name of the configuration.
        remarks: sentences to print below the figure.
    """
    keys = (len(curves) + 2) // 2 * text_height("", TEXT) + 0.1  # height of the legend, of two columns
    bottom = f"Configuration: {config_name}. Split: {artefact['split']}."
    body = 0.06 + HIGH + BELOW + keys
    page = Page.of(COLUMN, body, title=artefact["title"], lines=[bottom, *remarks])
    axis = page.axes(LEFT, 0.06, WIDE, HIGH)
    axis.axvspan(*limits, color="0.93", label=f"{limits[0]:g} to {limits[1]:g}")
    draw_curves(axis, {name: (curve, looks[name]) for name, curve in curves.items()}, "threshold", "dice")
    axis.set(xlabel="threshold of the heat map", ylabel="mean DSC of the slices")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -BELOW / HIGH), ncols=2, borderaxespad=0)
    return page.figure
