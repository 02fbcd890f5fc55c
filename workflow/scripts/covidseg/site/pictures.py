"""The four pictures of the task on the start page: scan, annotation, and two models' segmentations."""

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from covidseg.cases.case_folder import CaseFolder
from covidseg.evaluation.summary import read_scores
from covidseg.files import atomic_path
from covidseg.paper.palette import FOUND, MISSED, WRONG
from covidseg.paper.views import Masks, View, rank_cases, read_view
from covidseg.reading import read_table
from covidseg.site.file_names import case_page
from covidseg.site.part import Part

OPACITY = 0.72
HATCH = 8  # pixels between two lines
WIDTH = 420  # pixels, for a picture that is about 205 CSS pixels wide


class Picture(NamedTuple):
    """A picture of the start page.

    Attributes:
        file: its path below the site's folder.
        title: what it shows.
        dsc: DSC of the whole case, None where no model segments.
    """

    file: str
    title: str
    dsc: float | None


class Drawn(NamedTuple):
    """The pictures.

    Attributes:
        case: name of the case that they show.
        viewer: page of the viewer of the case, below the site's folder.
        pictures: the four pictures.
    """

    case: str
    viewer: str
    pictures: list[Picture]


def draw_pictures(part: Part) -> Drawn:
    """Draw the case with the median DSC.

    Args:
        part: its inputs and the parameter `pictures` are those of a figure of cases (kind visual).
    """
    view = _median_view(part, part.parameters["pictures"])
    pictures = []
    for number, (title, masks, dsc) in enumerate(_layers(view, part)):
        file = f"{part.folder}/task{number}.png"
        with atomic_path(part.site.folder / file) as path:
            _draw(view, masks).save(path, optimize=True)
        pictures.append(Picture(file, title, dsc))
    dataset = part.parameters["pictures"]["entry"]["truth"]
    return Drawn(view.case, case_page(dataset, view.case), pictures)


def _median_view(part: Part, parameters: dict[str, Any]) -> View:
    entry = parameters["entry"]
    cases = CaseFolder(part.input("cases").parent)
    found = rank_cases(
        read_scores(part.input("scores")), read_table(cases.table, ["case"]), entry, parameters["shown"]
    )
    case, dsc = list(found.iterrows())[len(found) // 2]
    return read_view(
        str(case),
        cast("dict[tuple[str, str], float]", dsc.to_dict()),
        cases=cases,
        predictions=part.inputs["predictions"][0].parents[1],
        shown=parameters["shown"],
        dataset=parameters["dataset"],
        artefact=entry,
        window=parameters["window"],
    )


def _layers(view: View, part: Part) -> Iterator[tuple[str, dict[str, np.ndarray], float | None]]:
    """Yield title, colour -> mask (y, x), and DSC of each picture."""
    truth = _whole(view.truth)
    yield "CT of a phantom" if part.site.phantom else "CT", {}, None
    yield "Annotated infection", {FOUND: truth}, None
    for title, masks in view.predictions.items():
        found = _whole(masks)
        errors = {FOUND: truth & found, MISSED: truth & ~found, WRONG: found & ~truth}
        yield title, errors, float(np.mean(list(view.dsc[title].values())))


def _whole(masks: Masks) -> np.ndarray:
    return np.any(list(masks.values()), axis=0)


def _draw(view: View, masks: dict[str, np.ndarray]) -> Image.Image:
    """Return the slice with each mask in its colour; pixels are square, and wrong voxels are hatched."""
    height, width = (n * s for n, s in zip(view.image.shape, view.spacing, strict=True))
    size = WIDTH, round(WIDTH * height / width)
    grey = Image.fromarray(view.image.round().astype(np.uint8)).convert("RGB")
    image = np.array(grey.resize(size, Image.Resampling.BICUBIC), float)
    rows, columns = np.indices(image.shape[:2])
    for colour, mask in masks.items():
        shown = np.array(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
        image[shown] = (1 - OPACITY) * image[shown] + OPACITY * 255 * np.array(to_rgb(colour))
        if colour == WRONG:
            image[shown & ((rows + columns) % HATCH < 2)] *= 0.5
    return Image.fromarray(image.round().astype(np.uint8))
