"""Prediction of one scan with mirroring, ours and nnU-Net's."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from covidseg.cases.resampling import new_shape
from covidseg.device import Compute, choose_compute
from covidseg.evaluation.sliding_window import labels_on_grid, predict_probabilities, tile_starts
from covidseg.training.weights import load_model
from covidseg.volumes import Geometry
from on_gpu.clock import synchronise
from on_gpu.plan import Plan, pretrained_model
from on_gpu.results import Results


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
    """Time the probabilities of a scan, and the labels on the scan's own grid."""
    training = plan.sections["training"]
    compute = choose_compute(training["device"], training["precision"], threads=torch.get_num_threads())
    network = compute.place(load_model(pretrained_model(plan, work))[0], torch.channels_last_3d)
    image = scan(plan).to(compute.device)
    with results.row(what(plan), "covidseg") as row:
        _predict(plan, network, image[: plan.patch[0]], compute)
        row.set("s per scan", seconds_of(lambda: _predict(plan, network, image, compute), 2))
        row.set_memory()
        row.note = str(compute)
    probabilities = torch.rand(2, *image.shape, device=compute.device)
    with results.row("labels on the scan's own grid", "covidseg") as row:
        row.set("s per scan", seconds_of(lambda: _labels(plan, probabilities), 2))
        row.set_memory()


def _labels(plan: Plan, probabilities: torch.Tensor) -> np.ndarray:
    geometry = Geometry(plan.scan, np.diag([*reversed(plan.spacing), 1.0]))
    box = tuple(slice(0, n) for n in plan.scan)
    return labels_on_grid(probabilities, geometry, box=box, target_spacing=plan.target_spacing)


def _predict(plan: Plan, network: torch.nn.Module, image: torch.Tensor, compute: Compute) -> torch.Tensor:
    inference = plan.sections["inference"]
    return predict_probabilities(network, image, plan.patch, inference=inference, compute=compute)
