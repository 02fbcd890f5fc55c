"""A figure of test cases: slices of the CT, the ground truth, and the segmentation of each method."""

from typing import cast

import numpy as np
from matplotlib.patches import Patch

from covidseg.cases.case_folder import CaseFolder
from covidseg.config.entries import ArtefactEntry
from covidseg.evaluation.summary import read_scores
from covidseg.paper.artefact import Artefact
from covidseg.paper.figures import FULL, MARGIN, SMALL, Page, plt, save_figure, text_height
from covidseg.paper.palette import FOUND, MISSED, REGION_COLOURS, WRONG
from covidseg.paper.pictures import (
    LEGEND,
    SCALE_BAR_MM,
    Columns,
    draw_scale_bar,
    draw_slice,
    legend,
    mark_side,
    mask_patch,
    paint,
)
from covidseg.paper.titles import TITLES
from covidseg.paper.views import Masks, View, rank_cases, read_view, spread
from covidseg.reading import read_table

MEANINGS = {
    FOUND: "ground truth, found (true positive)",
    MISSED: "missed (false negative)",
    WRONG: "wrongly marked (false positive)",
}
HEAD = 0.15  # height of the line above a row, in inches
Size = tuple[float, float]  # height and width in inches


def make(artefact: Artefact) -> None:
    """Write the figure: <base>.svg, .pdf and .png."""
    shown, entry = artefact.parameters["shown"], artefact.entry
    scores, table = read_scores(artefact.input("scores")), read_table(artefact.input("cases"), ["case"])
    ranked = rank_cases(scores, table, entry, shown)
    views = [
        read_view(
            str(ranked.index[place]),
            cast("dict[tuple[str, str], float]", ranked.iloc[place].to_dict()),
            cases=CaseFolder(artefact.input("cases").parent),
            predictions=artefact.inputs["predictions"][0].parents[1],
            shown=shown,
            dataset=artefact.parameters["dataset"],
            artefact=entry,
            window=artefact.parameters["window"],
        )
        for place in spread(len(ranked), entry["cases"])
    ]
    ranks = [rank_in_words(place, len(ranked)) for place in spread(len(ranked), entry["cases"])]
    figure = draw_visual(views, ranks, entry, config_name=artefact.config_name, remarks=artefact.remarks)
    save_figure(figure, artefact.base)


def rank_in_words(place: int, count: int) -> str:
    """Return the rank of a case among `count` cases, of which the best one has place 0."""
    if count == 1:
        return "The only case"
    words = {0: "Best", count // 2: "Median", (count - 1) // 2: "Median", count - 1: "Worst"} | {0: "Best"}
    return f"{words[place]} of {count} cases" if place in words else f"Rank {place + 1} of {count} cases"


def error_overlay(truth: np.ndarray, prediction: np.ndarray, size: Size) -> np.ndarray:
    """Return a picture, RGBA (y, x, 4), of found, missed and, hatched, wrongly marked pixels."""
    masks = {FOUND: truth & prediction, MISSED: truth & ~prediction, WRONG: prediction & ~truth}
    return paint(masks, size, hatched=[WRONG])


def region_overlay(masks: Masks, size: Size) -> np.ndarray:
    """Return a picture, RGBA (y, x, 4), with one colour per region; lesions have a white rim."""
    lesions = [REGION_COLOURS[region] for region in masks if "lung" not in region]
    return paint({REGION_COLOURS[region]: mask for region, mask in masks.items()}, size, outlined=lesions)


def draw_visual(
    views: list[View], ranks: list[str], artefact: ArtefactEntry, *, config_name: str, remarks: list[str]
) -> plt.Figure:
    """Draw one row per case: CT, ground truth, then one column per method, each with its DSC below.

    If the figure shows one region, colours tell found, missed and wrongly marked pixels apart. If it shows
    several regions, every region has its own colour.

    Args:
        views: what each row shows.
        ranks: the rank of each row's case, in words.
        artefact: entry of artefacts.yaml.
        config_name: name of the configuration.
        remarks: sentences to print below the figure.
    """
    columns = Columns.of(["CT", "Ground truth", *artefact["columns"]], FULL)
    heights = [columns.width * view.high / view.wide for view in views]
    foot = 0.06 + len(artefact["regions"]) * text_height("", SMALL)
    body = columns.head + sum(HEAD + height + foot for height in heights) + LEGEND
    bottom = (
        f"Configuration: {config_name}. Fold {artefact['fold']}. Cases by their mean DSC over all methods. "
        "DSC of the whole case; the slice is the one with the largest "
        f"{TITLES[artefact['regions'][-1]].lower()}. R: the patient's right. "
        f"Bar: {SCALE_BAR_MM} mm."
    )
    page, top = Page.of(FULL, body, title=artefact["title"], lines=[bottom, *remarks]), columns.head
    columns.write_titles(page)
    for view, rank, height in zip(views, ranks, heights, strict=True):
        heading = f"{rank}: {view.case}, slice {view.number} of {view.slices}"
        page.write(MARGIN, top + 0.03, heading, weight="bold")
        axes = columns.row(page, top + HEAD, height)
        _draw_row(axes, view, (height, columns.width))
        for number, scores in enumerate(view.dsc.values(), start=2):
            middle = columns.left(number) + columns.width / 2
            numbers = _numbers(scores, several=len(view.truth) > 1)
            page.write(middle, top + HEAD + height + 0.03, numbers, ha="center", linespacing=1.1)
        top += HEAD + height + foot
    legend(page, body - LEGEND, FULL, _patches(artefact["regions"]))
    return page.figure


def _patches(regions: list[str]) -> list[Patch]:
    if len(regions) > 1:
        return [mask_patch(REGION_COLOURS[region], TITLES[region]) for region in regions]
    return error_patches()


def error_patches() -> list[Patch]:
    """Return what a legend shows of `error_overlay`."""
    return [mask_patch(colour, text, hatched=colour == WRONG) for colour, text in MEANINGS.items()]


def _numbers(scores: dict[str, float], *, several: bool) -> str:
    """Return the DSC of a case, of each region if the figure has several."""
    names = [TITLES[region].removesuffix(" lung") if several else "DSC" for region in scores]
    return "\n".join(f"{name} {value:.2f}" for name, value in zip(names, scores.values(), strict=True))


def _draw_row(axes: list[plt.Axes], view: View, size: Size) -> None:
    # The axes are in millimetres, so that pixels are drawn in their true shape.
    extent = (0, view.wide, view.high, 0)
    for axis in axes:
        draw_slice(axis, view.image, size[1], high=view.high, wide=view.wide)
    for axis, masks in zip(axes[1:], [view.truth, *view.predictions.values()], strict=True):
        if len(view.truth) == 1:
            (truth,), (mask,) = view.truth.values(), masks.values()
            overlay = error_overlay(truth, mask, size)
        else:
            overlay = region_overlay(masks, size)
        axis.imshow(overlay, extent=extent, interpolation="nearest")
    mark_side(axes[0])
    draw_scale_bar(axes[0], view.wide, view.high)
