"""The page of a data set of slices: heat maps of two systems, and their segmentations at any threshold."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from covidseg.evaluation.summary import read_scores
from covidseg.reading import read_array, read_table
from covidseg.site.case_packing import pack_masks, pack_slices, write_script
from covidseg.site.file_names import safe_name
from covidseg.site.heat_levels import heat_codes, thresholds
from covidseg.site.part import Entry, Part
from covidseg.weak.evaluation import LEVELS


def make(part: Part) -> list[Entry]:
    """Write the page of a data set of slices, and return what the search finds in it."""
    title, localisers = part.parameters["title"], part.parameters["localisers"]
    images = read_array(part.input("slices") / "test_lesion.npy")
    masks = read_array(part.input("masks") / "test_lesion.npy").astype(bool)
    content = {"slices": pack_slices(images, lossless=True), "masks": pack_masks([masks])}
    write_script(part.path / "slices.js", "slices", content)
    levels = thresholds(part.parameters["threshold"])
    folders = {folder.parent.name: folder for folder in part.inputs["heatmaps"]}
    systems = [_write_heat(part.path, one, folders[one["name"]], levels) for one in localisers]
    names = read_table(part.input("slices") / "test_lesion.csv", ["slice"], dtype=str)["slice"].tolist()
    data = {
        "names": names,
        "size": images.shape,
        "levels": (levels / LEVELS).tolist(),
        "threshold": part.parameters["threshold"],
        "systems": systems,
        "scores": whole_scores(read_scores(part.input("scores")), part.parameters["dataset"]),
    }
    page = f"{part.folder}/index.html"
    part.site.write(
        page, "slices.html", title=f"Slices: {title}", data=data, dataset=part.parameters["dataset"]
    )
    found: list[Entry] = [{"title": f"Slices: {title}", "kind": "slices", "page": page}]
    return found + [
        {"title": name, "kind": f"slice of {title}", "page": f"{page}#slice={number}"}
        for number, name in enumerate(names, start=1)
    ]


def _write_heat(
    folder: Path, localiser: dict[str, str], heatmaps: Path, levels: np.ndarray
) -> dict[str, Any]:
    """Write the heat maps of a system for the page, and return what the page says of the system."""
    heat = read_array(heatmaps / "heat.npy")
    file = f"{safe_name(localiser['name'])}.js"
    codes = heat_codes(heat, levels)
    write_script(folder / file, localiser["name"], {"slices": pack_slices(codes, lossless=True)})
    return {**localiser, "file": file, "hottest": float(heat.max()) / LEVELS}


def whole_scores(scores: pd.DataFrame, dataset: str) -> dict[str, dict[str, float]]:
    """Return localiser -> metric -> its value for all slices together, or the mean over the slices."""
    own = scores[(scores.dataset == dataset) & (scores.source == "weak")]
    means = own.groupby(["experiment", "metric"])["value"].mean().dropna().round(4).unstack()
    return {
        str(name): {str(metric): float(value) for metric, value in row.dropna().items()}
        for name, row in means.iterrows()
    }
