"""A small made-up data set with predictions, and the pages of its cases, for the tests of the viewer."""

from pathlib import Path

import numpy as np

from covidseg.cases.case_folder import CaseRow
from covidseg.files import write_csv
from covidseg.site.assets import write_assets
from covidseg.site.pages import Site
from covidseg.site.part import Part
from covidseg.volumes import Geometry, Volume, nifti_bytes

NAMES = ["<img src=x onerror=alert(1)>", "case & 'two'"]
SHAPE = (12, 40, 60)  # z, y, x
SPACING = (5.0, 2.0, 1.5)
REGIONS = {1: "infection"}
RULE = {"minimum_ml": 0.1, "overlap": 0.1}


def geometry(shape=SHAPE, spacing=SPACING):
    return Geometry(shape, np.diag([*spacing[::-1], 1.0]))


def made_case():
    """A body with two lungs, and a small bright ball in the patient's right lung, at the front and near the head.

    Returns:
        scan, truth, and the two predictions, (z, y, x). Slice 9 has 24 missed voxels in the first prediction.
    """
    scan = np.full(SHAPE, -1000, np.int16)
    scan[:, 3:37, 3:57] = 40
    scan[1:11, 8:32, 8:26] = -850  # x is small: the patient's right
    scan[1:11, 8:32, 34:52] = -850
    truth = np.zeros(SHAPE, np.uint8)
    truth[8:10, 10:14, 10:16] = 1  # right, front, head: 48 voxels
    truth[2:4, 24:28, 40:46] = 1  # left, back, feet: 48 voxels
    scan[truth == 1] = -100
    first = truth.copy()
    first[9] = 0  # half of the first lesion is missed
    first[2, 20, 40:44] = 1  # four voxels are wrong
    second = np.zeros_like(truth)
    second[8:10, 10:14, 10:16] = 1
    return scan, truth, first, second


def method(name, title, folds=2, labels=None):
    return {
        "experiment": name,
        "paper": "wang2021",
        "strategy": name,
        "strategy_title": title,
        "source": "none",
        "source_title": "",
        "model": name,
        "folds": folds,
        "labels": labels or {1: 1},
        "split": "test",
    }


def write_dataset(folder: Path, *, orientation="LPS"):
    """Write scans, annotations, predictions and scores; return the inputs of the part of the site."""
    scan, truth, first, second = made_case()
    rows, scores = [], []
    for case in NAMES:
        for kind, array in (("images", scan), ("labels", truth)):
            write(folder / "cases" / kind / f"{case}.nii.gz", array, orientation)
        for name, array in (("scratch", first), ("hybrid", second)):
            for fold in (0, 1):
                write(folder / f"predictions/{name}/fold{fold}/toy/{case}.nii.gz", array, orientation)
                scores += score_rows(name, fold, case, array, truth)
        rows.append(case_row(case).to_csv())
    write_csv(folder / "cases" / "cases.csv", rows)
    write_csv(folder / "scores.csv", scores)
    return {
        "predictions": sorted((folder / "predictions").glob("*/*")),
        "images": [folder / "cases/images"],
        "labels": [folder / "cases/labels"],
        "cases": [folder / "cases/cases.csv"],
        "scores": [folder / "scores.csv"],
    }


def write(path, array, orientation):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(nifti_bytes(Volume(array, geometry()), orientation=orientation))


def score_rows(name, fold, case, prediction, truth):
    dsc = 2 * np.count_nonzero(prediction & truth) / (prediction.sum() + truth.sum())
    values = {
        "DSC": dsc,
        "NSD": 0.5,
        "volume_prediction_mL": prediction.sum() * 0.015,
        "volume_error_mL": -1.0,
    }
    return [
        {
            "experiment": name, "paper": "wang2021", "strategy": name, "source": "none", "fold": fold,
            "dataset": "toy", "split": "test", "case": case, "patient": case, "region": "infection",
            "metric": metric, "value": float(value),
        }
        for metric, value in values.items()
    ]  # fmt: skip


def case_row(case):
    return CaseRow(
        case, case, SHAPE, SPACING, 0, -1000, 40, {"infection": 96}, {"infection": 4}, {"infection": 2},
        (), ("a warning with <b>",), "0" * 64, "1" * 64,
    )  # fmt: skip


def toy_part(folder, inputs):
    """Return the part of the site that shows the data set, with the site's shared files written."""
    site = Site(folder / "site", "phantom", True)
    write_assets(site.folder / "assets")
    parameters = {
        "dataset": "toy",
        "title": "Toy <i>data</i>",
        "regions": REGIONS,
        "intensity": {"*": "hounsfield"},
        "lesion_rule": RULE,
        "tolerance_mm": {"infection": 3},
        "methods": [method("scratch", "Train from scratch"), method("hybrid", "Hybrid-encoder")],
    }
    return Part(site, "cases/toy", inputs, parameters)


def made_slices():
    """Return four slices: images, masks, system -> heat maps in thousandths, and names."""
    generator = np.random.default_rng(5)
    images = generator.integers(0, 200, (4, 32, 32)).astype(np.uint8)
    masks = np.zeros((4, 32, 32), bool)
    for number in range(4):
        masks[number, 8 : 12 + 3 * number, 10:20] = True
    heat = (generator.random((4, 32, 32)) * 400 + masks * 500).astype(np.uint16)
    return images, masks, {"weak-full": heat, "cam": heat // 2}, ["<img src=x>", "b", "c", "d"]


def slices_part(folder, site):
    """Write slices and heat maps, and return the part of the site that shows them."""
    images, masks, heats, names = made_slices()
    for place, array in {"images": images, "masks": masks}.items():
        (folder / "slices" / place).mkdir(parents=True)
        np.save(folder / "slices" / place / "test_lesion.npy", array)
    write_csv(folder / "slices/images/test_lesion.csv", [{"slice": name} for name in names])
    for name, heat in heats.items():
        (folder / "heatmaps" / name / "toy").mkdir(parents=True)
        np.save(folder / "heatmaps" / name / "toy" / "heat.npy", heat)
    parameters = {
        "dataset": "toy",
        "title": "Toy slices",
        "localisers": [
            {"name": "weak-full", "title": "Decomposition", "system": "decomposition", "model": "weak-full"},
            {"name": "cam", "title": "CAM", "system": "cam", "model": "classifier"},
        ],
        "threshold": 0.4,
    }
    inputs = {
        "slices": [folder / "slices/images"],
        "masks": [folder / "slices/masks"],
        "heatmaps": [folder / "heatmaps" / name / "toy" for name in heats],
        "scores": [folder / "scores.csv"],
    }
    return Part(site, "slices/toy", inputs, parameters)
