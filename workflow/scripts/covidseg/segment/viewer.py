"""The page that shows a segmented scan in a browser: from disk, without a network, with the site's viewer."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import ChoiceLoader, PackageLoader

from covidseg.files import write_text
from covidseg.segment import NOT_CLINICAL
from covidseg.segment.page import TITLES
from covidseg.segment.quantification import SMALLEST_LESION
from covidseg.segment.result import Result
from covidseg.site.assets import STATIC, write_plotly
from covidseg.site.case_errors import number_lesions
from covidseg.site.case_grid import Grid, coarse_lungs, view_box
from covidseg.site.case_packing import encode, pack_masks, pack_slices, value_table, write_script
from covidseg.site.case_page import lesion_entries
from covidseg.site.pages import ENVIRONMENT, PLOTLY_POLICY

OWN = Path(__file__).parent / "static"
SCRIPTS = ("load", "viewer-load", "viewer-draw", "viewer-numbers", "viewer-space", "scan-viewer")
OF_THE_SITE = ("icon.svg", "site.css", "viewer.css", "theme.js", *(f"{name}.js" for name in SCRIPTS[:-1]))
TEMPLATES = ENVIRONMENT.overlay(
    loader=ChoiceLoader([PackageLoader("covidseg.segment"), PackageLoader("covidseg.site")])
)


def write_viewer(folder: Path, result: Result) -> None:
    """Write index.html, and the files that it loads.

    Args:
        folder: for the files; it can be moved and sent as a whole.
        result: the scan.
    """
    assets = folder / "assets"
    assets.mkdir(parents=True)
    for name in OF_THE_SITE:
        shutil.copyfile(STATIC / name, assets / name)
    for path in OWN.iterdir():
        shutil.copyfile(path, assets / path.name)
    write_plotly(assets)
    spacing = result.image.geometry.spacing
    grid = Grid.around(view_box([result.lungs.both, result.infection], [], spacing))
    write_script(folder / "data.js", "scan", _scan_content(result, grid))
    text = TEMPLATES.get_template("scan.html").render(
        title=result.name,
        root="",
        result=result,
        data=_page_content(result, grid),
        both=result.numbers["lungs"]["both_lungs"],
        lungs={TITLES[name]: lung for name, lung in result.numbers["lungs"].items()},
        note=NOT_CLINICAL,
        policy=PLOTLY_POLICY,
        scripts=SCRIPTS,
    )
    write_text(folder / "index.html", text)


def _page_content(result: Result, grid: Grid) -> dict[str, Any]:
    """Return what the viewer needs to place voxels, and the lesions; (z, y, x) throughout."""
    geometry = result.image.geometry
    voxel_ml = float(np.prod(geometry.spacing)) / 1000
    _, lesions = number_lesions(result.infection[grid.box], voxel_ml, SMALLEST_LESION)
    return {
        "shape": geometry.shape,
        "spacing": geometry.spacing,
        "start": [one.start for one in grid.box],
        "size": grid.shape,
        "factor": grid.factor,
        "kind": _kind(result),
        "lesions": lesion_entries(lesions, grid),
    }


def _scan_content(result: Result, grid: Grid) -> dict[str, Any]:
    """Return the scan, the masks, the disagreement in percent, and the lungs for 3D."""
    values = value_table(_kind(result), 0, 255)
    infection, lungs, disagreement = (mask[grid.box] for mask in result.masks().values())
    sides = grid.reduce_labels(lungs)
    coarse = coarse_lungs(result.lungs.both, grid.box, result.image.geometry.spacing)
    return {
        "values": values,
        "slices": pack_slices(encode(grid.reduce(result.image.array[grid.box]), values)),
        "masks": pack_masks([grid.reduce_labels(infection) == 1, sides == 1, sides == 2]),
        "disagreement": pack_slices(np.rint(grid.reduce(disagreement)).astype(np.uint8), lossless=True),
        "glass": {"size": coarse.shape, "mask": pack_masks([coarse])},
    }


def _kind(result: Result) -> str:
    return "windowed" if result.windowed else "hounsfield"
