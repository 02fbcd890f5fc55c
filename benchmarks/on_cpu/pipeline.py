"""Preprocessing, batches and training steps: the pipeline's own and nnU-Net's."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from on_gpu import nnunet
from on_gpu.clock import Clock, time_training
from on_gpu.plan import PAPERS, TINY, Plan, synthetic_run

from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.preprocessing import preprocess as preprocess_cases
from covidseg.device import choose_compute
from covidseg.training.batches import training_batch
from covidseg.training.patches import load_cases
from covidseg.volumes import Geometry, Volume, write_volume

SCAN, SPACING, TARGET = (275, 512, 512), (1.0, 0.781, 0.781), (1.25, 0.9, 0.9)
WINDOW = (-1250, 250)
# What nnU-Net's planner writes for every data set.
RESAMPLING = {
    f"resampling_fn_{kind}": "resample_data_or_seg_to_shape" for kind in ("data", "seg", "probabilities")
} | {
    f"resampling_fn_{kind}_kwargs": {
        "is_seg": kind == "seg",
        "order": order,
        "order_z": 0,
        "force_separate_z": None,
    }
    for kind, order in (("data", 3), ("seg", 1), ("probabilities", 1))
}


def _plan(small: bool) -> Plan:
    chosen = TINY if small else replace(PAPERS, cases=1)
    return replace(chosen, warm_up=1, timed=3, loaders=0)


def _seconds(call: Callable[[], object], count: int) -> Iterator[float]:
    call()
    for _ in range(count):
        begun = time.perf_counter()
        call()
        yield time.perf_counter() - begun


def _write_case(folder: Path, *, small: bool) -> None:
    """Write a smooth scan and a label of two blocks, stored in the same way as an ingested case."""
    shape = (12, 40, 44) if small else SCAN
    geometry = Geometry(shape, np.diag([*reversed(SPACING), 1.0]))
    image = np.random.default_rng(0).integers(-1024, 1500, shape, dtype=np.int16)
    label = np.zeros(shape, np.uint8)
    for value in (1, 2):
        label[tuple(slice(n * value // 4, n * (value + 1) // 4) for n in shape)] = value
    write_volume(folder / "images" / "scan.nii.gz", Volume(image, geometry))
    write_volume(folder / "labels" / "scan.nii.gz", Volume(label, geometry))


def preprocess(part: str, folder: Path, *, small: bool) -> Iterator[float]:
    """Yield the seconds of our preprocessing of one case, read to written."""
    _write_case(folder, small=small)
    for number in range(3):
        begun = time.perf_counter()
        preprocess_cases(
            {"intensity": {"*": "hounsfield"}, "regions": {1: "left_lung", 2: "right_lung"}},
            cases=CaseFolder(folder),
            target_spacing=TARGET,
            window=WINDOW,
            output=folder / f"out{number}",
            workers=1,
        )
        yield time.perf_counter() - begun


def nnunet_preprocess(part: str, folder: Path, *, small: bool) -> Iterator[float]:
    """Yield the seconds of nnU-Net's preprocessing of the same case, read to written."""
    plan = replace(_plan(small), target_spacing=TARGET)
    nnunet.import_nnunet(folder, 0)
    from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    _write_case(folder, small=small)
    plans = nnunet.plans(plan) | {"foreground_intensity_properties_per_channel": {"0": {}}}
    plans["configurations"][nnunet.CONFIGURATION] |= RESAMPLING
    manager = PlansManager(plans)
    configuration = manager.get_configuration(nnunet.CONFIGURATION)
    dataset = nnunet.DATASET_JSON | {"labels": {"background": 0, "left": 1, "right": 2}}
    image, label = (str(folder / kind / "scan.nii.gz") for kind in ("images", "labels"))
    preprocessor = DefaultPreprocessor(verbose=False)
    for number in range(3):
        begun = time.perf_counter()
        output = str(folder / f"out{number}")
        preprocessor.run_case_save(output, [image], label, manager, configuration, dataset)
        yield time.perf_counter() - begun


def batches(part: str, folder: Path, *, small: bool) -> Iterator[float]:
    """Yield the seconds of our batches, cut and augmented in a process that is set up as for a training."""
    device = choose_compute("cpu", "float32", threads=torch.get_num_threads()).device
    run = synthetic_run(_plan(small), "scratch", folder)
    (cases,) = load_cases({"training": run.cases}, labels=run.labels, device=device, budget_gib=8)
    steps = iter(range(1000))
    yield from _seconds(lambda: training_batch(run, cases, [], next(steps), device), 3 if small else 60)


def nnunet_batches(part: str, folder: Path, *, small: bool) -> Iterator[float]:
    """Yield the seconds of nnU-Net's batches from its loader, in this process."""
    loader = nnunet.make_trainer(_plan(small), folder).get_dataloaders()[0]
    yield from _seconds(lambda: next(loader), 3 if small else 60)


def steps(part: str, folder: Path, *, small: bool) -> Iterator[float]:
    """Yield the seconds of our training steps, batches included."""
    plan = _plan(small)
    clock = Clock(plan.warm_up, plan.timed)
    time_training(synthetic_run(plan, "scratch", folder, compile=False), plan, folder / "model", clock.tick)
    yield from clock.seconds()


def nnunet_steps(part: str, folder: Path, *, small: bool) -> Iterator[float]:
    """Yield the seconds of nnU-Net's training steps with one random batch."""
    plan = _plan(small)
    trainer: Any = nnunet.make_trainer(plan, folder)
    batch = nnunet._random_batch(plan, trainer)
    yield from _seconds(lambda: trainer.train_step(batch), plan.timed)
