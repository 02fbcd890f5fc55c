"""Train one small system on image-level labels: run by the tests in a process of its own, to be stopped or killed.

Usage: weak_program.py <folder of slices> <output folder> <system> [<seconds to linger a step>]
"""

import logging
import sys
import time
from pathlib import Path

import yaml

from conftest import ROOT
from covidseg.job import job
from covidseg.training.weights import read_tensors
from covidseg.weak.training import describe_weak_run, make_weak_run, train_weakly

PARTS = {"normal_fidelity": True, "lesion_decoder": True, "critic": True}


def weak_section(**changes) -> dict:
    """The phantom's section `weak`, smaller still."""
    weak = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["weak"]
    weak |= {"features": [4, 8], "critic_features": [4] * 7, "epochs": 4, "iterations": 3}
    weak["classifier"]["features"] = [8, 8, 8, 8]
    weak["va_gan"] |= {"critic_steps": 1, "often_steps": 2, "often_first": 2}
    return weak | changes


def make(
    slices: Path, system: str, classifier: Path | None = None, code: tuple = (), timed: bool = True, **changes
):
    """A run, and the row of its model."""
    options = PARTS if system == "decomposition" else {}
    model = {"name": system, "system": system, "options": options, "classifier": None, "train": "phantom"}
    weak = weak_section(**changes)
    return make_weak_run(
        model,
        slices=slices,
        classifier=classifier,
        weak=weak,
        checkpoint_seconds=0,  # a state after every epoch
        seed=5,
        code=list(code),
        threads=1,
        timed=timed,
    ), model


def start(run, model: dict, output: Path) -> None:
    """Train into a folder laid out as the pipeline's."""
    train_weakly(
        run,
        model=output / "model.safetensors",
        log_table=output / "log.csv",
        state=output / "state",
        description=describe_weak_run(run, model),
    )


def assert_same(first: Path, second: Path) -> None:
    """Two runs ended with the same bits, and logged the same but for the seconds."""
    tensors, others = (read_tensors(folder / "model.safetensors") for folder in (first, second))
    assert tensors.keys() == others.keys()
    assert all(tensor.equal(others[name]) for name, tensor in tensors.items())
    logs = []
    for folder in (first, second):
        header, *rows = [line.split(",") for line in (folder / "log.csv").read_text().splitlines()]
        seconds = header.index("seconds")
        logs.append([[cell for place, cell in enumerate(row) if place != seconds] for row in rows])
    assert logs[0] == logs[1]


if __name__ == "__main__":
    slices, output, system = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    classifier = output.parent / "classifier" / "model.safetensors"
    run, model = make(slices, system, classifier if system == "biomarker-localisation" else None)
    original = run.system.step

    def slow_step(*arguments):
        """Leave the test time to interfere between two steps."""
        time.sleep(float(sys.argv[4]))
        return original(*arguments)

    run.system.step = slow_step
    with job(str(output / "job.log")):
        logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
        start(run, model, output)
