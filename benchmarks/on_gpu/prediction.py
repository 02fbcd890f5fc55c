"""Prediction of one scan with mirroring, ours and nnU-Net's."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from covidseg.cases.arrays import ArrayDescription, save_case
from covidseg.cases.resampling import new_shape
from covidseg.device import Compute, choose_compute
from covidseg.evaluation.prediction import predict_cases
from covidseg.evaluation.sliding_window import predict_probabilities, tile_starts
from covidseg.training.acceleration import fuse
from covidseg.training.weights import load_model
from covidseg.volumes import Geometry
from on_gpu.clock import synchronise
from on_gpu.plan import Plan, pretrained_model
from on_gpu.results import Results

SCANS = 2


def scan(plan: Plan) -> torch.Tensor:
    """Return a preprocessed scan of noise, float32 (z, y, x)."""
    shape = new_shape(plan.scan, plan.spacing, plan.target_spacing)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def what(plan: Plan) -> str:
    """Say what is predicted."""
    shape = new_shape(plan.scan, plan.spacing, plan.target_spacing)
    inference = plan.sections["inference"]
    starts = [len(tile_starts(n, size, inference["step"])) for n, size in zip(shape, plan.patch, strict=True)]
    passes = int(np.prod(starts)) * 2 ** len(inference["mirror_axes"])
    sizes = ["x".join(map(str, size)) for size in (plan.scan, shape)]
    return f"scan of {sizes[0]}, resampled to {sizes[1]}: {passes} tiles with the mirrored ones"


def seconds_of(function: Callable[[], object], times: int) -> list[float]:
    """Return the seconds of each of several calls."""
    seconds = []
    for _ in range(times):
        synchronise()
        begun = time.perf_counter()
        function()
        synchronise()
        seconds.append(time.perf_counter() - begun)
    return seconds


def ours(plan: Plan, work: Path, results: Results, strategies: tuple[str, ...]) -> None:
    """Time the probabilities of a scan, and the way from preprocessed scans to written segmentations."""
    weights, training = pretrained_model(plan, work), plan.sections["training"]
    with results.row(what(plan), "covidseg") as row:
        compute = choose_compute(training["device"], training["precision"], threads=torch.get_num_threads())
        network = compute.place(load_model(weights)[0], torch.channels_last_3d)
        fuse(network, compute.device)
        image = scan(plan).to(compute.device)
        _predict(plan, network, image[: plan.patch[0]], compute)
        row.set("s per scan", seconds_of(lambda: _predict(plan, network, image, compute), 2))
        row.set_memory()
        row.note = str(compute)
    with results.row(f"{SCANS} such scans, from preprocessed to written", "covidseg") as row:
        folders = _write_scans(plan, work)
        begun = time.perf_counter()
        predict_cases(
            weights,
            folders,
            output=work / "predictions",
            partial=work / "partial",
            inference=plan.sections["inference"],
            device=training["device"],
            precision=training["precision"],
            threads=torch.get_num_threads(),
        )
        row.set("s per scan", [(time.perf_counter() - begun) / SCANS])
        row.set_memory()


def _predict(plan: Plan, network: torch.nn.Module, image: torch.Tensor, compute: Compute) -> None:
    inference = plan.sections["inference"]
    for _ in predict_probabilities(network, image, plan.patch, inference=inference, compute=compute):
        pass


def _write_scans(plan: Plan, work: Path) -> list[Path]:
    """Write preprocessed scans of noise, and return their folders."""
    image = scan(plan).half().numpy()
    geometry = Geometry(plan.scan, np.diag([*reversed(plan.spacing), 1.0])).to_json()
    crop = [[0, n] for n in plan.scan]
    folders = [work / "scans" / f"scan{number}" for number in range(SCANS)]
    folders[0].parent.mkdir()
    for folder in folders:
        description = ArrayDescription(geometry, crop, list(plan.target_spacing), ["", ""])
        save_case(folder, image, np.zeros(image.shape, np.uint8), description)
    return folders
