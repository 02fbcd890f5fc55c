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
    """
    searched = _searched(pattern, datasets, fold)
    states = {path: Path(path).stat() for path in _found(searched)}
    return fingerprint([[path, one.st_size, one.st_mtime_ns] for path, one in states.items()], [])


def refuse_absent_files(pattern: str, *, datasets: Iterable[str], fold: int) -> None:
    """Raise InputError if there is none of the files that a path stands for in a fold."""
    searched = _searched(pattern, datasets, fold)
    if not _found(searched):
        listed = " or ".join(searched).replace("[[]", "[")
        raise InputError(f"predictions: no file {listed}; predict the cases, or correct experiments.yaml")


def _searched(pattern: str, datasets: Iterable[str], fold: int) -> list[str]:
    """Return the paths with * in place of a case."""
    exact = re.sub(r"[\[?*]", lambda match: glob.escape(match[0]), pattern)
    names = dict.fromkeys(_filled(exact, dataset=name, fold=str(fold), case="*") for name in datasets)
    return list(names)


def _found(searched: Iterable[str]) -> list[str]:
    return sorted({path for one in searched for path in glob.glob(one)})  # noqa: PTH207  (takes ..)
