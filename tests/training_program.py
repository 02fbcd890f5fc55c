"""Train one small model: run by the tests in a process of its own, to be stopped or killed.

Usage: training_program.py <preprocessed folder> <output folder> [<epochs> [<seconds to linger per step>]]
"""

import csv
import dataclasses
import logging
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from conftest import SMALL_NETWORK, describe
from covidseg.job import job
from covidseg.training import train as training
from covidseg.training.network import build_network
from covidseg.training.steps import Steps
from covidseg.training.strategies import STRATEGIES, load_strategy
from covidseg.training.strategies.base import Batch
from covidseg.training.weights import read_tensors

ROOT = Path(__file__).resolve().parents[1]
NETWORK = {key: value for key, value in SMALL_NETWORK.items() if key != "design"}


def make_run(
    cases: list[Path],
    validation: list[Path],
    strategy: str = "scratch",
    options: dict | None = None,
    pretrained: Path | None = None,
    source_cases: tuple[Path, ...] = (),
    timed: bool = True,
    **changes,
) -> training.Run:
    """A run over small blobs; `changes` go into section `training`."""
    sections = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    small = {"epochs": 4, "iterations": 5, "validation_every": 2, "validation_patches": 4, "device": "cpu"}
    exact = {"precision": "float32", "checkpoint_seconds": 0, "device_memory_gib": 1, "learning_rate": 0.05}
    return training.Run(
        strategy=load_strategy(strategy, options or {}, ["blobs"]),
        pretrained=pretrained,
        cases=cases,
        source_cases=list(source_cases),
        validation=validation,
        labels={folder.parent.name: {1: 1} for folder in cases},
        classes=2,
        fold=0,
        seed=3,
        patch=(4, 16, 16),
        network=NETWORK,
        training=sections["training"] | small | exact | changes,
        augmentation=sections["augmentation"],
        threads=1,
        timed=timed,
        fingerprint="as it is",
    )


def start(run: training.Run, output: Path, snapshots: Path | None = None) -> None:
    """Train into a folder laid out as the pipeline's."""
    schedule = {"epochs": run.training["epochs"], **dataclasses.asdict(run.schedule)}
    training.train(
        run,
        model=output / "model.safetensors",
        log_table=output / "log.csv",
        state=output / "state",
        description=dataclasses.replace(describe(run.architecture), schedule=schedule),
        snapshots=snapshots,
    )


def rows(output: Path) -> list[dict]:
    """The rows of a run's log.csv without the seconds, which no two runs share."""
    with open(output / "log.csv", newline="") as file:
        return [
            {key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)
        ]


def assert_same_model(first: Path, second: Path) -> None:
    """Two runs ended with the same bits."""
    weights, others = (read_tensors(folder / "model.safetensors") for folder in (first, second))
    assert weights.keys() == others.keys()
    for name in weights:
        assert torch.equal(weights[name], others[name]), name
    assert rows(first) == rows(second)


def interrupt(run: training.Run, output: Path) -> None:
    """Train for two epochs and leave the state behind, as a crash would."""
    original, steps = Steps.__call__, []

    def failing_step(*arguments):
        steps.append(1)
        if len(steps) > 2 * run.training["iterations"]:
            raise RuntimeError("crash")
        return original(*arguments)

    Steps.__call__ = failing_step
    try:
        with pytest.raises(RuntimeError, match="crash"):
            start(run, output)
    finally:
        Steps.__call__ = original


COLLABORATIVE = {
    "relations": "both",
    "general_encoder": "pretrained",
    "lambda_general": 0.5,
    "lambda_target": 0.25,
    "ramp_up": 1.0,
    "snapshots": 3,
}


def prepared(name, pretrained, options=None, classes=2):
    """Build and prepare a strategy's network."""
    strategy = load_strategy(name, options or {}, ["covid20"])
    network = build_network(strategy.architecture(NETWORK), classes=classes, seed=7)
    before = {key: value.clone() for key, value in network.named_parameters()}
    return strategy, network, strategy.prepare(network, pretrained), before


def make_batch(seed=0, source=False):
    """Two samples of noise, bright voxels labelled."""
    generator = torch.Generator().manual_seed(seed)
    images, source_images = (torch.randn(2, 1, 4, 16, 16, generator=generator) for _ in range(2))
    labels = (images[:, 0] > 0.5).to(torch.uint8)
    return Batch(images, labels, source_images=source_images if source else None)


def trained(training_folders, output, name, options, pretrained, **changes):
    """Train a strategy over blobs; strategies that train on the source too get the blobs but the first."""
    source = training_folders[1:] if STRATEGIES[name].trains_on_source else ()
    run = make_run(training_folders[:2], [], name, options, pretrained, source, **changes)
    start(run, output, output / "relations.safetensors" if source else None)
    return run


if __name__ == "__main__":
    folders, output = sorted(Path(sys.argv[1]).iterdir()), Path(sys.argv[2])
    changes = {"epochs": int(sys.argv[3])} if len(sys.argv) > 3 else {}
    if len(sys.argv) > 4:
        original = Steps.__call__

        def slow_step(*arguments):
            """Leave the test time to interfere between two steps."""
            time.sleep(float(sys.argv[4]))
            return original(*arguments)

        Steps.__call__ = slow_step
    with job(str(output / "job.log")):
        logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
        start(make_run(folders[:2], folders[2:], **changes), output)
