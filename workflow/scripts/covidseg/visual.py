"""Slices of test cases: CT, ground truth, and what each method found, missed and marked wrongly."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
import torch
from matplotlib.colors import to_rgba
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from skimage.measure import label, regionprops

from covidseg.figures import caption, plt
from covidseg.images import read_volume
from covidseg.ingest import intensity_of
from covidseg.preprocessing import to_window

# Of Okabe and Ito's palette, apart for colour-blind eyes by lightness as well as hue.
RIGHT, MISSED, WRONG = "#0072B2", "#F0E442", "#D55E00"
LEGEND = {
    RIGHT: "ground truth, found (true positive)",
    MISSED: "missed (false negative)",
    WRONG: "wrongly marked (false positive)",
}
BODY_HU = -500  # between lung and soft tissue: the skin is the outline of what lies above
MARGIN_MM = 8
SCALE_BAR_MM = 50
PANEL_INCHES = 1.9
OUTLINED = {"color": "white", "fontsize": 8, "path_effects": [withStroke(linewidth=1.6, foreground="black")]}


@dataclass(frozen=True)
class View:
    """One row of the figure: a slice of a case.

    Attributes:
        case: its name.
        number: of the slice, from 1 at the feet.
        slices: of the scan.
        spacing: millimetres per pixel (y, x).
        image: (y, x), 0 to 255 over the window.
        truth: (y, x) mask.
        predictions: printed name -> (y, x) mask.
        dsc: printed name -> DSC of the whole case.
    """

    case: str
    number: int
    slices: int
    spacing: tuple[float, float]
    image: np.ndarray
    truth: np.ndarray
    predictions: dict[str, np.ndarray]
    dsc: dict[str, float]


def choose_cases(scores: pd.DataFrame, cases: pd.DataFrame, artefact: dict) -> pd.DataFrame:
    """Return the DSC of the cases to show, index the case, one column a printed column.

    The fold's cases whose truth is not empty, ranked by the mean DSC over the columns, are thinned to
    `cases` of them, evenly from the best to the worst.
    """
    names = {experiment: name for name, experiment in artefact["columns"].items()}
    marked = cases["case"][cases[f"voxels_{artefact['region']}"] > 0]
    found = scores[
        (scores.dataset == artefact["dataset"])
        & (scores.fold == str(artefact["fold"]))
        & (scores.region == artefact["region"])
        & (scores.metric == "DSC")
        & scores.experiment.isin(names)
        & scores.case.isin(marked)
    ]
    table = found.pivot(index="case", columns="experiment", values="value").rename(columns=names)
    ranked = table.mean(axis=1).sort_values(ascending=False, kind="stable").index
    places = np.linspace(0, len(ranked) - 1, min(artefact["cases"], len(ranked))).round().astype(int)
    return table.loc[ranked[places]]


def read_view(
    case: str,
    dsc: dict[str, float],
    *,
    images: Path,
    labels: Path,
    predictions: dict[str, Path],
    dataset: dict,
    region: str,
    window: tuple,
) -> View:
    """Read a case and cut the axial slice with the largest truth out of it, cropped to the body.

    Args:
        case: its name.
        dsc: printed name -> DSC of the case.
        images: folder of the scans.
        labels: folder of the truth.
        predictions: printed name -> folder.
        dataset: entry of config/datasets.yaml.
        region: whose label is shown.
        window: HU from black to white.
    """
    identifier = next(number for number, name in dataset["regions"].items() if name == region)
    scan = read_volume(images / f"{case}.nii.gz")
    truth = read_volume(labels / f"{case}.nii.gz").array == identifier
    z = int(truth.sum(axis=(1, 2)).argmax())
    windowed = intensity_of(dataset, case) == "windowed"
    image = to_window(torch.from_numpy(scan.array[z]), None if windowed else window).numpy()
    spacing = scan.geometry.spacing[1:]
    crop = body_box(image, spacing, window)
    masks = {
        name: read_volume(folder / f"{case}.nii.gz").array[z][crop] == identifier
        for name, folder in predictions.items()
    }
    return View(case, z + 1, len(truth), spacing, image[crop], truth[z][crop], masks, dsc)


def body_box(image: np.ndarray, spacing: tuple[float, float], window: tuple) -> tuple[slice, slice]:
    """Return the box around the largest connected part above air and lung, with a margin."""
    low, high = window
    parts = regionprops(label(image > (BODY_HU - low) / (high - low) * 255))
    if not parts:
        return slice(None), slice(None)
    box = max(parts, key=lambda part: part.area).bbox
    margins = [round(MARGIN_MM / millimetres) for millimetres in spacing]
    return tuple(slice(max(0, box[axis] - margins[axis]), box[axis + 2] + margins[axis]) for axis in range(2))


def error_overlay(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Return an RGBA image (y, x, 4): found, missed and wrongly marked pixels in their colours."""
    overlay = np.zeros((*truth.shape, 4))
    for pixels, colour in (
        (truth & prediction, RIGHT),
        (truth & ~prediction, MISSED),
        (prediction & ~truth, WRONG),
    ):
        overlay[pixels] = to_rgba(colour, 0.5)
    return overlay


