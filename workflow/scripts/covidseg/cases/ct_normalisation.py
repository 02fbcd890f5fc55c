"""Scans as nnU-Net's networks for CT see them: clipped and scaled by the intensities of their training data.

covidseg scales every scan by its own mean and standard deviation (`preprocessing`). nnU-Net scales all scans
alike: by the mean and the standard deviation of the voxels inside the labels of its training cases, after it
has clipped the scans to the 0.5 and the 99.5 percentile of these voxels (class CTNormalization in nnU-Net
v2). A network has to see the scans in the way in which it has learned to see them.
"""

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from covidseg.archives.dataset import Dataset
from covidseg.cases.arrays import ArrayDescription, save_case
from covidseg.cases.case_folder import CaseFolder, cases_in
from covidseg.cases.cropping import nonzero_box
from covidseg.cases.intensity import Window, intensity_of, window_of
from covidseg.cases.nnunet import to_hounsfield
from covidseg.cases.resampling import new_shape, resample, resample_label, spline_orders
from covidseg.errors import InputError
from covidseg.files import atomic_directory, digest
from covidseg.parallel import in_parallel
from covidseg.volumes import read_volume

log = logging.getLogger(__name__)

ENOUGH_SCANS = 20  # for a mean
SOME_HIDDEN, MOST_HIDDEN = 0.1, 0.5  # (ours) shares of the labelled voxels
SCHEME = (
    "clipped, minus the mean, divided by the standard deviation of nnU-Net's training data; then resampled"
)


