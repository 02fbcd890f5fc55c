"""A figure with one case per data set: a slice of the CT, the slice with labels, and the labels in 3D."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba
from matplotlib.patches import Patch

from covidseg.archives.dataset import Dataset
from covidseg.cases.case_folder import CaseFolder
from covidseg.config.entries import ArtefactEntry
from covidseg.errors import InputError
from covidseg.paper.artefact import Artefact
from covidseg.paper.cases_figure import region_overlay
from covidseg.paper.figures import REGION_COLOURS, caption, plt, save_figure
from covidseg.paper.surfaces import draw_surfaces, surface
from covidseg.paper.views import show_slice
from covidseg.reading import read_table
from covidseg.regions import LESIONS
from covidseg.volumes import read_volume

PANEL_INCHES = 2.3
OPACITY = {"left_lung": 0.22, "right_lung": 0.22, "infection": 1.0, "lesion": 1.0}
LEGEND = {"left_lung": "left lung", "right_lung": "right lung", "lesion": "lesion or infection"}


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
    """

    case: str
    spacing: tuple[float, float, float]
    image: np.ndarray
    labels: dict[str, np.ndarray]
    number: int
    crop: tuple[slice, slice]


def make(artefact: Artefact) -> None:
    """Write the figure: <base>.svg and <base>.png."""
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
    return Example(case, scan.geometry.spacing, image, labels, z, crop)


def draw_examples(
    examples: dict[str, Example], artefact: ArtefactEntry, *, config_name: str, remarks: list[str]
) -> plt.Figure:
    """Draw one column per data set: from top to bottom the CT, the CT with labels, and the labels in 3D."""
    figure = plt.figure(figsize=(PANEL_INCHES * len(examples), PANEL_INCHES * 3), layout="constrained")
    (above,), (below,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[PANEL_INCHES * 3 - 0.3, 0.3])
    for place, (name, example) in enumerate(examples.items(), start=1):
        top, middle = (above.add_subplot(3, len(examples), place + row * len(examples)) for row in (0, 1))
        bottom = above.add_subplot(3, len(examples), place + 2 * len(examples), projection="3d")
        draw_slices(top, middle, example)
        top.set_title(name, fontsize=10)
        solids = {
            REGION_COLOURS[region]: (surface(mask, example.spacing), OPACITY[region])
            for region, mask in example.labels.items()
        }
        draw_surfaces(bottom, solids)
    patches = [
        Patch(color=to_rgba(REGION_COLOURS[region], 0.8), label=name) for region, name in LEGEND.items()
    ]
    below.legend(handles=patches, loc="center", ncols=len(patches), frameon=False, fontsize=9)
    bottom_line = (
        f"Configuration: {config_name}. The case of median lesion volume, the slice with most of it. "
        "The patient's right is on the left."
    )
    caption(figure, artefact["title"], bottom_line, remarks)
    return figure


def draw_slices(top: plt.Axes, middle: plt.Axes, example: Example) -> None:
    """Draw the slice of a case into one axis, and the slice with its labels into the other, in mm."""
    image = example.image[example.crop]
    overlay = region_overlay(
        {region: mask[example.number][example.crop] for region, mask in example.labels.items()}, image.shape
    )
    extent = (0, image.shape[1] * example.spacing[2], image.shape[0] * example.spacing[1], 0)
    for axis in (top, middle):
        axis.imshow(image, cmap="gray", vmin=0, vmax=255, extent=extent)
        axis.set(xticks=[], yticks=[], frame_on=False)
    middle.imshow(overlay, extent=extent, interpolation="nearest")
    middle.set_xlabel(f"{example.case}, slice {example.number + 1}", fontsize=7)
