"""What the measurements are made with: the papers' plan on synthetic cases, or tiny sizes for a test."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import yaml
from filelock import FileLock

from covidseg.cases.arrays import ArrayDescription, save_case
from covidseg.training.description import ModelDescription
from covidseg.training.network import build_network
from covidseg.training.run import Run
from covidseg.training.sections import Architecture, Options
from covidseg.training.strategies import STRATEGIES, load_strategy
from covidseg.training.weights import save_model
from covidseg.volumes import Geometry

CONFIG = Path(__file__).resolve().parents[2] / "config"
DATASET = "synthetic"
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Plan:
    """The sizes of all measurements.

    Attributes:
        config: name of the configuration in config/, whose network, patch and training are measured.
        case: shape (z, y, x) of a preprocessed training case.
        cases: number of training cases.
        scan: shape (z, y, x) of a scan to predict, before the preprocessing.
        spacing: spacing (z, y, x) of the scan in mm.
        target_spacing: spacing (z, y, x) of the preprocessed scan in mm.
        warm_up: iterations before the timed ones.
        timed: timed iterations.
        loaders: processes of nnU-Net's loader.
        short: changes of section `training` for a short training, whose Dice is compared.
        short_network, short_patch: network and patch of this training.
        seeds: number of such trainings per precision.
        tested: number of phantom cases on which these networks are tested.
        shared_seconds: seconds for which trainings that share the card are timed.
    """

    config: str
    case: Shape
    cases: int
    scan: Shape
    spacing: tuple[float, float, float]
    target_spacing: tuple[float, float, float]
    warm_up: int
    timed: int
    loaders: int
    short: dict[str, Any]
    short_network: dict[str, Any]
    short_patch: Shape
    seeds: int
    tested: int
    shared_seconds: float

    @cached_property
    def sections(self) -> dict[str, Any]:
        """The configuration's sections, on the GPU where there is one."""
        sections = yaml.safe_load((CONFIG / f"{self.config}.yaml").read_text())
        sections["training"] |= {"device": "auto", "precision": "auto"}
        return sections

    @property
    def patch(self) -> Shape:
        """Size (z, y, x) of a patch in voxels."""
        depth, height, width = self.sections["plan"]["patch"]
        return depth, height, width


PAPERS = Plan(
    config="paper",
    case=(220, 440, 440),
    cases=4,
    scan=(300, 512, 512),
    spacing=(1.0, 0.78, 0.78),
    target_spacing=(1.25, 0.9, 0.9),
    warm_up=8,
    timed=40,
    loaders=12,
    # The rate and the momentum suit 400 iterations; the papers' values need thousands.
    short={"epochs": 16, "iterations": 25, "learning_rate": 0.02, "momentum": 0.9},
    short_network={
        "features": [32, 64, 128, 256],
        "kernels": [[1, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]],
        "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2]],
        "convolutions": {"encoder": [2, 2, 2, 2], "decoder": [2, 2, 2]},
    },
    short_patch=(24, 64, 64),
    seeds=3,
    tested=6,
    shared_seconds=6.0,
)
TINY = Plan(
    config="config",
    case=(12, 40, 44),
    cases=2,
    scan=(10, 40, 40),
    spacing=(10.0, 7.5, 7.5),
    target_spacing=(10.0, 7.5, 7.5),
    warm_up=1,
    timed=2,
    loaders=1,
    short={"epochs": 1, "iterations": 2},
    short_network={
        "features": [4, 8],
        "kernels": [[3, 3, 3], [3, 3, 3]],
        "strides": [[1, 1, 1], [2, 2, 2]],
        "convolutions": {"encoder": [1, 1], "decoder": [1]},
    },
    short_patch=(16, 48, 48),
    seeds=1,
    tested=1,
    shared_seconds=0.5,
)


