"""A figure of test cases: slices of the CT, the ground truth, and the segmentation of each method."""

from textwrap import fill
from typing import Any, cast

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from covidseg.cases.case_folder import CaseFolder
from covidseg.config.entries import ArtefactEntry
from covidseg.evaluation.summary import read_scores
from covidseg.paper.artefact import Artefact
from covidseg.paper.figures import REGION_COLOURS, caption, plt, save_figure
from covidseg.paper.titles import TITLES
from covidseg.paper.views import Masks, View, choose_cases, read_view
from covidseg.reading import read_table

# Colours of Okabe and Ito's palette: they differ in lightness too, so that colour-blind readers can tell
# one from another.
RIGHT, MISSED, WRONG = "#0072B2", "#F0E442", "#D55E00"
LEGEND = {
    RIGHT: "ground truth, found (true positive)",
    MISSED: "missed (false negative)",
    WRONG: "wrongly marked (false positive)",
}
SCALE_BAR_MM = 50
PANEL_INCHES = 1.9
OUTLINED: dict[str, Any] = {
    "color": "white",
    "fontsize": 8,
    "path_effects": [withStroke(linewidth=1.6, foreground="black")],
}


def make(artefact: Artefact) -> None:
    """Write the figure: <base>.svg and <base>.png."""
    shown, entry = artefact.parameters["shown"], artefact.entry
    scores, table = read_scores(artefact.input("scores")), read_table(artefact.input("cases"), ["case"])
    views = [
        read_view(
            str(case),
            cast("dict[tuple[str, str], float]", dsc.to_dict()),
            cases=CaseFolder(artefact.input("cases").parent),
            predictions=artefact.inputs["predictions"][0].parents[1],
            shown=shown,
            dataset=artefact.parameters["dataset"],
            artefact=entry,
            window=artefact.parameters["window"],
        )
        for case, dsc in choose_cases(scores, table, entry, shown).iterrows()
    ]
    figure = draw_visual(views, entry, config_name=artefact.config_name, remarks=artefact.remarks)
    save_figure(figure, artefact.base)


def error_overlay(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Return an RGBA image (y, x, 4) with one colour each for found, missed and wrongly marked pixels."""
    return paint(
        {RIGHT: truth & prediction, MISSED: truth & ~prediction, WRONG: prediction & ~truth}, truth.shape
    )


def region_overlay(masks: Masks, shape: tuple[int, int]) -> np.ndarray:
    """Return an RGBA image (y, x, 4) with one colour per region."""
    return paint({REGION_COLOURS[region]: mask for region, mask in masks.items()}, shape)


def paint(masks: dict[str, np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Return a half-transparent RGBA image (y, x, 4) of the masks.

    Args:
        masks: colour -> mask (y, x); where masks overlap, the last mask is seen.
        shape: shape of the image (y, x).
    """
    overlay = np.zeros((*shape, 4))
    for colour, mask in masks.items():
        overlay[mask] = to_rgba(colour, 0.5)
    return overlay


def draw_visual(
    views: list[View], artefact: ArtefactEntry, *, config_name: str, remarks: list[str]
) -> plt.Figure:
    """Draw one row per case: CT, ground truth, then one column per method.

    If the figure shows one region, colours tell found, missed and wrongly marked pixels apart. If it shows
    several regions, every region has its own colour.
    """
    titles = ["CT", "Ground truth", *artefact["columns"]]
    heights = [
        view.image.shape[0] * view.spacing[0] / (view.image.shape[1] * view.spacing[1]) for view in views
    ]
    inches = PANEL_INCHES * len(titles) + 0.5, (PANEL_INCHES + 0.1) * sum(heights) + 0.5
    figure = plt.figure(figsize=(inches[0], inches[1] + 0.6), layout="constrained")
    (above,), (below,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[inches[1], 0.25])
    axes = above.subplots(len(views), len(titles), height_ratios=heights, squeeze=False)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(fill(title, 22), fontsize=9)
    for row, view in zip(axes, views, strict=True):
        _draw_row(row, view)
    legend = LEGEND
    if len(artefact["regions"]) > 1:
        legend = {REGION_COLOURS[region]: TITLES[region] for region in artefact["regions"]}
    patches = [Patch(color=to_rgba(colour, 0.8), label=name) for colour, name in legend.items()]
    below.legend(handles=patches, loc="center", ncols=len(patches), frameon=False, fontsize=9)
    bottom = (
        f"Configuration: {config_name}. Fold {artefact['fold']}. DSC of the whole case; the slice is the "
        f"one with the largest {TITLES[artefact['regions'][-1]].lower()}. R: the patient's right."
    )
    caption(figure, artefact["title"], bottom, remarks)
    return figure


def _draw_row(axes: np.ndarray, view: View) -> None:
    # The axes are in millimetres, so that pixels are drawn in their true shape.
    height, width = (n * s for n, s in zip(view.image.shape, view.spacing, strict=True))
    extent = (0, width, height, 0)
    for axis in axes:
        axis.imshow(view.image, cmap="gray", vmin=0, vmax=255, extent=extent)
        axis.set(xticks=[], yticks=[], frame_on=False)
    for axis, masks in zip(axes[1:], [view.truth, *view.predictions.values()], strict=True):
        if len(view.truth) == 1:
            (truth,), (mask,) = view.truth.values(), masks.values()
            overlay = error_overlay(truth, mask)
        else:
            overlay = region_overlay(masks, view.image.shape)
        axis.imshow(overlay, extent=extent, interpolation="nearest")
    for axis, scores in zip(axes[2:], view.dsc.values(), strict=True):
        names = [f"{TITLES[region]} " if len(view.truth) > 1 else "DSC " for region in scores]
        text = "\n".join(f"{name}{value:.2f}" for name, value in zip(names, scores.values(), strict=True))
        axis.text(0.03, 0.97, text, transform=axis.transAxes, va="top", **OUTLINED | {"fontsize": 7})
    axes[0].text(0.02, 0.5, "R", transform=axes[0].transAxes, va="center", **OUTLINED)
    axes[0].set_ylabel(f"{view.case}\nslice {view.number} of {view.slices}", fontsize=7)
    draw_scale_bar(axes[0], width, height)


def draw_scale_bar(axis: plt.Axes, width: float, height: float) -> None:
    """Draw a bar of SCALE_BAR_MM at the lower right of an image of this width and height in mm."""
    end, y = width * 0.97, height * 0.96
    outline = [withStroke(linewidth=3.4, foreground="black")]
    axis.plot([end - SCALE_BAR_MM, end], [y, y], color="white", linewidth=2, path_effects=outline)
    axis.text(end, y - 5, f"{SCALE_BAR_MM} mm", ha="right", va="bottom", **OUTLINED)
