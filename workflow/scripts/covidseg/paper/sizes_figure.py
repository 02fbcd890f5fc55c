"""A figure of cases from the smallest to the largest lesion volume (zhang2021 Fig. 1)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from covidseg.cases.case_folder import CaseFolder
from covidseg.config.entries import ArtefactEntry
from covidseg.paper.artefact import Artefact
from covidseg.paper.examples_figure import Example, draw_slices, lesion_volumes, read_example
from covidseg.paper.figures import COLUMN, SMALL, Page, plt, save_figure, text_height, wrapped
from covidseg.paper.palette import REGION_COLOURS
from covidseg.paper.pictures import LEGEND, SCALE_BAR_MM, Columns, legend, mask_patch
from covidseg.reading import read_table


@dataclass(frozen=True)
class Sized:
    """A case and the volume of its lesions in mL."""

    example: Example
    volume_ml: float


def make(artefact: Artefact) -> None:
    """Write the figure: <base>.svg, .pdf and .png."""
    folders = {table.parent.name: CaseFolder(table.parent) for table in artefact.inputs["cases"]}
    datasets, shown = artefact.parameters["datasets"], []
    for names in artefact.entry["datasets"].values():
        volumes = lesion_volumes([read_table(folders[name].table, ["case"]) for name in names])
        chosen = [folders[name] for name in names], [datasets[name] for name in names]
        for case, volume in spread_cases(volumes, artefact.entry["cases"]).items():
            example = read_example(str(case), *chosen, artefact.parameters["window"])
            shown.append(Sized(example, float(volume)))
    figure = draw_sizes(shown, artefact.entry, config_name=artefact.config_name, remarks=artefact.remarks)
    save_figure(figure, artefact.base)


def spread_cases(volumes: pd.Series, count: int) -> pd.Series:
    """Return cases with lesions, evenly spaced in the ranking by volume, from the smallest to the largest.

    With three cases, the second one is the case of median volume.

    Args:
        volumes: case -> volume of its lesions, mL.
        count: number of cases; all of them are returned if there are fewer.
    """
    ranked = volumes[volumes > 0].sort_values(kind="stable")
    places = np.linspace(0, len(ranked) - 1, min(count, len(ranked))).round().astype(int)
    return ranked.iloc[places]


def draw_sizes(
    shown: list[Sized], artefact: ArtefactEntry, *, config_name: str, remarks: list[str]
) -> plt.Figure:
    """Draw one column per case: above the slice with most lesion, below its annotation."""
    columns = Columns.of([f"{one.volume_ml:,.1f} mL" for one in shown], COLUMN)
    height = columns.width * max(one.example.size[0] / one.example.size[1] for one in shown)
    names = [f"{one.example.case}, slice {one.example.number + 1}" for one in shown]
    names = [wrapped(name, columns.width, SMALL) for name in names]
    body = columns.head + 2 * height + 0.13 + max(text_height(name, SMALL) for name in names) + LEGEND
    bottom = (
        f"Configuration: {config_name}. Above: volume of the infection. Below: case, and the slice with most "
        f"infection. R: the patient's right. Bar: {SCALE_BAR_MM} mm."
    )
    page = Page.of(COLUMN, body, title=artefact["title"], lines=[bottom, *remarks])
    columns.write_titles(page)
    above = columns.row(page, columns.head, height)
    below = columns.row(page, columns.head + height + 0.05, height)
    for number, (one, name) in enumerate(zip(shown, names, strict=True)):
        draw_slices(above[number], below[number], one.example, columns.width)
        middle = columns.left(number) + columns.width / 2
        page.write(middle, columns.head + 2 * height + 0.08, name, ha="center", linespacing=1.1)
    legend(page, body - LEGEND, COLUMN, [mask_patch(REGION_COLOURS["infection"], "infection")])
    return page.figure
