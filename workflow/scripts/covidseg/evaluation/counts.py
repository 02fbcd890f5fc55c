"""The numbers of pixels of every slice with the slice's patient, kept so that patients can be resampled."""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from covidseg.archives.dataset import Dataset
from covidseg.cases.splits import patient_of
from covidseg.errors import InputError
from covidseg.files import atomic_path
from covidseg.reading import AGAIN
from covidseg.weak.evaluation import Counts


def patient_of_slice(dataset: Dataset, name: str) -> str:
    """Return the patient of a slice, or what is known instead.

    A slice of a volume is named <case>_<number> and has the patient of its case. The names of published
    pictures do not tell the patient: a picture in a folder is named <scan>/<number> and has its scan, as in
    CC-CCII; any other picture stands for itself.

    Args:
        dataset: entry of config/datasets.yaml, of which only `patient` is read; pictures have none.
        name: name of the slice.
    """
    if "patient" in dataset:
        return patient_of(dataset, name.rpartition("_")[0])
    return name.rpartition("/")[0] or name


def write_counts(path: Path, counts: Mapping[str, tuple[Counts, Sequence[str]]]) -> None:
    """Write the numbers of pixels per slice as a compressed .npz file.

    Args:
        path: results/curves/<localiser>.npz.
        counts: split -> numbers of pixels, and the patient of each slice.
    """
    arrays = {
        f"{split}/{name}": array
        for split, (found, patients) in counts.items()
        for name, array in (vars(found) | {"patient": np.array(patients, str)}).items()
    }
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def read_counts(path: Path, split: str) -> tuple[Counts, np.ndarray]:
    """Return the numbers of pixels per slice of one split, and the patient of each slice."""
    try:
        with np.load(path) as arrays:
            counts = Counts(*(arrays[f"{split}/{name}"] for name in ("found", "marked", "lesion")))
            return counts, arrays[f"{split}/patient"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: damaged, or of another version ({error}); {AGAIN}") from error
