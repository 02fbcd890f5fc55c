"""Preprocessed cases on disk: memory-mapped arrays, of which a patch is read without the rest."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from covidseg.errors import InputError
from covidseg.files import write_array, write_json
from covidseg.reading import read_array, read_json

if TYPE_CHECKING:
    from covidseg.volumes import GeometryFields

FOREGROUND_LOCATIONS = 10_000  # voxels kept per label and case, as in nnU-Net


@dataclass(frozen=True)
class ArrayDescription:
    """The content of case.json, which describes a preprocessed case.

    Attributes:
        geometry: geometry of the ingested scan, as returned by `Geometry.to_json`.
        crop: [first voxel, voxel after the last one] per axis (z, y, x) of the ingested scan: the part of the
            scan that the arrays show.
        spacing_mm: millimetres per voxel (z, y, x) of the arrays.
        sha256: checksums of the ingested scan and of its label map.
    """

    geometry: "GeometryFields"
    crop: list[list[int]]
    spacing_mm: list[float]
    sha256: list[str]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return the description of the case in a folder; raises InputError if the file does not fit."""
        path = folder / "case.json"
        remedy = f"delete {folder.parent} and run again"
        try:
            return cls(**read_json(path, remedy))
        except TypeError as error:
            raise InputError(f"{path}: damaged, or of another version ({error}); {remedy}") from error

    @property
    def box(self) -> tuple[slice, ...]:
        """The crop as slices (z, y, x) of the ingested scan."""
        return tuple(slice(first, end) for first, end in self.crop)


@dataclass(frozen=True)
class Preprocessed:
    """A preprocessed case in its folder below results/preprocessed/<dataset>/; image and label stay on disk.

    Attributes:
        name: name of the case.
        image: z-scores, float16 (z, y, x), memory-mapped.
        label: label ids, uint8 (z, y, x), memory-mapped.
        foreground: int32 (n, 4): label id, z, y, x of some voxels of every label.
        description: description of the scan and of the arrays.
    """

    name: str
    image: np.ndarray
    label: np.ndarray
    foreground: np.ndarray
    description: ArrayDescription


def save_case(folder: Path, image: np.ndarray, label: np.ndarray, description: ArrayDescription) -> None:
    """Write a preprocessed case: arrays as plain .npy, which can be memory-mapped, and case.json."""
    folder.mkdir()
    for name, array in (("image", image), ("label", label), ("foreground", _foreground(label))):
        write_array(folder / f"{name}.npy", array)
    write_json(folder / "case.json", asdict(description))


def _foreground(label: np.ndarray) -> np.ndarray:
    generator = np.random.default_rng(1234)
    kept = [np.empty((0, 4), np.int32)]
    for value in np.unique(label[label > 0]):
        places = np.flatnonzero(label == value)
        if len(places) > FOREGROUND_LOCATIONS:
            places = generator.choice(places, FOREGROUND_LOCATIONS, replace=False)
        voxels = np.unravel_index(places, label.shape)
        kept.append(np.column_stack([np.full(len(places), value), *voxels]).astype(np.int32))
    return np.concatenate(kept)


def open_case(folder: Path) -> Preprocessed:
    """Open a preprocessed case without reading its image and its label into memory.

    Raises:
        InputError: a file of the case is damaged, or the files do not fit each other.
    """
    remedy = f"delete {folder.parent} and run again"
    image, label = (read_array(folder / f"{name}.npy", remedy, mapped=True) for name in ("image", "label"))
    foreground = read_array(folder / "foreground.npy", remedy)
    if image.shape != label.shape or image.ndim != 3 or foreground.shape[1:] != (4,):
        raise InputError(f"{folder}: image, label and foreground do not fit each other; {remedy}")
    return Preprocessed(folder.name, image, label, foreground, ArrayDescription.read(folder))
