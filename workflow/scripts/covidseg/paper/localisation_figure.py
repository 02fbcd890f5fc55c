"""A figure of slices with heat maps and lesions, and of precision-recall curves (yang2021 Figures 2, 4)."""

from textwrap import fill

import numpy as np
import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.paper.artefact import Artefact
from covidseg.paper.figures import caption, plt, save_figure
from covidseg.reading import read_array
from covidseg.weak.evaluation import LEVELS, area_under_curve, read_curve
from covidseg.weak.overlay import overlay

PANEL_INCHES = 1.25
CURVE_INCHES = 4.2
LESION, SEGMENTATION = "#56B4E9", "#009E73"  # colours of Okabe and Ito's palette


def make(artefact: Artefact) -> None:
    """Write the figure: <base>.svg and <base>.png."""
    entry, names = artefact.entry, list(artefact.entry["localisers"])
    masks = read_array(artefact.input("masks") / "test_lesion.npy").astype(bool)
    shown = choose_slices(masks, entry["cases"])
    heat = {
        name: read_array(folder / "heat.npy")[shown]
        for name, folder in zip(names, artefact.inputs["heatmaps"], strict=True)
    }
    curves = {
        name: read_curve(path, entry["split"])
        for name, path in zip(names, artefact.inputs["curves"], strict=True)
    }
    figure = draw_localisation(
        read_array(artefact.input("images") / "test_lesion.npy")[shown],
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
    """Return the indices of the slices to show.

    The slices are ranked by the area of the lesion, and `count` of them are taken at equal distances in the
    ranking, from the smallest to the largest lesion.

    Args:
        masks: bool (n, y, x), the lesion of each slice.
        count: number of slices to show.
    """
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
    """Draw one row per slice, and the precision-recall curves to the right of the rows.

    Args:
        images: uint8 (n, y, x), the slices to show, grey levels from 0 to 255.
        masks: bool (n, y, x), the lesions of the same slices.
        heat: name of the localiser as printed -> uint16 (n, y, x), heat of the same slices from 0 to LEVELS.
        curves: name of the localiser as printed -> curve over all slices, as returned by `read_curve`.
        artefact: entry of artefacts.yaml.
        threshold: smallest heat of a segmented pixel, 0 to 1.
        config_name: name of the configuration.
        remarks: sentences to print below the figure.
    """
    segmented = artefact["segmented"]
    titles = ["CT", "Ground truth", *heat, *(f"{name}, segmented" for name in segmented)]
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
        for axis, picture in zip(row, [*shown, *shown[:1] * len(segmented)], strict=True):
            axis.imshow(picture[crop])
            axis.set(xticks=[], yticks=[], frame_on=False)
        _outline(row[1], mask[crop], LESION)
        for axis, name in zip(row[len(row) - len(segmented) :], segmented, strict=True):
            _outline(axis, own[name][crop] >= threshold * LEVELS, SEGMENTATION)
    _draw_curves(right.subplots(), curves)
    bottom = (
        f"Configuration: {config_name}. Warmer: more lesion, by each method's hottest pixel. Blue: ground "
        f"truth; green: heat of at least {threshold:g}. Curves: all pixels of all slices."
    )
    caption(figure, artefact["title"], bottom, remarks)
    return figure


def _outline(axis: plt.Axes, mask: np.ndarray, colour: str) -> None:
    if mask.any():
        axis.contour(mask, levels=[0.5], colors=colour, linewidths=1)


def _around(mask: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns of the square around a mask (y, x), with a margin.

    The result is the whole mask if the mask is empty.
    """
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
