"""Write into dvc.yaml what code each of its stages runs. Usage: python tools/dvc_stages.py"""

import sys
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
CODE = ROOT / "workflow" / "scripts"
sys.path.insert(0, str(CODE))

from covidseg.runs.code import imported  # noqa: E402
from covidseg.training.strategies import STRATEGIES  # noqa: E402
from covidseg.weak import SYSTEMS  # noqa: E402

WEAK = [f"covidseg/weak/{system.module}" for system in SYSTEMS.values()]
SCRIPTS = {
    "ingest": ["covidseg/archives/phantom/hosts", "download", "ingest"],
    "preprocess": ["preprocess", "split", "collect_splits", "slices", "cut_slices"],
    "train": [
        "train",
        *(f"covidseg/training/strategies/{strategy.module}" for strategy in STRATEGIES.values()),
        "train_weak",
        *WEAK,
    ],
    "evaluate": ["predict", "score", "localise", *WEAK, "score_weak", "collect", "summarise"],
    "paper": [
        *("licences", "errata", "table", "violin", "visual", "relations", "examples", "describe"),
        *("localisation", "thresholds"),
    ],
}


def code_of(stage: str) -> list[str]:
    """Return the files of a stage's scripts and of the modules they import, relative to the repository."""
    return [str(path.relative_to(ROOT)) for path in imported(CODE, SCRIPTS[stage])]


def listed(stage: dict) -> list[str]:
    """Return the files of code that a stage of dvc.yaml lists."""
    return [path for path in stage["deps"] if is_code(path)]


def is_code(path: str) -> bool:
    """Tell code from data and rules, which are listed by hand."""
    return path.startswith("workflow/scripts/")


if __name__ == "__main__":
    yaml = YAML()
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    path = ROOT / "dvc.yaml"
    content = yaml.load(path)
    for name, stage in content["stages"].items():
        others = [dependency for dependency in stage["deps"] if not is_code(dependency)]
        stage["deps"] = others + code_of(name)
    yaml.dump(content, path)