def synthetic_cases(plan: Plan, folder: Path) -> list[Path]:
    """Return preprocessed cases of noise, with a block as the lesion; write them unless they are there."""
    paths = [folder / DATASET / f"case{number}" for number in range(plan.cases)]
    paths[0].parent.mkdir(exist_ok=True)
    with FileLock(folder / f"{DATASET}.lock"):
        for number, path in enumerate(paths):
            if not path.exists():
                image, label = _case(plan.case, number)
                save_case(path, image, label, describe_arrays(plan.case, plan.target_spacing))
    return paths


def _case(shape: Shape, seed: int) -> tuple[np.ndarray, np.ndarray]:
    image = np.random.default_rng(seed).standard_normal(shape, np.float32)
    label = np.zeros(shape, np.uint8)
    label[tuple(slice(n // 3, n // 2) for n in shape)] = 1
    image[label == 1] += 2
    return image.astype(np.float16), label


def describe_arrays(shape: tuple[int, ...], spacing: tuple[float, float, float]) -> ArrayDescription:
    """Return the content of case.json for a scan that was not cropped."""
    depth, height, width = shape
    geometry = Geometry((depth, height, width), np.diag([*reversed(spacing), 1.0]))
    return ArrayDescription(geometry.to_json(), [[0, n] for n in shape], list(spacing), ["", ""])


def pretrained_model(plan: Plan, folder: Path) -> Path:
    """Return model.safetensors of a U-Net with random weights; write it unless it is there.

    Its schedule is half over, so that continual learning can start from it too.
    """
    weights = folder / "pretrained" / "model.safetensors"
    weights.parent.mkdir(exist_ok=True)
    with FileLock(folder / "pretrained.lock"):
        if not weights.exists():
            architecture = cast("Architecture", plan.sections["network"] | {"design": "unet"})
            network = build_network(architecture, classes=2, seed=1)
            save_model(weights, network, describe(plan, architecture))
    return weights


def describe(plan: Plan, architecture: Architecture) -> ModelDescription:
    """Return the content of model.json for a network of one lesion class."""
    epochs = plan.sections["training"]["epochs"]
    return ModelDescription(
        plan={"spacing": list(plan.target_spacing), "patch": list(plan.patch)},
        normalisation={"window_hu": plan.sections["plan"]["window"], "scheme": "none: synthetic"},
        labels={"1": "lesion"},
        schedule={"epochs": epochs, "first_epoch": 0, "epoch_max": 2 * epochs},
        lineage={
            "experiment": DATASET,
            "fold": 0,
            "strategy": "pretrain",
            "options": {},
            "pretrained": None,
            "training_cases": [],
            "source_cases": [],
            "seed": 0,
        },
        fingerprint=DATASET,
        architecture=architecture,
    )


def synthetic_run(plan: Plan, strategy: str, folder: Path, **training: Any) -> Run:
    """Return a training of a strategy on the synthetic cases; `training` changes keys of that section."""
    cases, entry = synthetic_cases(plan, folder), STRATEGIES[strategy]
    pretrained = pretrained_model(plan, folder) if entry.needs_source else None
    run = make_run(plan, strategy, cases, pretrained, training)
    return replace(run, source_cases=cases) if entry.trains_on_source else run


def make_run(
    plan: Plan, strategy: str, cases: list[Path], pretrained: Path | None, training: dict[str, Any]
) -> Run:
    """Return a training on cases of one data set; `training` changes keys of that section."""
    dataset = cases[0].parent.name
    return Run(
        strategy=load_strategy(strategy, strategy_options(strategy), [dataset]),
        pretrained=pretrained,
        cases=cases,
        source_cases=[],
        validation=[],
        labels={dataset: {1: 1}},
        classes=2,
        fold=0,
        seed=0,
        patch=plan.patch,
        network=plan.sections["network"],
        training=plan.sections["training"] | training,
        augmentation=plan.sections["augmentation"],
        threads=torch.get_num_threads(),
        timed=False,
        fingerprint=dataset,
    )


def strategy_options(strategy: str) -> Options:
    """Return the options of the last experiment of a strategy in config/experiments.yaml."""
    experiments = yaml.safe_load((CONFIG / "experiments.yaml").read_text())["experiments"]
    options = [e.get("options", {}) for e in experiments.values() if e.get("strategy") == strategy]
    return options[-1]
