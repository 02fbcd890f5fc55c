"""A figure of the DSC of segmentations against the threshold of the heat maps (yang2021 Figure 3)."""

from textwrap import fill

import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.paper.artefact import Artefact
from covidseg.paper.figures import caption, plt, save_figure
from covidseg.weak.evaluation import read_curve


def make(artefact: Artefact) -> None:
    """Write the figure: <base>.svg and <base>.png."""
    paths = zip(artefact.entry["localisers"], artefact.inputs["curves"], strict=True)
    figure = draw_thresholds(
        {name: read_curve(path, artefact.entry["split"]) for name, path in paths},
        artefact.entry,
        limits=tuple(artefact.parameters["limits"]),
        config_name=artefact.config_name,
        remarks=artefact.remarks,
    )
    save_figure(figure, artefact.base)


def draw_thresholds(
    curves: dict[str, pd.DataFrame],
    artefact: ArtefactEntry,
    *,
    limits: tuple[float, float],
    config_name: str,
    remarks: list[str],
) -> plt.Figure:
    """Draw the mean DSC over slices against the threshold of the heat maps.

    Args:
        curves: name of the localiser as printed -> curve, as returned by `read_curve`.
        artefact: entry of artefacts.yaml.
        limits: lowest and highest threshold of the range that is shaded, as in the paper.
        config_name: name of the configuration.
        remarks: sentences to print below the figure.
    """
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    axis.axvspan(*limits, color="0.9", label=f"{limits[0]:g} to {limits[1]:g}")
    for name, curve in curves.items():
        axis.plot(curve["threshold"], curve["dice"], label=name, linewidth=1.6)
    axis.set(xlabel="threshold of the heat map", ylabel="mean DSC of the slices", xlim=(0, 1), ylim=(0, 1))
    axis.legend(fontsize=9, frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    bottom = f"Configuration: {config_name}. Split: {artefact['split']}."
    caption(figure, fill(artefact["title"], 60), bottom, remarks)
    return figure
