"""Ingested cases and their folds in nnU-Net v2's raw format, so that peers run on the same data and folds.

The format: documentation/dataset_format.md and manual_data_splits.md of github.com/MIC-DKFZ/nnUNet.
"""

import logging
import shutil
from pathlib import Path

import numpy as np

from covidseg.archives.dataset import Dataset
from covidseg.cases.case_folder import SUFFIX, CaseFolder, volume_path
from covidseg.cases.intensity import Window, intensity_of
from covidseg.cases.splits import Folds, describe_leaks, find_leaks, patient_of
from covidseg.errors import InputError
from covidseg.files import atomic_directory, write_json
from covidseg.parallel import in_parallel
from covidseg.volumes import Volume, read_volume, write_volume

log = logging.getLogger(__name__)

CHANNEL = "0000"  # nnU-Net's suffix of an image's first channel


def export(
    dataset: Dataset,
    folds: Folds,
    *,
    cases: CaseFolder,
    window: Window,
    config_name: str,
    output: Path,
    workers: int,
) -> None:
    """Write a data set's cases and folds to `output`, all of it or nothing.

    The cases of the folds go to `imagesTr` and `labelsTr`, those of a test set, on which nothing is trained,
    to `imagesTs` and `labelsTs`; cases of no fold are left out, since nnU-Net would plan by them. A fold's
    test cases are nnU-Net's `val`, the cases not trained on.

    Args:
        dataset: entry of config/datasets.yaml.
        folds: of `results/splits/<data set>.json`.
        cases: the ingested data set.
        window: HU that the networks see; the scans are clipped to it.
        config_name: name of the configuration, for the description.
        output: nnU-Net's folder of the data set, Dataset<number>_<name>.
        workers: cases at the same time.

    Raises:
        InputError: label ids with gaps, grey levels that are no HU, or a damaged case.
    """
    names = sorted({case for fold in folds for part in fold.values() for case in part})
    trained = any(fold["train"] for fold in folds)
    with atomic_directory(output) as partial:
        counted = {"name": output.name, "numTraining": len(names) if trained else 0}
        write_json(partial / "dataset.json", counted | describe(dataset, folds, window, config_name))
        if trained:
            splits = [{"train": fold["train"], "val": fold["test"]} for fold in folds]
            write_json(partial / "splits_final.json", splits)
        images, labels = (partial / f"{kind}{'Tr' if trained else 'Ts'}" for kind in ("images", "labels"))
        labels.mkdir()

        def one(case: str) -> None:
            image = read_volume(cases.image(case))
            windowed = intensity_of(dataset, case) == "windowed"
            clipped = Volume(to_hounsfield(image.array, window, windowed=windowed), image.geometry)
            write_volume(volume_path(images, f"{case}_{CHANNEL}"), clipped)
            shutil.copyfile(cases.label(case), volume_path(labels, case))
            log.info("exported %s", case)

        in_parallel(one, names, workers)


def to_hounsfield(image: np.ndarray, window: Window, *, windowed: bool) -> np.ndarray:
    """Return a scan (z, y, x) in whole HU (int16), clipped to the window.

    Data sets mix scans in HU with scans published as the window's 0 to 255, which nnU-Net would take for HU.
    """
    low, high = window
    if windowed:
        image = image.astype(np.float32) * ((high - low) / 255) + low
    return np.clip(image, low, high).round().astype(np.int16)


def describe(dataset: Dataset, folds: Folds, window: Window, config_name: str) -> dict[str, object]:
    """Return what dataset.json says of a data set whatever its number of cases; raises InputError."""
    regions, (low, high) = dataset["regions"], window
    if sorted(regions) != list(range(1, len(regions) + 1)):
        raise InputError(
            f"{dataset['title']}: label ids {sorted(regions)}; nnU-Net takes no gaps: number the regions "
            "from 1 in datasets.yaml (labels.map and regions)"
        )
    if "grey" in dataset["intensity"].values():
        raise InputError(
            f"{dataset['title']}: its grey levels have no known relation to HU (intensity in datasets.yaml), "
            "for which nnU-Net would take them: export data sets that are hounsfield or windowed"
        )
    sentences = [
        f"{dataset['title']}, written by covidseg, configuration '{config_name}'.",
        f"Whole HU, clipped to {low} to {high}.",
    ]
    if "windowed" in dataset["intensity"].values():
        sentences.append("Scans published as 0 to 255 of this window are mapped back to HU.")
    patients = {case: patient_of(dataset, case) for fold in folds for part in fold.values() for case in part}
    if leaks := find_leaks(folds, patients):
        sentences.append(describe_leaks(leaks))
    return {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **{region: label for label, region in regions.items()}},
        "file_ending": SUFFIX,
        "description": " ".join(sentences),
        "reference": dataset["homepage"],
        "licence": dataset["licence"],
        "converted_by": "covidseg",
    }
