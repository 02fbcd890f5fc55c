"""A figure of cases from the smallest to the largest lesion volume (zhang2021 Fig. 1)."""

from dataclasses import dataclass
from textwrap import fill

import numpy as np
import pandas as pd

from covidseg.cases.case_folder import CaseFolder
from covidseg.config.entries import ArtefactEntry
from covidseg.paper.artefact import Artefact
from covidseg.paper.cases_figure import draw_scale_bar
from covidseg.paper.examples_figure import Example, draw_slices, lesion_volumes, read_example
from covidseg.paper.figures import CHARACTERS_PER_INCH, caption, plt, save_figure
from covidseg.reading import read_table

PANEL_INCHES = 2.6


@dataclass(frozen=True)
class Sized:
    """A case and the volume of its lesions in mL."""

    example: Example
    volume_ml: float


def make(artefact: Artefact) -> None:
    """Write the figure: <base>.svg and <base>.png."""
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
    width, height = PANEL_INCHES * len(shown), 2 * PANEL_INCHES * max(_shape(one.example) for one in shown)
    figure, axes = plt.subplots(
        2, len(shown), figsize=(width, height + 1.0), squeeze=False, layout="constrained"
    )
    for column, one in zip(axes.T, shown, strict=True):
        draw_slices(column[0], column[1], one.example)
        column[0].set_title(f"{one.volume_ml:,.1f} mL", fontsize=10)
        draw_scale_bar(column[0], column[0].get_xlim()[1], column[0].get_ylim()[0])
    bottom = (
        f"Configuration: {config_name}. Above: volume of the infection. Below: case, and the slice with most "
        "infection (blue). The patient's right is on the left."
    )
    caption(figure, artefact["title"], fill(bottom, round(CHARACTERS_PER_INCH * width)), remarks)
    return figure


def _shape(example: Example) -> float:
    """Return the height of a slice divided by its width."""
    rows, columns = example.image[example.crop].shape
    return rows * example.spacing[1] / (columns * example.spacing[2])
