"""The conda environment of a job: the whole one, or the light one, which has no torch."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from covidseg.runs.code import imported, text_of

WHOLE, LIGHT = "environment.yaml", "light.yaml"  # in envs/
# Packages that only the whole environment has: section "networks" of envs/requirements.txt.
HEAVY = (
    *("torch", "torchvision", "triton", "dynamic_network_architectures", "safetensors", "monai"),
    *("onnx", "onnxruntime", "onnxscript"),
)
IMPORT = re.compile(rf"^\s*(?:import|from) (?:{'|'.join(HEAVY)})\b", re.MULTILINE)


def environment_of(folder: Path, scripts: Iterable[str]) -> str:
    """Return the conda file of a job: the light one if nothing that the job runs imports torch or its kind.

    Args:
        folder: folder of the scripts and of the package `covidseg`.
        scripts: paths of what the job runs, relative to `folder`, without suffix.
    """
    return WHOLE if any(_is_heavy(text_of(path)) for path in imported(folder, scripts)) else LIGHT


@cache
def _is_heavy(text: str) -> bool:
    return IMPORT.search(text) is not None
