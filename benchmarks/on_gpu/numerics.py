"""Does a short training segment as well in bfloat16 and compiled, as in float32?

The networks are smaller than the papers', so that all trainings take about two minutes on a card. They learn
on four phantom cases and are tested on six others.
"""

import os
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from covidseg.archives.phantom.cohort import make_case
from covidseg.cases.arrays import open_case, save_case
from covidseg.cases.case_folder import volume_path
from covidseg.cases.preprocessing import resample_and_normalise
from covidseg.evaluation.prediction import predict_cases
from covidseg.evaluation.sections import Inference
from covidseg.training.sections import Network
from covidseg.volumes import read_volume
from on_gpu.clock import start_training
from on_gpu.plan import Plan, describe_arrays, make_run
from on_gpu.results import Results
from on_gpu.training import forget_compiled

DATASET = "phantom"
TRAINED = 4
CONTENDERS = {
    "covidseg, float32": {"precision": "float32", "compile": False},
    "covidseg, bfloat16": {"precision": "bfloat16", "compile": False},
    "covidseg, bfloat16, compiled": {"precision": "bfloat16", "compile": True},
}
INFERENCE: Inference = {"step": 1.0, "mirror_axes": [], "tiles": 4}


def compare(plan: Plan, work: Path, results: Results, strategies: tuple[str, ...]) -> None:
    """Write the mean Dice of each precision over the seeds, and whether the means lie within their spread.

    The precisions run at the same time, each in a process of its own.
    """
    cases = phantom_cases(work, TRAINED + plan.tested)
    dices = []
    with ProcessPoolExecutor(len(CONTENDERS), mp_context=get_context("spawn")) as pool:
        jobs = {
            pool.submit(_dices, plan, cases, work, changes): contender
            for contender, changes in CONTENDERS.items()
            if torch.cuda.is_available() or not changes["compile"]
        }
        for job in as_completed(jobs):
            with results.row(f"mean Dice of {plan.tested} cases, {plan.seeds} seeds", jobs[job]) as row:
                dices.append(job.result())
                row.set("Dice", dices[-1])
                row.note = f"mean {np.mean(dices[-1]):.4f}"
    with results.row("means within the spread of the seeds", "covidseg") as row:
        row.note = verdict(dices)


def verdict(dices: list[list[float]]) -> str:
    """Compare the largest difference between the contenders' means with the largest spread of the seeds.

    Args:
        dices: contender -> seed -> mean Dice.
    """
    means = [float(np.mean(seeds)) for seeds in dices]
    difference, spread = max(means) - min(means), max(max(seeds) - min(seeds) for seeds in dices)
    answer = "yes" if difference <= spread else "no"
    return (
        f"{answer}, of {len(dices)} precisions: the means differ by {difference:.4f}, "
        f"the seeds of one precision by up to {spread:.4f}"
    )


def phantom_cases(work: Path, count: int) -> list[Path]:
    """Write phantom cases, preprocessed on their own grids, and return their folders."""
    paths = []
    for number in range(count):
        case = make_case("covid20", f"case{number}", seed=0, rank=(number % 5 + 1) / 5)
        spacing = case.image.geometry.spacing
        image = resample_and_normalise(
            case.image.array, spacing, spacing, window=(-1250, 250), name="phantom"
        )
        paths.append(work / DATASET / f"case{number}")
        paths[-1].parent.mkdir(exist_ok=True)
        save_case(paths[-1], image, case.lesion.array, describe_arrays(image.shape, spacing))
    return paths


def _dices(plan: Plan, cases: list[Path], work: Path, changes: dict[str, Any]) -> list[float]:
    """Return the mean Dice of one network per seed."""
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "4"  # several compilers at once
    torch.backends.cudnn.allow_tf32 = False  # TensorFloat-32 would round the float32 of convolutions
    return [_dice(plan, cases, work, seed, changes) for seed in range(plan.seeds)]


def _dice(plan: Plan, cases: list[Path], work: Path, seed: int, changes: dict[str, Any]) -> float:
    """Train one network on the first cases and return its mean Dice over the other cases."""
    forget_compiled()
    run = make_run(plan, "scratch", cases[:TRAINED], None, plan.short | changes)
    run = replace(run, seed=seed, patch=plan.short_patch, network=cast("Network", plan.short_network))
    with tempfile.TemporaryDirectory(dir=work) as folder:
        start_training(run, plan, Path(folder))
        predict_cases(
            Path(folder, "model.safetensors"),
            cases[TRAINED:],
            output=Path(folder, "predictions"),
            partial=Path(folder, "partial"),
            inference=INFERENCE,
            device=run.training["device"],
            precision=run.training["precision"],
            threads=run.threads,
        )
        return float(np.mean([_case_dice(case, Path(folder, "predictions")) for case in cases[TRAINED:]]))


def _case_dice(case: Path, predictions: Path) -> float:
    truth = open_case(case).label == 1
    found = read_volume(volume_path(predictions / case.parent.name, case.name)).array == 1
    return 2 * int((truth & found).sum()) / int(truth.sum() + found.sum())
