"""Which slices of which cases a figure shows, cropped to the body."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from skimage.measure import label, regionprops

from covidseg.archives.dataset import Dataset
from covidseg.cases.case_folder import CaseFolder, volume_path
from covidseg.cases.intensity import intensity_of, to_window, window_of
from covidseg.config.entries import ArtefactEntry, Shown
from covidseg.volumes import Volume, read_volume

BODY_HU = -500  # between lung and soft tissue; the voxels above this value are the body
MARGIN_MM = 8

Masks = dict[str, np.ndarray]  # region -> mask (y, x)


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

    @property
    def high(self) -> float:
        """Height of the image, mm."""
        return self.image.shape[0] * self.spacing[0]

    @property
    def wide(self) -> float:
        """Width of the image, mm."""
        return self.image.shape[1] * self.spacing[1]


def rank_cases(
    scores: pd.DataFrame, cases: pd.DataFrame, artefact: ArtefactEntry, shown: Shown
) -> pd.DataFrame:
    """Return the DSC of the cases that can be shown, best first: one column per (column, region).

    A case can be shown if the fold scores it, if its ground truth contains every region, and if every
    column has a DSC for it. These cases are ranked by their mean DSC over columns and regions.

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
    return table.loc[ranked]


def spread(count: int, wanted: int) -> list[int]:
    """Return `wanted` of `count` places at equal distances, the first and the last among them."""
    places: list[int] = np.linspace(0, count - 1, min(wanted, count)).round().astype(int).tolist()
    return places


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
