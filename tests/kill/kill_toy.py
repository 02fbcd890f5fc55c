"""A cut of the phantom pipeline with one training of every kind, some seconds each, for runs that are disturbed."""

import re
import shutil
from pathlib import Path

from toy_workflow import change_yaml, papers_checkout

ROWS = (
    *("scratch", "continual", "body-finetune", "lesion-representations", "hybrid", "multi-encoder"),
    *("collaborative-backbone", "collaborative-rc-g"),
)
SYSTEMS = ("weak-full", "va-gan", "classifier", "biomarker-localisation")
TARGET = "evaluated"
LEASE = {"LIFETIME": 2, "RENEWAL": 0.5}  # seconds; a lock expires ten seconds later, as clocks may differ


def make_toy(folder: Path) -> Path:
    """Copy the workflow and cut it down: eight rows of one fold and one source, four systems, short leases.

    Every training saves its state after every iteration, so that a killed training goes on in its midst.
    """
    folder.mkdir()
    papers_checkout(folder)
    config = folder / "config"
    change_yaml(config / "config.yaml", _cut_sections)
    change_yaml(config / "experiments.yaml", _cut_experiments)
    for sheet in ("artefacts", "claims"):
        (config / f"{sheet}.yaml").write_text("{}\n")
    lease = folder / "workflow" / "scripts" / "covidseg" / "training" / "lease.py"
    text = lease.read_text()
    for name, seconds in LEASE.items():
        text, count = re.subn(rf"(?m)^{name} = \d+", f"{name} = {seconds}", text)
        assert count == 1, name
    lease.write_text(text)
    return folder


def _cut_sections(content: dict) -> None:
    content["name"] = "kill"
    content["phantom"]["cases"] = {"covid20": 8, "covid20-union": 8, "msd": 5, "capepoint": 3}
    content["training"] |= {"epochs": 3, "iterations": 3, "validation_patches": 2, "checkpoint_seconds": 0}
    content["inference"] |= {"step": 1.0}
    counts = {"train_normal": 8, "train_lesion": 6, "test_lesion": 4}
    content["weak"] |= {"epochs": 2, "iterations": 3, "volume_slices": 6, "slices": counts}
    content["weak"] |= {"checkpoint_seconds": 0}
    content["evaluation"]["bootstrap"] = 100


def _cut_experiments(content: dict) -> None:
    content["sources"] = {"msd": content["sources"]["msd"]}
    rows = {name: content["experiments"][name] for name in ROWS}
    for row in rows.values():
        row |= {"folds": 1, "evaluate": {"covid20": "test"}}
        if "sources" in row:
            row["sources"] = ["msd"]
    weak = content["weak"]
    weak["evaluate"] = {"capepoint": "test_covid_cell"}
    weak["models"] = {name: weak["models"][name] for name in SYSTEMS}
    localisers = ("weak-full", "va-gan", "cam", "biomarker-localisation")
    weak["localisers"] = {name: weak["localisers"][name] for name in localisers}
    content["experiments"] = rows


def copy_toy(toy: Path, folder: Path) -> Path:
    """Copy a toy that has not run."""
    return shutil.copytree(toy, folder)
