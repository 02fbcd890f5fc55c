"""A figure of test cases: slices of the CT, the ground truth, and the segmentation of each method."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import fill
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from matplotlib.colors import to_rgba
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from skimage.measure import label, regionprops

from covidseg.archives.dataset import Dataset
from covidseg.cases.case_folder import CaseFolder, volume_path
from covidseg.cases.intensity import intensity_of, to_window, window_of
from covidseg.config.entries import ArtefactEntry, Shown
from covidseg.evaluation.summary import read_scores
from covidseg.paper.artefact import Artefact
from covidseg.paper.figures import REGION_COLOURS, caption, plt, save_figure
from covidseg.regions import TITLES
from covidseg.volumes import Volume, read_volume

# Colours of Okabe and Ito's palette: they differ in lightness too, so that colour-blind readers can tell
# one from another.
RIGHT, MISSED, WRONG = "#0072B2", "#F0E442", "#D55E00"
LEGEND = {
    RIGHT: "ground truth, found (true positive)",
    MISSED: "missed (false negative)",
    WRONG: "wrongly marked (false positive)",
}
BODY_HU = -500  # between lung and soft tissue; the voxels above this value are the body
MARGIN_MM = 8
SCALE_BAR_MM = 50
PANEL_INCHES = 1.9
OUTLINED: dict[str, Any] = {
    "color": "white",
    "fontsize": 8,
    "path_effects": [withStroke(linewidth=1.6, foreground="black")],
}

Masks = dict[str, np.ndarray]


@dataclass(frozen=True)
class View:
    """One row of the figure: a slice of a case.

    Attributes:
        case: name of the case.
        number: number of the slice; the slice at the feet has number 1.
        slices: number of slices of the scan.
        spacing: spacing of the pixels (y, x), mm.
        image: the slice of the scan (y, x); the window is mapped to 0..255.
        truth: region -> mask (y, x) of the ground truth.
        predictions: name of the method as printed -> region -> predicted mask (y, x).
        dsc: name of the method as printed -> region -> DSC of the whole case.
    """

    case: str
    number: int
    slices: int
    spacing: tuple[float, float]
    image: np.ndarray
    truth: Masks
    predictions: dict[str, Masks]
    dsc: dict[str, dict[str, float]]


def make(artefact: Artefact) -> None:
    """Write the figure: <base>.svg and <base>.png."""
    shown, entry = artefact.parameters["shown"], artefact.entry
    scores, table = read_scores(artefact.input("scores")), pd.read_csv(artefact.input("cases"))
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


def choose_cases(
    scores: pd.DataFrame, cases: pd.DataFrame, artefact: ArtefactEntry, shown: Shown
) -> pd.DataFrame:
    """Choose the cases to show, and return their DSC: one row per case, one column per (column, region).

    A case can be chosen if the fold scores it, if its ground truth contains every region, and if every
    column has a DSC for it. These cases are ranked by their mean DSC over columns and regions. The number of
    cases that the entry asks for is then taken at equal distances in the ranking, from best to worst.

    Args:
        scores: table scores.csv.
        cases: table cases.csv of the data set with the ground truth.
        artefact: entry of artefacts.yaml.
        shown: the columns of the figure, as returned by `Configuration.predictions`.
    """
    marked = cases["case"][(cases[[f"voxels_{region}" for region in artefact["regions"]]] > 0).all(axis=1)]
    found = scores[
        (scores.fold == str(artefact["fold"])) & (scores.metric == "DSC") & scores.case.isin(marked)
    ]
    table = pd.DataFrame(
        {
            (column, region): found[
                (found.experiment == place["experiment"])
                & (found.dataset == place["dataset"])
                & (found.region == region)
            ].set_index("case")["value"]
            for column, places in shown.items()
            for region, place in places.items()
        }
    ).dropna()
    ranked = table.mean(axis=1).sort_values(ascending=False, kind="stable").index
    places = np.linspace(0, len(ranked) - 1, min(artefact["cases"], len(ranked))).round().astype(int)
    return table.loc[ranked[places]]


def read_view(
    case: str,
    dsc: dict[tuple[str, str], float],
    *,
    cases: CaseFolder,
    predictions: Path,
    shown: Shown,
    dataset: Dataset,
    artefact: ArtefactEntry,
    window: tuple[float, float],
) -> View:
    """Read one axial slice of a case, cropped to the body.

    The slice is the one whose ground truth has the most voxels of the last region that the entry lists.

    Args:
        case: name of the case.
        dsc: (printed column, region) -> DSC of the case.
        cases: folder of the scans and the ground truth.
        predictions: folder that contains <experiment>/fold<k>/<data set>.
        shown: the columns of the figure, as returned by `Configuration.predictions`.
        dataset: entry of config/datasets.yaml for the data set with the ground truth.
        artefact: entry of artefacts.yaml.
        window: the HU that become 0 (black) and 255 (white).
    """
    ids = {region: number for number, region in dataset["regions"].items()}
    scan, truth = read_volume(cases.image(case)), read_volume(cases.label(case))
    z = int((truth.array == ids[artefact["regions"][-1]]).sum(axis=(1, 2)).argmax())
    image, crop = show_slice(scan, z, dataset, case, window)

    @cache
    def segmented(experiment: str, name: str) -> np.ndarray:
        folder = predictions / experiment / f"fold{artefact['fold']}" / name
        return read_volume(volume_path(folder, case)).array[z][crop]

    masks = {
        column: {
            region: segmented(place["experiment"], place["dataset"]) == place["class"]
            for region, place in places.items()
        }
        for column, places in shown.items()
    }
    truths = {region: truth.array[z][crop] == ids[region] for region in artefact["regions"]}
    values = {column: {region: dsc[column, region] for region in places} for column, places in shown.items()}
    spacing = scan.geometry.spacing[1:]
    return View(case, z + 1, len(truth.array), spacing, image[crop], truths, masks, values)


def show_slice(
    scan: Volume, z: int, dataset: Dataset, case: str, window: tuple[float, float]
) -> tuple[np.ndarray, tuple[slice, slice]]:
    """Return an axial slice (y, x) mapped to 0..255, and the box around the body.

    The box is the whole slice if the scan holds grey levels without a known relation to HU.
    """
    own_window = window_of(dataset, case, scan.array, window)
    image = to_window(torch.from_numpy(scan.array[z]), own_window).numpy()
    if intensity_of(dataset, case) == "grey":
        return image, (slice(None), slice(None))
    return image, body_box(image, scan.geometry.spacing[1:], window)


def body_box(
    image: np.ndarray, spacing: tuple[float, float], window: tuple[float, float]
) -> tuple[slice, slice]:
    """Return the rows and columns of the body, with a margin.

    The body is the largest connected part of the image (y, x; 0..255) above BODY_HU. The result is the whole
    image if no pixel is above BODY_HU. The spacing (y, x) is in mm, the window in HU.
    """
    low, high = window
    parts = regionprops(label(image > (BODY_HU - low) / (high - low) * 255))
    if not parts:
        return slice(None), slice(None)
    box = max(parts, key=lambda part: part.area).bbox
    margins = [round(MARGIN_MM / millimetres) for millimetres in spacing]
    rows, columns = (
        slice(max(0, box[axis] - margins[axis]), box[axis + 2] + margins[axis]) for axis in range(2)
    )
    return rows, columns


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
    _draw_scale_bar(axes[0], width, height)


def _draw_scale_bar(axis: plt.Axes, width: float, height: float) -> None:
    end, y = width * 0.97, height * 0.96
    outline = [withStroke(linewidth=3.4, foreground="black")]
    axis.plot([end - SCALE_BAR_MM, end], [y, y], color="white", linewidth=2, path_effects=outline)
    axis.text(end, y - 5, f"{SCALE_BAR_MM} mm", ha="right", va="bottom", **OUTLINED)
