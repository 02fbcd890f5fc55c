"""Train one small model: run by the tests in a process of its own, to be stopped or killed.

Usage: training_program.py <preprocessed folder> <output folder> [<epochs> [<seconds to linger a step>]]
"""

import logging
import sys
import time
from pathlib import Path

import yaml

from covidseg import training
from covidseg.job import job
from covidseg.strategies import load_strategy

ROOT = Path(__file__).resolve().parents[1]
NETWORK = {
    "features": [4, 8],
    "kernels": [[1, 3, 3], [3, 3, 3]],
    "strides": [[1, 1, 1], [1, 2, 2]],
    "convolutions": {"encoder": [1, 1], "decoder": [1]},
}


def make_run(
    cases: list[Path],
    validation: list[Path],
    strategy: str = "scratch",
    options: dict | None = None,
    pretrained: Path | None = None,
    source_cases: tuple[Path, ...] = (),
    **changes,
) -> training.Run:
    """A run over small blobs; `changes` go into the training settings."""
    settings = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    small = {"epochs": 4, "iterations": 5, "validation_every": 2, "validation_patches": 4, "device": "cpu"}
    exact = {"precision": "float32", "checkpoint_seconds": 0, "device_memory_gib": 1, "learning_rate": 0.05}
    return training.Run(
        strategy=load_strategy(strategy, options or {}, ["blobs"]),
        pretrained=pretrained,
        cases=cases,
        source_cases=list(source_cases),
        validation=validation,
        classes=2,
        fold=0,
        seed=3,
        patch=(4, 16, 16),
        network=NETWORK,
        training=settings["training"] | small | exact | changes,
        augmentation=settings["augmentation"],
        threads=1,
        fingerprint="as it is",
    )


def start(run: training.Run, output: Path) -> None:
    """Train into a folder laid out as the pipeline's."""
    training.train(
        run,
        model=output / "model.safetensors",
        log_table=output / "log.csv",
        state=output / "state",
        description={"labels": {"1": "lesion"}},
    )


if __name__ == "__main__":
    folders, output = sorted(Path(sys.argv[1]).iterdir()), Path(sys.argv[2])
    changes = {"epochs": int(sys.argv[3])} if len(sys.argv) > 3 else {}
    if len(sys.argv) > 4:
        original = training.training_step

        def slow_step(*arguments):
            """Leave the test time to interfere between two steps."""
            time.sleep(float(sys.argv[4]))
            return original(*arguments)

        training.training_step = slow_step
    with job(str(output / "job.log")):
        logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
        start(make_run(folders[:2], folders[2:], **changes), output)
