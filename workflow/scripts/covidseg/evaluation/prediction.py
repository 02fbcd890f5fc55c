"""Segmentations of preprocessed cases, written on the grid of each ingested scan."""

import logging
from pathlib import Path

import numpy as np
import torch

from covidseg.cases.arrays import open_case
from covidseg.cases.case_folder import volume_path
from covidseg.device import choose_compute
from covidseg.evaluation.sections import Inference
from covidseg.evaluation.sliding_window import labels_on_grid, predict_probabilities
from covidseg.files import replace_directory
from covidseg.training.weights import load_model
from covidseg.volumes import Geometry, Volume, write_volume

log = logging.getLogger(__name__)


def predict_cases(
    weights: Path,
    folders: list[Path],
    *,
    output: Path,
    partial: Path,
    inference: Inference,
    device: str,
    precision: str,
    threads: int,
    at_most: int | None = None,
) -> None:
    """Segment cases with one model.

    Args:
        weights: model.safetensors.
        folders: preprocessed cases, <data set>/<case>.
        output: folder of <data set>/<case>.nii.gz (uint8, the model's classes); the folder appears once all
            segmentations are written.
        partial: folder for the finished segmentations of an unfinished job, with one subfolder per model; a
            restarted job does not repeat these cases.
        inference: the configuration's `inference`.
        device: the configuration's `training.device`.
        precision: the configuration's `training.precision`.
        threads: number of processor threads.
        at_most: number of tiles per case that are computed; None: all. A rehearsal computes a few.

    Raises:
        InputError: the model's files are damaged or do not belong together.
    """
    compute = choose_compute(device, precision, threads=threads)
    log.info("predicting on %s", compute)
    network, description = load_model(weights)
    network = compute.place(network, torch.channels_last_3d)
    depth, height, width = description.plan["patch"]
    z, y, x = description.plan["spacing"]
    gathered = partial / description.weights_sha256
    gathered.mkdir(parents=True, exist_ok=True)
    _discard_others(gathered, folders)
    for number, folder in enumerate(folders, start=1):
        name = f"{folder.parent.name}/{folder.name}"
        path = volume_path(gathered / folder.parent.name, folder.name)
        if path.exists():
            log.info("%d of %d: %s is segmented already", number, len(folders), name)
            continue
        case = open_case(folder)
        geometry = Geometry.from_json(case.description.geometry)
        probabilities = predict_probabilities(
            network,
            torch.from_numpy(np.array(case.image)).to(compute.device),
            (depth, height, width),
            inference=inference,
            compute=compute,
            at_most=at_most,
        )
        labels = labels_on_grid(probabilities, geometry, box=case.description.box, target_spacing=(z, y, x))
        write_volume(path, Volume(labels, geometry))
        log.info("%d of %d: %s, %d voxels labelled", number, len(folders), name, np.count_nonzero(labels))
    replace_directory(gathered, output)


def _discard_others(gathered: Path, folders: list[Path]) -> None:
    """Delete the segmentations of cases that an interrupted job had, and that are left out by now."""
    wanted = {volume_path(gathered / folder.parent.name, folder.name) for folder in folders}
    for path in set(gathered.glob("*/*")) - wanted:
        path.unlink()
