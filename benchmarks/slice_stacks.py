"""Trains and tests on folders of PNG slices: one fold per case, trained from scratch on all other cases.

    .venv/bin/python benchmarks/slice_stacks.py <folder of CASE/ct/NUMBER.png and CASE/covid/NUMBER.png>

Works in a copy of the workflow. Only configuration is added to the copy: a data set, its folds and an
experiment.
"""

import json
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "config", "envs", "profiles", "workflow")
NAME = "slice-stacks"
SPACING = [1.5, 1.5, 1.5]  # mm; not recorded: roughly right in plane, a guess along z
SECTIONS = {
    "plan": {"target": NAME, "spacing": [3.0, 3.0, 3.0], "patch": [16, 64, 64]},
    "network": {
        "features": [8, 16, 32, 64],
        "kernels": [[3, 3, 3]] * 4,
        "strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2], [2, 2, 2]],
        "convolutions": {"encoder": [2, 2, 2, 2], "decoder": [1, 1, 1]},
    },
    "training": {"epochs": 45, "iterations": 20, "learning_rate": 0.1},
    "inference": {"step": 0.5},
}


def describe(slices: Path) -> dict:
    """Return the entry of the slices in datasets.yaml."""
    picture = {"archive": f"{NAME}/slices.zip", "format": "slices"}
    return {
        "title": "Slices",
        "homepage": "unknown",
        "licence": "unknown",
        "archives": {"slices.zip": {"address": slices.as_uri()}},
        "images": {**picture, "member": "{case}/ct/*.png", "spacing": SPACING},
        "labels": {**picture, "member": "{case}/covid/*.png", "map": {0: 0, 255: 1}},
        "case_name": "{case}",
        "patient": ".*",
        "regions": {1: "infection"},
        "intensity": {"*": "grey"},
        "split": NAME,
    }


def add_configuration(config: Path, slices: Path, cases: list[str]) -> None:
    """Add the slices to datasets.yaml, splits.json and experiments.yaml, and write slices.yaml."""
    with open(config / "datasets.yaml", "a") as file:
        yaml.safe_dump({NAME: describe(slices)}, file)
    folds = [{"train": [case for case in cases if case != test], "val": [test]} for test in cases]
    splits = json.loads((config / "splits.json").read_text())
    (config / "splits.json").write_text(json.dumps(splits | {NAME: folds}))
    sheet = yaml.safe_load((config / "experiments.yaml").read_text())
    experiment = {"paper": "ma2021", "strategy": "scratch", "train": [NAME], "evaluate": {NAME: "test"}}
    sheet["experiments"][NAME] = experiment | {"folds": len(cases)}
    (config / "experiments.yaml").write_text(yaml.safe_dump(sheet))
    sections = yaml.safe_load((config / "config.yaml").read_text()) | {"name": NAME, "phantom": None}
    for section, changes in SECTIONS.items():
        sections[section] |= changes
    (config / "slices.yaml").write_text(yaml.safe_dump(sections))


def main() -> None:
    """Print the DSC and NSD per case, and the processor time of the run."""
    slices = Path(sys.argv[1]).resolve()
    cases = sorted(path.name for path in slices.iterdir() if path.is_dir())
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "checkout")
        copy.mkdir()
        for part in PARTS:
            (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, copy / part)
        add_configuration(copy / "config", slices, cases)
        scores = [f"results/scores/{NAME}/fold{fold}.csv" for fold in range(len(cases))]
        snakemake = Path(sys.executable).parent / "snakemake"
        command = [str(snakemake), *scores, "--cores", "2", "--configfile", "config/slices.yaml"]
        subprocess.run(command, cwd=copy, check=True, stdout=sys.stderr)
        table = pd.concat(pd.read_csv(copy / path) for path in scores)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = table[table.metric.isin(["DSC", "NSD"])].pivot(index="case", columns="metric", values="value")
    print(found.to_markdown(floatfmt=".4f"))
    print(f"\n{(used.ru_utime + used.ru_stime) / 60:.1f} minutes of processor time")


if __name__ == "__main__":
    main()
