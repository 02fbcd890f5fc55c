"""One page about a scan, for print and screen: slices with lungs and infection, and numbers."""

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from covidseg.files import atomic_path
from covidseg.paper.figures import plt
from covidseg.paper.palette import FOUND, INK, MISSED, THIRD_INK
from covidseg.segment import NOT_CLINICAL
from covidseg.segment.quantification import SMALLEST_LESION, Lung, Quantification
from covidseg.segment.result import Result
from covidseg.volumes import Geometry

A4 = (8.27, 11.69)  # inches
SLICES = 6
TITLES = {"right_lung": "Right lung", "left_lung": "Left lung", "both_lungs": "Both lungs"}
LONGEST_NAME, LINE, MOST_LINES = 52, 130, 9  # characters, and lines of the notes
METADATA = {  # without dates, so that the same scan gives the same bytes
    ".pdf": {"Subject": NOT_CLINICAL, "CreationDate": None},
    ".png": {"Description": NOT_CLINICAL},
}
LUNG_WINDOW = (-1250.0, 250.0)  # HU


def draw_page(result: Result) -> plt.Figure:
    """Draw the page of a scan."""
    image, lungs = result.image, result.lungs.both
    figure = plt.figure(figsize=A4)
    figure.text(0.07, 0.955, shown_name(result.name), size=16, weight="bold", color=INK.light)
    figure.text(0.07, 0.935, f"COVID-19 infection in CT. {NOT_CLINICAL}.", size=9, color=THIRD_INK.light)
    window = (0.0, 255.0) if result.windowed else LUNG_WINDOW
    for place, z in enumerate(chosen_slices(lungs, result.infection)):
        row, column = divmod(place, 3)
        axis = figure.add_axes((0.07 + 0.295 * column, 0.69 - 0.235 * row, 0.275, 0.225))
        masks = (lungs[z], result.infection[z])
        _draw_slice(axis, image.array[z], *masks, geometry=image.geometry, window=window)
        axis.set_title(f"slice {z + 1} of {len(lungs)}", size=7, pad=2, color=THIRD_INK.light)
    figure.text(
        0.07, 0.41, "Line: lungs. Filled: infection. R: the patient's right.", size=7, color=THIRD_INK.light
    )
    _draw_numbers(figure, result.numbers)
    figure.text(0.07, 0.045, _notes(result), size=7.5, va="bottom", color=THIRD_INK.light)
    return figure


def shown_name(name: str) -> str:
    """Return a name that fits on one line, without what Matplotlib would read as a formula."""
    short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    return short.replace("$", r"\$")


def _notes(result: Result) -> str:
    """Return models and warnings, wrapped to the width of the page; what finds no room is counted."""
    infection, lungs = result.models
    notes = [f"Infection: {infection}, {result.networks} networks. Lungs: {lungs}.", *result.warnings]
    lines = [line for note in notes for line in textwrap.wrap(note, LINE)]
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], "More in quantification.json."]
    return "\n".join(lines).replace("$", r"\$")


def chosen_slices(lungs: np.ndarray, infection: np.ndarray) -> list[int]:
    """Return slices from the highest to the lowest: evenly spaced, one of them with the most infection."""
    inside = np.flatnonzero(lungs.any((1, 2)))
    places = np.linspace(0, len(inside) - 1, SLICES + 2)[1:-1].round().astype(int)
    chosen = inside[places]
    areas = np.count_nonzero(infection, axis=(1, 2))
    if areas.any():
        most = int(areas.argmax())
        chosen[np.abs(chosen - most).argmin()] = most
    return sorted({int(z) for z in chosen}, reverse=True)


def _draw_slice(
    axis: Axes,
    image: np.ndarray,
    lungs: np.ndarray,
    infection: np.ndarray,
    *,
    geometry: Geometry,
    window: tuple[float, float],
) -> None:
    _, y, x = geometry.spacing
    axis.imshow(image, cmap="gray", vmin=window[0], vmax=window[1], aspect=y / x)
    if infection.any():
        axis.contourf(infection, levels=[0.5, 1], colors=[FOUND], alpha=0.55)
        axis.contour(infection, levels=[0.5], colors=[FOUND], linewidths=0.6)
    if lungs.any():
        axis.contour(lungs, levels=[0.5], colors=[MISSED], linewidths=0.5)
    axis.text(0.02, 0.5, "R", transform=axis.transAxes, color="white", size=7, va="center")
    axis.set_axis_off()


def _draw_numbers(figure: plt.Figure, numbers: Quantification) -> None:
    header = ["", "Lung, mL", "Infection, mL", "Share, %", "Lung, HU", "Infection, HU"]
    rows = [_cells(TITLES[key], lung) for key, lung in numbers["lungs"].items()]
    axis = figure.add_axes((0.07, 0.27, 0.86, 0.12))
    axis.set_axis_off()
    table = axis.table(rows, colLabels=header, cellLoc="right", loc="center", edges="horizontal")
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    table.scale(1, 1.5)
    volumes = ", ".join(f"{volume:.1f}" for volume in numbers["lesion_volumes_ml"][:8])
    largest = f" (the largest: {volumes} mL)" if volumes else ""
    lines = [
        f"Lesions of at least {SMALLEST_LESION} mL: {numbers['lesions']}{largest}",
        f"Infection outside both lung masks: {numbers['infection_outside_lungs_ml']:.1f} mL",
        f"Infected voxels on which the networks disagree: {numbers['disagreement_percent']:.1f} %",
    ]
    figure.text(0.07, 0.2, "\n".join(lines), size=9, linespacing=1.6, color=INK.light)


def _cells(title: str, lung: Lung) -> list[str]:
    volumes = (lung["volume_ml"], lung["infection_ml"], lung["infection_percent"])
    means = (lung["mean_hu"], lung["infection_mean_hu"])
    return [
        title,
        *(f"{value:.1f}" for value in volumes),
        *("–" if value is None else f"{value:.0f}".replace("-", "−") for value in means),
    ]


def save_page(figure: plt.Figure, base: Path) -> None:
    """Write <base>.pdf and <base>.png."""
    for suffix in (".pdf", ".png"):
        with atomic_path(base.with_suffix(suffix)) as temporary:
            figure.savefig(temporary, format=suffix[1:], dpi=150, metadata=METADATA[suffix])
    plt.close(figure)