@dataclass(frozen=True)
class CTNormalisation:
    """What nnU-Net's normalisation of CT needs, in HU.

    Attributes:
        window: lowest and highest intensity, to which scans are clipped.
        mean: intensity that becomes 0.
        deviation: difference of intensity that becomes 1.
    """

    window: Window
    mean: float
    deviation: float

    def checked(self) -> Self:
        """Return the normalisation itself; raises ValueError if no scan can be scaled by it."""
        values = (*self.window, self.mean, self.deviation)
        if not all(map(math.isfinite, values)) or self.window[0] >= self.window[1] or self.deviation <= 0:
            raise ValueError(
                f"its intensities are window {self.window}, mean {self.mean}, deviation {self.deviation}; "
                "expected finite HU, a window from low to high, and a deviation above 0"
            )
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the entry `normalisation` of model.json."""
        own = {"mean_hu": self.mean, "deviation_hu": self.deviation}
        return {"window_hu": list(self.window), "scheme": SCHEME, **own}

    @classmethod
    def of(cls, normalisation: Mapping[str, Any]) -> Self | None:
        """Return what the entry `normalisation` of a model.json says; None if the model scales by the scan.

        Raises:
            ValueError: the entry is damaged.
        """
        if not {"mean_hu", "deviation_hu"} <= normalisation.keys():
            return None
        low, high = normalisation["window_hu"]
        return cls((low, high), normalisation["mean_hu"], normalisation["deviation_hu"]).checked()

    def scale(self, slice_: torch.Tensor, grey: Window | None = None) -> torch.Tensor:
        """Scale a slice (y, x), to float32.

        Args:
            slice_: HU, or grey levels.
            grey: the HU that became the grey levels 0 and 255 before publication; None: the slice has HU.
        """
        return (_hounsfield(slice_, grey).clamp(*self.window) - self.mean) / self.deviation

    def hidden(self, voxels: torch.Tensor, grey: Window | None = None) -> int:
        """Return how many voxels lie beyond the window, where a network sees no difference between them."""
        values = _hounsfield(voxels, grey)
        low, high = self.window
        return int(((values < low) | (values > high)).sum())


def _hounsfield(voxels: torch.Tensor, grey: Window | None) -> torch.Tensor:
    values = voxels.float()
    return values if grey is None else values * ((grey[1] - grey[0]) / 255) + grey[0]


def normalisation_of_scans(scans: Sequence[tuple[Path, bool]], window: Window) -> CTNormalisation:
    """Return the normalisation with which nnU-Net's networks see scans nearly as covidseg's own do.

    covidseg scales every scan by its own mean and deviation. nnU-Net's normalisation of CT has one of each
    for all scans: here the averages over some scans. The difference is small, since the instance norm after
    the first convolution takes the mean and the scale of its input away. It remains at the edges of the
    tiles, beyond which a network sees zeros.

    Args:
        scans: path of a scan, and whether its voxels are grey levels 0 to 255 of the window instead of HU.
        window: HU to which covidseg clips the scans.
    """
    some = scans[:: -(-len(scans) // ENOUGH_SCANS)]
    found = [
        to_hounsfield(read_volume(path).array, window, windowed=windowed).astype(np.float32)
        for path, windowed in some
    ]
    means, deviations = ([float(value(one)) for one in found] for value in (np.mean, np.std))
    return CTNormalisation(window, float(np.mean(means)), float(np.mean(deviations))).checked()


def training_scans(
    names: Iterable[str], folders: Mapping[str, CaseFolder], datasets: Mapping[str, Dataset]
) -> list[tuple[Path, bool]]:
    """Return the argument `scans` of `normalisation_of_scans`; scans without a relation to HU are left out.

    Args:
        names: <data set>/<case> of each scan.
        folders: data set -> the ingested data set.
        datasets: content of datasets.yaml, for these data sets.
    """
    found = []
    for name in sorted(names):
        dataset, _, case = name.partition("/")
        kind = intensity_of(datasets[dataset], case)
        if kind != "grey":
            found.append((folders[dataset].image(case), kind == "windowed"))
    return found


def resample_and_scale(
    image: np.ndarray,
    spacing: tuple[float, float, float],
    target_spacing: tuple[float, float, float],
    *,
    normalisation: CTNormalisation,
    grey: Window | None = None,
) -> np.ndarray:
    """Return a cropped scan (z, y, x) as float16 on the target spacing (mm), scaled for nnU-Net.

    nnU-Net v2 scales first and resamples then (its DefaultPreprocessor), and so does this function.
    """
    orders = spline_orders(spacing, target_spacing, order=3)
    shape = new_shape(image.shape, spacing, target_spacing)
    scaled = resample(torch.from_numpy(image), shape, orders, partial(normalisation.scale, grey=grey))
    return scaled.half().numpy()


def preprocess_for_nnunet(
    dataset: Dataset,
    *,
    cases: CaseFolder,
    spacing: tuple[float, float, float],
    normalisation: CTNormalisation,
    window: Window,
    output: Path,
    workers: int,
) -> None:
    """Preprocess every case of a data set for a network of nnU-Net: all of it or nothing.

    The cases have the same boxes, and so the same grids, as those of `preprocessing.preprocess`.

    Args:
        dataset: entry of config/datasets.yaml.
        cases: the ingested data set.
        spacing: (z, y, x) in mm, to which the cases are resampled.
        normalisation: how the intensities are scaled.
        window: HU that became 0 and 255 in scans that were published as grey levels.
        output: folder with one subfolder per case.
        workers: number of cases at the same time.

    Raises:
        InputError: a scan has grey levels that are not HU, or most labelled voxels lie beyond the window.
    """
    with atomic_directory(output) as partial_output:

        def one(name: str) -> tuple[int, int]:
            torch.set_num_threads(1)  # for this worker: the cases run in parallel
            files = [cases.image(name), cases.label(name)]
            image, label = read_volume(files[0]), read_volume(files[1]).array
            grey = grey_window(dataset, name, window)
            box = nonzero_box(image.array, window_of(dataset, name, image.array, window), name=str(files[0]))
            spacings = image.geometry.spacing, spacing
            array = resample_and_scale(image.array[box], *spacings, normalisation=normalisation, grey=grey)
            orders = spline_orders(*spacings, order=1)
            resampled = resample_label(torch.from_numpy(label[box]), array.shape, orders, dataset["regions"])
            description = ArrayDescription(
                geometry=image.geometry.to_json(),
                crop=[[side.start, side.stop] for side in box],
                spacing_mm=list(spacing),
                sha256=[digest(file) for file in files],
            )
            save_case(partial_output / name, array, resampled.numpy(), description)
            log.info("preprocessed %s: %s voxels of %s mm", name, array.shape, spacing)
            labelled = torch.from_numpy(image.array[label > 0])
            return normalisation.hidden(labelled, grey), len(labelled)

        counts = in_parallel(one, cases_in(cases.images), workers)
        _check_visible(counts, normalisation, output.name)


def grey_window(dataset: Dataset, case: str, window: Window) -> Window | None:
    """Return the HU of the grey levels 0 and 255 of a case, or None if the case is in HU.

    Raises:
        InputError: the grey levels of the case have no known relation to HU.
    """
    kind = intensity_of(dataset, case)
    if kind == "grey":
        raise InputError(
            f"{case}: its grey levels have no known relation to HU (intensity in datasets.yaml), and a "
            "network of nnU-Net needs HU: start from another source"
        )
    return window if kind == "windowed" else None


def _check_visible(counts: list[tuple[int, int]], normalisation: CTNormalisation, name: str) -> None:
    """Warn if labelled voxels lie beyond the window of a network, and refuse if most of them do.

    A network that was trained on solid tumours, for example, has a window in which the lungs are all black.

    Args:
        counts: per case, the number of labelled voxels beyond the window, and of all labelled voxels.
        normalisation: of the network.
        name: of the data set, for messages.
    """
    hidden, labelled = (sum(numbers) for numbers in zip(*counts, strict=True))
    share = hidden / max(labelled, 1)
    low, high = normalisation.window
    found = f"{name}: {share:.0%} of the labelled voxels lie beyond {low:g} to {high:g} HU"
    if share > MOST_HIDDEN:
        raise InputError(f"{found}, to which nnU-Net clips for this network; start from another source")
    if share > SOME_HIDDEN:
        log.warning("%s, to which nnU-Net clips for this network: it sees no difference between them", found)
