"""A figure with one case per data set: a slice of the CT, the slice with labels, and the labels in 3D."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from covidseg.archives.dataset import Dataset
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.intensity import intensity_of
from covidseg.config.entries import ArtefactEntry
from covidseg.errors import InputError
from covidseg.paper.artefact import Artefact
from covidseg.paper.cases_figure import region_overlay
from covidseg.paper.cavities import lungs_of
from covidseg.paper.figures import DPI, FULL, SMALL, Page, plt, save_figure, text_height, wrapped
from covidseg.paper.palette import REGION_COLOURS
from covidseg.paper.pictures import (
    LEGEND,
    SCALE_BAR_MM,
    Columns,
    draw_scale_bar,
    draw_slice,
    legend,
    mark_side,
    mask_patch,
)
from covidseg.paper.surfaces import Solid, render, surface
from covidseg.paper.views import show_slice
from covidseg.reading import read_table
from covidseg.regions import LESIONS
from covidseg.volumes import read_volume

GLASS = "#8A93A0"  # lungs that are not labelled
LABELS = {"left_lung": "left lung", "right_lung": "right lung", "lesion": "lesion or infection"}


@dataclass(frozen=True)
class Example:
    """The case that one column of the figure shows.

    Attributes:
        case: name of the case.
        spacing: spacing of the voxels (z, y, x), mm.
        image: the slice with the largest lesion (y, x); the window is mapped to 0..255.
        labels: region -> mask (z, y, x), the lungs first.
        number: index of the slice; the slice at the feet has index 0.
        crop: rows and columns of the slice that contain the body.
        lungs: mask (z, y, x) of the lungs, roughly; None if they are labelled, or if the scan has no HU.
    """

    case: str
    spacing: tuple[float, float, float]
    image: np.ndarray
    labels: dict[str, np.ndarray]
    number: int
    crop: tuple[slice, slice]
    lungs: np.ndarray | None = None

    @property
    def size(self) -> tuple[float, float]:
        """Height and width of the slice, mm."""
        rows, columns = self.image[self.crop].shape
        return rows * self.spacing[1], columns * self.spacing[2]


def make(artefact: Artefact) -> None:
    """Write the figure: <base>.svg, .pdf and .png."""
    folders = {table.parent.name: CaseFolder(table.parent) for table in artefact.inputs["cases"]}
    datasets, examples = artefact.parameters["datasets"], {}
    for title, names in artefact.entry["datasets"].items():
        case = choose_case([read_table(folders[name].table, ["case"]) for name in names])
        examples[title] = read_example(
            case,
            [folders[name] for name in names],
            [datasets[name] for name in names],
            artefact.parameters["window"],
        )
    figure = draw_examples(
        examples, artefact.entry, config_name=artefact.config_name, remarks=artefact.remarks
    )
    save_figure(figure, artefact.base)


def choose_case(tables: list[pd.DataFrame]) -> str:
    """Return the case of median lesion volume among the cases that are in every data set of a column.

    Args:
        tables: table cases.csv of each data set of the column.

    Raises:
        InputError: no case is in every data set.
    """
    sizes = lesion_volumes(tables)
    if not len(sizes):
        raise InputError("artefacts.yaml: the data sets of a column have no case in common")
    return sizes.sort_values(kind="stable").index[(len(sizes) - 1) // 2]


def lesion_volumes(tables: list[pd.DataFrame]) -> pd.Series:
    """Return case -> volume of its lesions in mL, for the cases that are in every table.

    Args:
        tables: table cases.csv of each data set that labels the cases.
    """
    shared = set.intersection(*(set(table["case"]) for table in tables))
    volumes = pd.Series(0.0, sorted(shared))
    for table in tables:
        table = table.set_index("case").loc[volumes.index]
        for region in LESIONS:
            if f"voxels_{region}" in table:
                voxel = table.spacing_mm.map(lambda text: np.prod([float(mm) for mm in text.split("x")]))
                volumes += table[f"voxels_{region}"] * voxel / 1000
    return volumes


def read_example(
    case: str, folders: list[CaseFolder], datasets: list[Dataset], window: tuple[float, float]
) -> Example:
    """Read the scan of a case from the first data set, and the labels of the case from all data sets.

    Args:
        case: name of the case.
        folders: folders of the data sets.
        datasets: entries of the same data sets in config/datasets.yaml.
        window: the HU that become 0 (black) and 255 (white).

    Raises:
        InputError: the labels of a data set are not on the voxel grid of the scan.
    """
    scan = read_volume(folders[0].image(case))
    labels: dict[str, np.ndarray] = {}
    for folder, dataset in zip(folders, datasets, strict=True):
        label = read_volume(folder.label(case))
        differences = scan.geometry.differences(label.geometry)
        if differences:
            raise InputError(
                f"{folder.path}: case {case}: differs from {folders[0].path} in {'; '.join(differences)}"
            )
        labels |= {region: label.array == number for number, region in dataset["regions"].items()}
    shown = next((labels[region] for region in LESIONS if region in labels), next(iter(labels.values())))
    z = int(shown.sum((1, 2)).argmax())
    image, crop = show_slice(scan, z, datasets[0], case, window)
    spacing = scan.geometry.spacing
    labelled = any("lung" in region for region in labels) or intensity_of(datasets[0], case) != "hounsfield"
    lungs = None if labelled else lungs_of(scan.array, shown, spacing)
    return Example(case, spacing, image, labels, z, crop, lungs)


def draw_examples(
    examples: dict[str, Example], artefact: ArtefactEntry, *, config_name: str, remarks: list[str]
) -> plt.Figure:
    """Draw one column per data set: from top to bottom the CT, the CT with labels, and the labels in 3D."""
    columns = Columns.of(examples, FULL)
    height = columns.width * max(one.size[0] / one.size[1] for one in examples.values())
    names = [_name(one, columns.width) for one in examples.values()]
    foot = 0.08 + max(text_height(name, SMALL) for name in names)
    body = columns.head + 2 * height + 0.05 + foot + columns.width + LEGEND
    bottom = (
        f"Configuration: {config_name}. The case of median lesion volume, the slice with most of it. R: the "
        f"patient's right. Bar: {SCALE_BAR_MM} mm. In 3D: lungs as glass; grey: lungs without labels, air "
        "in the body."
    )
    page = Page.of(FULL, body, title=artefact["title"], lines=[bottom, *remarks])
    columns.write_titles(page)
    above = columns.row(page, columns.head, height)
    below = columns.row(page, columns.head + height + 0.05, height)
    solid = columns.row(page, columns.head + 2 * height + 0.05 + foot, columns.width)
    pixels = round(columns.width * DPI)
    for number, (one, name) in enumerate(zip(examples.values(), names, strict=True)):
        draw_slices(above[number], below[number], one, columns.width)
        middle = columns.left(number) + columns.width / 2
        page.write(middle, columns.head + 2 * height + 0.08, name, ha="center", linespacing=1.1)
        solid[number].imshow(render(_solids(one), pixels), interpolation="nearest")
    patches = [mask_patch(REGION_COLOURS[region], text) for region, text in LABELS.items()]
    legend(page, body - LEGEND, FULL, [*patches, mask_patch(GLASS, "lungs without labels")])
    return page.figure


def _solids(example: Example) -> dict[str, Solid]:
    """Return colour -> surface of every region, and of lungs that are not labelled."""
    solids = {
        REGION_COLOURS[region]: (surface(mask, example.spacing), "lung" in region)
        for region, mask in example.labels.items()
    }
    if example.lungs is not None:
        solids[GLASS] = surface(example.lungs, example.spacing), True
    return solids


def _name(example: Example, inches: float) -> str:
    return wrapped(f"{example.case}, slice {example.number + 1}", inches, SMALL)


def draw_slices(top: plt.Axes, middle: plt.Axes, example: Example, width: float) -> None:
    """Draw the slice of a case into one axis, and the slice with its labels into the other, in mm.

    Args:
        top, middle: the axes.
        example: the case.
        width: width of the axes, in inches.
    """
    image, (high, wide) = example.image[example.crop], example.size
    masks = {region: mask[example.number][example.crop] for region, mask in example.labels.items()}
    extent = (0, wide, high, 0)
    for axis in (top, middle):
        draw_slice(axis, image, width, high=high, wide=wide)
    overlay = region_overlay(masks, (width * high / wide, width))
    middle.imshow(overlay, extent=extent, interpolation="nearest")
    mark_side(top)
    draw_scale_bar(top, wide, high)
