"""Segmentations of preprocessed cases, written on the grid of each ingested scan."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from covidseg.cases.arrays import Preprocessed, open_case
from covidseg.cases.case_folder import volume_path
from covidseg.device import Compute, choose_compute
from covidseg.evaluation.scan_grid import labels_on_grid
from covidseg.evaluation.sections import Inference
from covidseg.evaluation.sliding_window import predict_probabilities
from covidseg.files import replace_directory
from covidseg.parallel import in_background
from covidseg.training.acceleration import fuse
from covidseg.training.description import Grid
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
    fuse(network, compute.device)
    gathered = partial / description.weights_sha256
    gathered.mkdir(parents=True, exist_ok=True)
    _discard_others(gathered, folders)
    paths = {folder: volume_path(gathered / folder.parent.name, folder.name) for folder in folders}
    missing = [folder for folder in folders if not paths[folder].exists()]
    log.info("%d of %d cases are segmented already", len(folders) - len(missing), len(folders))

    def read(folder: Path) -> tuple[Path, Preprocessed]:
        case = open_case(folder)
        return paths[folder], replace(case, image=np.array(case.image))  # into memory

    def write(segmented: tuple[Path, Volume]) -> None:
        path, volume = segmented
        write_volume(path, volume)
        log.info("%s: %d voxels labelled", path.relative_to(gathered), np.count_nonzero(volume.array))

    cases = in_background(read, missing)
    segmented = (
        (path, _segment(network, case, description.plan, inference, compute, at_most)) for path, case in cases
    )
    for _ in in_background(write, segmented):
        pass
    replace_directory(gathered, output)


def _segment(
    network: nn.Module,
    case: Preprocessed,
    plan: Grid,
    inference: Inference,
    compute: Compute,
    at_most: int | None,
) -> Volume:
    """Return the segmentation of a case, on the grid of the ingested scan."""
    depth, height, width = plan["patch"]
    z, y, x = plan["spacing"]
    geometry = Geometry.from_json(case.description.geometry)
    slabs = predict_probabilities(
        network,
        torch.from_numpy(case.image),
        (depth, height, width),
        inference=inference,
        compute=compute,
        at_most=at_most,
    )
    labels = labels_on_grid(
        slabs, geometry, depth=len(case.image), box=case.description.box, target_spacing=(z, y, x)
    )
    return Volume(labels, geometry)


def _discard_others(gathered: Path, folders: list[Path]) -> None:
    """Delete the segmentations of cases that an interrupted job had, and that are left out by now."""
    wanted = {volume_path(gathered / folder.parent.name, folder.name) for folder in folders}
    for path in set(gathered.glob("*/*")) - wanted:
        path.unlink()
