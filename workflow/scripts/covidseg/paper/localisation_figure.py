"""A figure of slices with heat maps and lesions, and of precision-recall curves (yang2021 Figures 2, 4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.files import write_csv
from covidseg.paper.artefact import Artefact
from covidseg.paper.cases_figure import error_overlay, error_patches
from covidseg.paper.curves import curve_rows, draw_curves
from covidseg.paper.figures import FULL, MARGIN, SMALL, Page, plt, save_figure, text_height
from covidseg.paper.palette import Look, look_of
from covidseg.paper.pictures import (
    LEGEND,
    SCALE_BAR_MM,
    Columns,
    draw_scale_bar,
    draw_slice,
    legend,
    mark_side,
)
from covidseg.paper.views import spread
from covidseg.reading import read_array, read_table
from covidseg.weak.evaluation import LEVELS, area_under_curve, read_curve
from covidseg.weak.overlay import overlay

HEAD, FOOT = 0.15, 0.06 + text_height("", SMALL)  # height of the lines above and below a row, in inches
CURVES = 2.0  # height and width of the curves, in inches
BAR = 1.6, 0.09  # width and height of the colour bar, in inches
GREY = 60  # grey level of the slice below the colour bar's colours


@dataclass(frozen=True)
class Slice:
    """A slice to show.

    Attributes:
        name: name of the slice.
        size: size of its lesion among those of all slices, in words.
        image: uint8 (y, x), grey levels from 0 to 255.
        mask: bool (y, x), the lesion.
        heat: name of the localiser as printed -> uint16 (y, x), from 0 to LEVELS.
        spacing: size of a pixel (y, x) in mm; None if it is not known.
    """

    name: str
    size: str
    image: np.ndarray
    mask: np.ndarray
    heat: dict[str, np.ndarray]
    spacing: tuple[float, float] | None


def make(artefact: Artefact) -> None:
    """Write the figure, <base>.svg, .pdf and .png, and its curves, <base>.csv."""
    entry = artefact.entry
    curves = {
        name: read_curve(path, entry["split"])
        for name, path in zip(entry["localisers"], artefact.inputs["curves"], strict=True)
    }
    write_csv(f"{artefact.base}.csv", curve_rows(curves, "recall", "precision"), digits=6)
    looks = {name: look_of(*artefact.parameters["looks"][one]) for name, one in entry["localisers"].items()}
    figure = draw_localisation(
        read_slices(artefact),
        curves,
        looks,
        entry,
        threshold=artefact.parameters["threshold"],
        config_name=artefact.config_name,
        remarks=artefact.remarks,
    )
    save_figure(figure, artefact.base)


def read_slices(artefact: Artefact) -> list[Slice]:
    """Return the slices to show, from the smallest to the largest lesion."""
    masks = read_array(artefact.input("masks") / "test_lesion.npy").astype(bool)
    images = read_array(artefact.input("images") / "test_lesion.npy")
    names = read_table(artefact.input("images") / "test_lesion.csv", ["slice"], dtype={"slice": str})["slice"]
    localisers = zip(artefact.entry["localisers"], artefact.inputs["heatmaps"], strict=True)
    heat = {name: read_array(folder / "heat.npy") for name, folder in localisers}
    places = spread(len(masks), artefact.entry["cases"])
    return [
        Slice(
            names[number],
            size_in_words(place, len(masks)),
            images[number],
            masks[number],
            {name: found[number] for name, found in heat.items()},
            pixel_size(names[number], images.shape[1], artefact.inputs["cases"]),
        )
        for place, number in zip(places, choose_slices(masks, artefact.entry["cases"]), strict=True)
    ]


def choose_slices(masks: np.ndarray, count: int) -> list[int]:
    """Return the indices of the slices to show.

    The slices are ranked by the area of the lesion, and `count` of them are taken at equal distances in the
    ranking, from the smallest to the largest lesion.

    Args:
        masks: bool (n, y, x), the lesion of each slice.
        count: number of slices to show.
    """
    order = np.argsort(masks.sum((1, 2)), kind="stable")
    return order[spread(len(order), count)].tolist()


def size_in_words(place: int, count: int) -> str:
    """Return the size of a lesion among those of `count` slices, of which the smallest one has place 0."""
    words = {count // 2: "Median", (count - 1) // 2: "Median", count - 1: "Largest"} | {0: "Smallest"}
    if place not in words:
        return f"Lesion {place + 1} of {count} by size"
    return f"{words[place]} lesion of {count} slices"


def pixel_size(name: str, size: int, tables: Sequence[Path]) -> tuple[float, float] | None:
    """Return the size of a pixel (y, x) in mm of a slice that was cut from a volume; None for other slices.

    Args:
        name: name of the slice, <case>_<number>.
        size: number of pixels per side of the slice.
        tables: the table cases.csv of the data set of volumes; empty for a data set of slices.
    """
    if not tables:
        return None
    case = read_table(tables[0], ["case"], dtype={"case": str}).set_index("case").loc[name.rpartition("_")[0]]
    shape, spacing = ([float(n) for n in case[key].split("x")] for key in ("shape", "spacing_mm"))
    return shape[1] * spacing[1] / size, shape[2] * spacing[2] / size


def draw_localisation(
    slices: list[Slice],
    curves: dict[str, pd.DataFrame],
    looks: dict[str, Look],
    artefact: ArtefactEntry,
    *,
    threshold: float,
    config_name: str,
    remarks: list[str],
) -> plt.Figure:
    """Draw one row per slice, and the precision-recall curves below the rows.

    Args:
        slices: the slices to show.
        curves: name of the localiser as printed -> curve over all slices, as returned by `read_curve`.
        looks: name of the localiser as printed -> colour and dashes.
        artefact: entry of artefacts.yaml.
        threshold: smallest heat of a segmented pixel, 0 to 1.
        config_name: name of the configuration.
        remarks: sentences to print below the figure.
    """
    segmented = artefact["segmented"]
    columns = Columns.of(["CT", "Ground truth", *curves, *(f"{name}, segmented" for name in segmented)], FULL)
    rows = columns.head + len(slices) * (HEAD + columns.width + FOOT)
    body = rows + LEGEND + 0.2 + CURVES + 0.35
    page = Page.of(
        FULL, body, title=artefact["title"], lines=[_bottom(config_name, threshold, slices), *remarks]
    )
    columns.write_titles(page)
    for number, shown in enumerate(slices):
        top = columns.head + number * (HEAD + columns.width + FOOT)
        page.write(MARGIN, top + 0.03, f"{shown.size}: {shown.name}", weight="bold")
        _draw_row(page, columns, top + HEAD, shown, segmented, threshold)
    legend(page, rows, FULL, error_patches())
    labels = {
        f"{name}, AUPRC {area_under_curve(curve):.3f}": (curve, looks[name]) for name, curve in curves.items()
    }
    axis = page.axes(0.45, rows + LEGEND + 0.2, CURVES, CURVES)
    draw_curves(axis, labels, "recall", "precision")
    axis.legend(loc="lower left", bbox_to_anchor=(1.08, 0), borderaxespad=0, handlelength=3.5)
    _draw_bar(page, 0.45 + 1.08 * CURVES, rows + LEGEND + 0.2)
    return page.figure


def _bottom(config_name: str, threshold: float, slices: list[Slice]) -> str:
    known = all(one.spacing for one in slices)
    scale = f"R: the patient's right. Bar: {SCALE_BAR_MM} mm." if known else "Size and side are not known."
    return (
        f"Configuration: {config_name}. Heat: more lesion, by each method's hottest pixel. Segmented: heat "
        f"of at least {threshold:g}. Curves: all pixels of all slices. {scale}"
    )


def _draw_row(
    page: Page, columns: Columns, top: float, shown: Slice, segmented: list[str], threshold: float
) -> None:
    """Draw the slice, its lesion, its heat maps and its segmentations."""
    axes, crop = columns.row(page, top, columns.width), _around(shown.image > 0)
    image, mask = shown.image[crop], shown.mask[crop]
    spacing = shown.spacing or (1.0, 1.0)
    high, wide = (n * step for n, step in zip(image.shape, spacing, strict=True))
    heat = [found[crop] / max(1, int(found.max())) for found in shown.heat.values()]
    grey = image[..., None].repeat(3, 2)
    pictures = [grey, grey, *(overlay(image, found) for found in heat), *[grey] * len(segmented)]
    for axis, picture in zip(axes, pictures, strict=True):
        draw_slice(axis, picture, columns.width, high=high, wide=wide)
    masks = [mask, *(shown.heat[name][crop] >= threshold * LEVELS for name in segmented)]
    drawn = [1, *range(len(axes) - len(segmented), len(axes))]
    for number, found in zip(drawn, masks, strict=True):
        size = columns.width, columns.width
        axes[number].imshow(
            error_overlay(mask, found, size), extent=(0, wide, high, 0), interpolation="nearest"
        )
        if number > 1:
            middle = columns.left(number) + columns.width / 2
            page.write(middle, top + columns.width + 0.03, f"DSC {dice(mask, found):.2f}", ha="center")
    if shown.spacing:
        mark_side(axes[0])
        draw_scale_bar(axes[0], wide, high)


def dice(truth: np.ndarray, found: np.ndarray) -> float:
    """Return the Dice coefficient of two masks, of which the first one is not empty."""
    return float(2 * (truth & found).sum() / (truth.sum() + found.sum()))


def _draw_bar(page: Page, left: float, top: float) -> None:
    """Explain the colours of the heat maps; the place is in inches."""
    axis = page.axes(left, top + 0.16, *BAR)
    heat = np.linspace(0, 1, 128)[None]
    axis.imshow(overlay(np.full_like(heat, GREY), heat), extent=(0, 1, 0, 1), aspect="auto")
    axis.set(yticks=[], xticks=(0, 0.5, 1))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_title("Heat, share of the hottest pixel", loc="left", size=SMALL)


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
