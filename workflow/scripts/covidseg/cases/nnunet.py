"""Export ingested cases and their folds in the raw format of nnU-Net v2.

The export lets other methods train and test on the same cases in the same folds.

The format: documentation/dataset_format.md and manual_data_splits.md of github.com/MIC-DKFZ/nnUNet.
"""

import logging
import shutil
from pathlib import Path

import numpy as np

from covidseg.archives.dataset import Dataset
from covidseg.cases.case_folder import SUFFIX, CaseFolder, volume_path
from covidseg.cases.folds import is_published
from covidseg.cases.intensity import Window, intensity_of
from covidseg.cases.left_out import describe_cases_left_out
from covidseg.cases.splits import Folds, describe_leaks, find_leaks, patient_of
from covidseg.errors import InputError
from covidseg.files import atomic_directory, write_json
from covidseg.parallel import in_parallel
from covidseg.volumes import Volume, read_volume, write_volume

log = logging.getLogger(__name__)

CHANNEL = "0000"  # the suffix by which nnU-Net marks the first channel of an image


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
    """Write the cases and the folds of a data set to `output`, completely or not at all.

    If any fold has training cases, all cases of the folds go to `imagesTr` and `labelsTr`. Otherwise the data
    set is a test set, and its cases go to `imagesTs` and `labelsTs`. A case that is in no fold is left out:
    nnU-Net plans its network by every case in `imagesTr`. The test cases of a fold become `val` in nnU-Net's
    file of splits, because nnU-Net does not train on `val`; without test cases there is no such file, and
    nnU-Net divides the cases by itself.

    Args:
        dataset: entry of the data set in config/datasets.yaml.
        folds: the folds in `results/splits/<data set>.json`.
        cases: folder of the ingested data set.
        window: lowest and highest HU that the networks see; the scans are clipped to this window.
        config_name: name of the configuration, which the description of the data set states.
        output: folder of the data set in nnU-Net's layout, named Dataset<number>_<name>.
        workers: number of cases to export at the same time.

    Raises:
        InputError: the label ids have gaps, a scan has grey levels that are not HU, or a case is damaged.
    """
    names = sorted({case for fold in folds for part in fold.values() for case in part})
    trained = any(fold["train"] for fold in folds)
    with atomic_directory(output) as partial:
        counted = {"name": output.name, "numTraining": len(names) if trained else 0}
        write_json(partial / "dataset.json", counted | describe(dataset, folds, window, config_name))
        if trained and all(fold["test"] for fold in folds):
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

    Some scans of a data set are in HU. In other scans (`windowed`), the window was scaled to 0 to 255 before
    publication. nnU-Net would read these numbers as HU, so they are mapped back to HU.
    """
    low, high = window
    if windowed:
        image = image.astype(np.float32) * ((high - low) / 255) + low
    return np.clip(image, low, high).round().astype(np.int16)


def describe(dataset: Dataset, folds: Folds, window: Window, config_name: str) -> dict[str, object]:
    """Return the content of dataset.json, apart from the data set's name and its number of training cases.

    Raises:
        InputError: the label ids have gaps, or a scan has grey levels that are not HU.
    """
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
    published = is_published(dataset.get("split", "test"))
    if left_out := dataset.get("leave_out"):
        sentences.append(describe_cases_left_out(dataset["title"], left_out, published=published))
    if leaks := find_leaks(folds, patients):
        sentences.append(describe_leaks(leaks, published=published))
    return {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **{region: label for label, region in regions.items()}},
        "file_ending": SUFFIX,
        "description": " ".join(sentences),
        "reference": dataset["homepage"],
        "licence": dataset["licence"],
        "converted_by": "covidseg",
    }
