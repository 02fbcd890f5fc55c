"""Axial slices with image-level labels, read from archives of slices or cut out of volumes.

The images and the lesion masks are in separate folders, so that no training can read a mask: `images/` has
the slices, and `masks/` has the lesion masks of the test slices.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from covidseg.archives.archive import Archive, member_expression
from covidseg.archives.dataset import Dataset, Pictures
from covidseg.cases.case_folder import CaseFolder, volume_path
from covidseg.cases.intensity import to_window, window_of
from covidseg.cases.pictures import numbers, read_picture
from covidseg.errors import InputError
from covidseg.files import atomic_directory, write_array, write_csv
from covidseg.volumes import read_volume

TEST_SHARE = 0.2  # share of the lesion slices that are test slices


@dataclass(frozen=True)
class Slices:
    """Slices of one kind.

    Attributes:
        names: name of each slice.
        images: uint8 (n, y, x), black outside the lungs.
        masks: bool (n, y, x), the lesions; None for training slices.
    """

    names: list[str]
    images: np.ndarray
    masks: np.ndarray | None = None


def read_slices(dataset: Dataset, raw: Path, *, size: int) -> dict[str, Slices]:
    """Read a data set of slices: `train_normal`, `train_lesion` and `test_lesion`.

    The last fifth of the lesion slices, in the order of their numbers, are the test slices. This choice is
    ours, since the authors' lists are not published. Slices with neighbouring numbers are often from one
    scan: after a random draw, many test slices would be neighbours of training slices.

    Args:
        dataset: entry of config/datasets.yaml with `slices`.
        raw: folder of the downloaded archives.
        size: number of pixels per side of a slice.

    Raises:
        InputError: a member of the archive is no picture, a mask is missing, or there is no normal slice or
            no lesion slice.
    """
    path = raw / dataset["slices"]["archive"]
    with Archive(path) as archive:
        reader = _labelled_by_folder if "normal" in dataset["slices"] else _labelled_by_mask
        normal, lesion = reader(archive, dataset["slices"], size)
    for kind, found in (("normal", normal), ("lesion", lesion)):
        if not found.names:
            raise InputError(f"{path}: no {kind} slice; see slices in datasets.yaml")
    assert lesion.masks is not None  # both readers return the masks of lesion slices
    tested = max(1, round(TEST_SHARE * len(lesion.names)))
    return {
        "train_normal": Slices(normal.names, normal.images),
        "train_lesion": Slices(lesion.names[:-tested], lesion.images[:-tested]),
        "test_lesion": Slices(lesion.names[-tested:], lesion.images[-tested:], lesion.masks[-tested:]),
    }


def _labelled_by_folder(archive: Archive, entry: Pictures, size: int) -> tuple[Slices, Slices]:
    """Read slices that are in one folder per kind and are black outside the lungs."""
    members = {
        "normal": _members(archive, entry["normal"]),
        "lesion": _members(archive, entry["lesion"]),
        "masks": _members(archive, entry["masks"]),
    }
    missing = [name for name in members["lesion"] if name not in members["masks"]]
    if missing:
        raise InputError(f"{archive.path}: no mask of {len(missing)} lesion slices, {missing[0]} among them")
    normal, lesion = (
        Slices(list(members[kind]), _stack(archive, list(members[kind].values()), size))
        for kind in ("normal", "lesion")
    )
    masks = _stack(archive, [members["masks"][name] for name in lesion.names], size, mask=True) > 0
    return normal, Slices(lesion.names, lesion.images, masks)


def _labelled_by_mask(archive: Archive, entry: Pictures, size: int) -> tuple[Slices, Slices]:
    """Read slices with masks of lungs and lesions; a slice without lesion in its mask is normal."""
    images, masks = _members(archive, entry["images"]), _members(archive, entry["masks"])
    names = [name for name in masks if name in images]
    pictures = _stack(archive, [images[name] for name in names], size)
    ids = _stack(archive, [masks[name] for name in names], size, mask=True)
    pictures[~np.isin(ids, entry["lungs"])] = 0
    lesions = np.isin(ids, entry["lesions"])
    with_lesion = lesions.sum((1, 2)) > 0
    normal, lesion = (
        Slices(
            [name for name, is_kind in zip(names, kind, strict=True) if is_kind],
            pictures[kind],
            lesions[kind],
        )
        for kind in (~with_lesion, with_lesion)
    )
    return normal, lesion


def _members(archive: Archive, pattern: str) -> dict[str, str]:
    """Return slice name -> member of the archive, in the order of the numbers in the names."""
    expression = re.compile(member_expression(pattern, "(?P<case>.+?)"))
    found = {match["case"]: name for name in archive.names if (match := expression.fullmatch(name))}
    return dict(sorted(found.items(), key=lambda item: numbers(item[0])))


def _stack(archive: Archive, members: list[str], size: int, *, mask: bool = False) -> np.ndarray:
    pictures = [_picture(archive, name, size, mask=mask) for name in members]
    return np.stack(pictures) if pictures else np.empty((0, size, size), np.uint8)


def _picture(archive: Archive, name: str, size: int, *, mask: bool) -> np.ndarray:
    picture = read_picture(archive.read(name), f"{archive.path}:{name}")
    picture = picture if mask and picture.mode in ("1", "P") else picture.convert("L")
    filter_ = Image.Resampling.NEAREST if mask else Image.Resampling.BILINEAR
    return np.array(picture.resize((size, size), filter_)).astype(np.uint8)


def cut_slices(
    cases: CaseFolder,
    dataset: Dataset,
    lungs: Path | None,
    *,
    count: int,
    window: tuple[float, float],
    size: int,
    seed: int,
) -> dict[str, Slices]:
    """Cut slices with infection out of ingested volumes, black outside the lungs: `test_lesion`.

    Args:
        cases: the ingested data set, with labels of both lungs and the infection.
        dataset: entry of the data set in config/datasets.yaml.
        lungs: folder of a model's segmentations of the lungs, <case>.nii.gz; None: the labelled lungs.
        count: number of slices to draw from all slices with infection within the lungs; if there are fewer
            slices, all are taken.
        window: intensities, in HU, that become black and white.
        size: number of pixels per side of a slice.
        seed: seed of the draw.

    Raises:
        InputError: a segmentation of the lungs is on another grid than the scan, or no slice has infection
            within the lungs.
    """
    ids = {region: number for number, region in dataset["regions"].items()}
    names: list[str] = []
    images: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    for case in pd.read_csv(cases.table)["case"]:
        scan, label = read_volume(cases.image(case)), read_volume(cases.label(case))
        segmented = lungs and volume_path(lungs, case)
        cavity = read_volume(segmented) if segmented else label
        if cavity.geometry.differences(scan.geometry):
            raise InputError(f"{segmented}: lies on another grid than the scan")
        infection = (label.array == ids["infection"]) & (cavity.array > 0)
        own_window = window_of(dataset, case, scan.array, window)
        for z in np.flatnonzero(infection.any((1, 2))):
            picture = to_window(torch.from_numpy(scan.array[z]), own_window).numpy()
            names.append(f"{case}_{z + 1:03d}")
            images.append(
                _resized(np.where(cavity.array[z] > 0, picture, 0), size, Image.Resampling.BILINEAR)
            )
            masks.append(_resized(infection[z], size, Image.Resampling.NEAREST) > 0)
    kept = [place for place, mask in enumerate(masks) if mask.any()]
    chosen = sorted(np.random.default_rng(seed).permutation(kept)[:count].tolist())
    if not chosen:
        raise InputError(f"{cases.path}: no slice has infection within the lungs")
    stacks = [np.stack([part[place] for place in chosen]) for part in (images, masks)]
    return {"test_lesion": Slices([names[place] for place in chosen], stacks[0], stacks[1])}


def _resized(picture: np.ndarray, size: int, filter_: Image.Resampling) -> np.ndarray:
    return np.array(Image.fromarray(picture.round().astype(np.uint8)).resize((size, size), filter_))


def write_slices(slices: dict[str, Slices], *, images: Path, masks: Path) -> None:
    """Write <part>_<kind>.npy into both folders, and the slices' names as .csv beside the images.

    Args:
        slices: "<part>_<kind>", for example "test_lesion" -> slices.
        images: folder of the images.
        masks: folder of the lesion masks, without the parts that have none.
    """
    with atomic_directory(images) as pictures, atomic_directory(masks) as lesions:
        for name, found in slices.items():
            write_array(pictures / f"{name}.npy", found.images)
            write_csv(pictures / f"{name}.csv", pd.DataFrame({"slice": found.names}))
            if found.masks is not None:
                write_array(lesions / f"{name}.npy", found.masks)