def draw_visual(views: list[View], artefact: dict, *, configuration: str) -> plt.Figure:
    """Draw one row a case: CT, ground truth, then one column a method."""
    titles = ["CT", "Ground truth", *artefact["columns"]]
    heights = [
        view.image.shape[0] * view.spacing[0] / (view.image.shape[1] * view.spacing[1]) for view in views
    ]
    inches = PANEL_INCHES * len(titles) + 0.5, (PANEL_INCHES + 0.1) * sum(heights) + 0.5
    figure = plt.figure(figsize=(inches[0], inches[1] + 0.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[inches[1], 0.25])
    axes = above.subplots(len(views), len(titles), height_ratios=heights, squeeze=False)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(fill(title, 22), fontsize=9)
    for row, view in zip(axes, views, strict=True):
        _draw_row(row, view)
    patches = [Patch(color=to_rgba(colour, 0.8), label=name) for colour, name in LEGEND.items()]
    below.legend(handles=patches, loc="center", ncols=len(patches), frameon=False, fontsize=9)
    bottom = (
        f"Configuration: {configuration}. Fold {artefact['fold']}. DSC of the whole case; the slice is the "
        "one with the largest ground truth. R: the patient's right."
    )
    caption(figure, artefact["title"], bottom)
    return figure


def _draw_row(axes: np.ndarray, view: View) -> None:
    nothing = np.zeros_like(view.truth)
    pairs = [(nothing, nothing), (view.truth, view.truth)]
    pairs += [(view.truth, mask) for mask in view.predictions.values()]
    # In millimetres, so that pixels have their true shape.
    height, width = (n * s for n, s in zip(view.image.shape, view.spacing, strict=True))
    for axis, masks in zip(axes, pairs, strict=True):
        extent = (0, width, height, 0)
        axis.imshow(view.image, cmap="gray", vmin=0, vmax=255, extent=extent)
        axis.imshow(error_overlay(*masks), extent=extent, interpolation="nearest")
        axis.set(xticks=[], yticks=[], frame_on=False)
    for axis, name in zip(axes[2:], view.predictions, strict=True):
        axis.text(0.03, 0.97, f"DSC {view.dsc[name]:.2f}", transform=axis.transAxes, va="top", **OUTLINED)
    axes[0].text(0.02, 0.5, "R", transform=axes[0].transAxes, va="center", **OUTLINED)
    axes[0].set_ylabel(f"{view.case}\nslice {view.number} of {view.slices}", fontsize=7)
    _draw_scale_bar(axes[0], width, height)


def _draw_scale_bar(axis: plt.Axes, width: float, height: float) -> None:
    end, y = width * 0.97, height * 0.96
    outline = [withStroke(linewidth=3.4, foreground="black")]
    axis.plot([end - SCALE_BAR_MM, end], [y, y], color="white", linewidth=2, path_effects=outline)
    axis.text(end, y - 5, f"{SCALE_BAR_MM} mm", ha="right", va="bottom", **OUTLINED)
