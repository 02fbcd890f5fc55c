"""What is known of a segmented scan."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from covidseg.segment.lungs import Lungs
from covidseg.segment.quantification import Quantification
from covidseg.volumes import Volume


@dataclass(frozen=True, kw_only=True)
class Result:
    """A segmented scan.

    Attributes:
        name: name of the scan, and of the folder with its files.
        path: file, archive or folder of the scan.
        image: the scan (z, y, x).
        windowed: whether the voxels are grey levels 0 to 255 instead of HU.
        lungs: with the infection.
        infection: mask of the infection, bool (z, y, x).
        disagreement: as in `Segmentation`, uint8 (z, y, x).
        numbers: from `quantify`.
        models: names of the models of the infection and of the lungs.
        networks: number of networks that were averaged for the infection.
        warnings: what the user has to know, in words.
    """

    name: str
    path: Path
    image: Volume
    windowed: bool
    lungs: Lungs
    infection: np.ndarray
    disagreement: np.ndarray
    numbers: Quantification
    models: tuple[str, str]
    networks: int
    warnings: list[str]

    def masks(self) -> dict[str, np.ndarray]:
        """Return name of the file -> its voxels, uint8 (z, y, x)."""
        return {
            "infection": self.infection.astype(np.uint8),
            "lungs": self.lungs.left + 2 * self.lungs.right.astype(np.uint8),
            "disagreement": self.disagreement,
        }
