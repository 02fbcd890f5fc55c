"""Heat maps beside the lesions, and precision-recall curves (yang2021 Figures 2 and 4)."""

from textwrap import fill

import numpy as np
import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.paper.artefact import Artefact
from covidseg.paper.figures import caption, plt, save_figure
from covidseg.weak.evaluation import LEVELS, area_under_curve, read_curve
from covidseg.weak.overlay import overlay

PANEL_INCHES = 1.25
CURVE_INCHES = 4.2
LESION, SEGMENTATION = "#56B4E9", "#009E73"  # of Okabe and Ito's palette


def make(artefact: Artefact) -> None:
    """Write <base>.svg and .png."""
    entry, names = artefact.entry, list(artefact.entry["localisers"])
    masks = np.load(artefact.input("masks") / "test_lesion.npy").astype(bool)
    shown = choose_slices(masks, entry["cases"])
    heat = {
        name: np.load(folder / "heat.npy")[shown]
        for name, folder in zip(names, artefact.inputs["heatmaps"], strict=True)
    }
    curves = {
        name: read_curve(path, entry["split"])
        for name, path in zip(names, artefact.inputs["curves"], strict=True)
    }
    figure = draw_localisation(
        np.load(artefact.input("images") / "test_lesion.npy")[shown],
        masks[shown],
        heat,
        curves,
        entry,
        threshold=artefact.parameters["threshold"],
        config_name=artefact.config_name,
        remarks=artefact.remarks,
    )
    save_figure(figure, artefact.base)


def choose_slices(masks: np.ndarray, count: int) -> list[int]:
    """Return which of the slices (n, y, x) to show, evenly from the smallest to the largest lesion."""
    order = np.argsort(masks.sum((1, 2)), kind="stable")
    places = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return order[places].tolist()


def draw_localisation(
    images: np.ndarray,
    masks: np.ndarray,
    heat: dict[str, np.ndarray],
    curves: dict[str, pd.DataFrame],
    artefact: ArtefactEntry,
    *,
    threshold: float,
    config_name: str,
    remarks: list[str],
) -> plt.Figure:
    """Draw one row per slice, and the precision-recall curves beside them.

    Args:
        images: uint8 (n, y, x), the slices to show.
        masks: bool (n, y, x), their lesions.
        heat: printed name -> uint16 (n, y, x), thousandths.
        curves: printed name -> of `threshold_curve`, of all slices.
        artefact: entry of artefacts.yaml.
        threshold: of the segmentation, 0 to 1.
        config_name: its name.
        remarks: sentences to print below.
    """
    titles = ["CT", "Ground truth", *heat, f"{artefact['segmented']}, segmented"]
    width, height = PANEL_INCHES * len(titles), PANEL_INCHES * len(images) + 0.4
    figure = plt.figure(figsize=(width + CURVE_INCHES, max(height, 3.6) + 0.7), layout="constrained")
    ((left, right),) = figure.subfigures(1, 2, squeeze=False, width_ratios=[width, CURVE_INCHES])
    axes = left.subplots(len(images), len(titles), squeeze=False)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(fill(title, 16), fontsize=8)
    hottest = {name: max(1, int(found.max())) for name, found in heat.items()}
    for row, image, mask, *maps in zip(axes, images, masks, *heat.values(), strict=True):
        own = dict(zip(heat, maps, strict=True))
        shown = [image[..., None].repeat(3, 2)] * 2
        shown += [overlay(image, found / hottest[name]) for name, found in own.items()]
        crop = _around(image > 0)
        for axis, picture in zip(row, [*shown, shown[0]], strict=True):
            axis.imshow(picture[crop])
            axis.set(xticks=[], yticks=[], frame_on=False)
        for axis, found, colour in (
            (row[1], mask, LESION),
            (row[-1], own[artefact["segmented"]] >= threshold * LEVELS, SEGMENTATION),
        ):
            if found[crop].any():
                axis.contour(found[crop], levels=[0.5], colors=colour, linewidths=1)
    _draw_curves(right.subplots(), curves)
    bottom = (
        f"Configuration: {config_name}. Warmer: more lesion, by each method's hottest pixel. Blue: ground "
        f"truth; green: heat of at least {threshold:g}. Curves: all pixels of all slices."
    )
    caption(figure, artefact["title"], bottom, remarks)
    return figure


def _around(mask: np.ndarray) -> tuple[slice, slice]:
    """Return the square around a mask (y, x), with a margin; all of it if the mask is empty."""
    places = np.argwhere(mask)
    if not len(places):
        return slice(None), slice(None)
    low, high = places.min(0), places.max(0) + 1
    half = (high - low).max() // 2 + 2
    middle = (low + high) // 2
    rows, columns = (slice(max(0, centre - half), centre + half) for centre in middle)
    return rows, columns


def _draw_curves(axis: plt.Axes, curves: dict[str, pd.DataFrame]) -> None:
    for name, curve in curves.items():
        label = f"{fill(name, 22)} (AUPRC {area_under_curve(curve):.3f})"
        axis.plot(curve["recall"], curve["precision"], label=label, linewidth=1.5)
    axis.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), box_aspect=1)
    axis.legend(fontsize=8, frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
