"""Where predictions lie that were made elsewhere, by the path in experiments.yaml."""

import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path

from covidseg.errors import InputError
from covidseg.files import fingerprint

FIELDS = ("case", "dataset", "fold")  # in a path, in braces
SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")


def fields_of(pattern: str) -> list[str]:
    """Return the names in braces in a path."""
    return re.findall(r"\{([^{}]*)\}", pattern)


def external_file(pattern: str, *, dataset: str, fold: int, case: str) -> Path:
    """Return the path of a prediction.

    Args:
        pattern: `predictions` of a row of experiments.yaml. A relative path starts in the folder in which
            Snakemake runs, ~ is the user's home.
        dataset, fold, case: what the fields of the path stand for.
    """
    return Path(_filled(pattern, dataset=dataset, fold=str(fold), case=case))


def _filled(pattern: str, **values: str) -> str:
    for name, value in values.items():
        pattern = pattern.replace(f"{{{name}}}", value)
    return os.path.expanduser(pattern)  # noqa: PTH111  (leaves ~ of an unknown user as it is)


def state_of_files(pattern: str, *, datasets: Iterable[str], fold: int) -> str:
    """Return a checksum of the names, sizes and times of all files that a path stands for in a fold.

    The content is not read. A file with another time and the same content counts as changed.

    Raises:
        InputError: there is no such file.
    """
    start = re.sub(r"[\[?*]", lambda match: glob.escape(match[0]), pattern)
    searched = [_filled(start, dataset=name, fold=str(fold), case="*") for name in datasets]
    found = sorted({path for one in searched for path in glob.glob(one)})  # noqa: PTH207  (takes ..)
    if not found:
        listed = " or ".join(dict.fromkeys(searched))
        raise InputError(f"predictions: no file {listed}; predict the cases, or correct experiments.yaml")
    states = {path: Path(path).stat() for path in found}
    return fingerprint([[path, one.st_size, one.st_mtime_ns] for path, one in states.items()], [])
