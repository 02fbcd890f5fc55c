"""Axial slices with image-level labels, read from archives of slices or cut out of volumes.

The images and the lesion masks are in separate folders, so that no training can read a mask: `images/` has
the slices, and `masks/` has the lesion masks of the test slices.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from PIL import Image

from covidseg.archives.archive import Archive
from covidseg.archives.dataset import Dataset, Pictures
from covidseg.archives.members import ANY_FOLDERS, describe_content, find_members
from covidseg.cases.case_folder import CaseFolder, volume_path
from covidseg.cases.intensity import to_window, window_of
from covidseg.cases.pictures import numbers, read_picture
from covidseg.errors import InputError
from covidseg.files import atomic_directory, write_array, write_csv
from covidseg.reading import read_table
from covidseg.volumes import read_volume
from covidseg.weak.sections import SliceCounts

log = logging.getLogger(__name__)

Part = Literal["train_normal", "train_lesion", "test_lesion"]
Content = Literal["image", "mask", "ids"]  # what a picture has: a slice, a grey mask, or ids of regions


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

    def at(self, places: list[int]) -> "Slices":
        """Return the slices at the given places."""
        masks = None if self.masks is None else self.masks[places]
        return Slices([self.names[place] for place in places], self.images[places], masks)


def read_slices(
    dataset: Dataset, raw: Path, *, size: int, mask_level: int, counts: SliceCounts, seed: int
) -> dict[str, Slices]:
    """Read a data set of slices: `train_normal`, `train_lesion` and `test_lesion`.

    The slices are drawn at random, without overlap of training and test (yang2021 3.1). The authors' lists
    are not published. Slices with neighbouring numbers are often from one scan, so that some test slices are
    neighbours of training slices. Test slices without a lesion in their mask are not drawn.

    Args:
        dataset: entry of config/datasets.yaml with `slices`.
        raw: folder of the downloaded archives.
        size: number of pixels per side of a slice.
        mask_level: lowest grey level of a lesion in masks that are pictures of grey levels.
        counts: number of slices of each part.
        seed: seed of the draw.

    Raises:
        InputError: a member of the archive is no picture, a mask is missing, or there are too few slices.
    """
    path = raw / dataset["slices"]["archive"]
    with Archive(path) as archive:
        if "normal" in dataset["slices"]:
            normal, lesion = _labelled_by_folder(archive, dataset["slices"], size, mask_level)
        else:
            normal, lesion = _labelled_by_mask(archive, dataset["slices"], size)
    assert lesion.masks is not None  # both readers return the masks of lesion slices
    generator = np.random.default_rng(seed)

    def draw(name: Part, places: np.ndarray) -> list[int]:
        return _draw(places, counts[name], generator, where=f"{path}: {name}", key="weak.slices")

    marked = np.flatnonzero(lesion.masks.any((1, 2)))  # a mask without lesion tells nothing of a heat map
    tested = draw("test_lesion", marked)
    trained = draw("train_lesion", np.setdiff1d(np.arange(len(lesion.names)), tested))
    return {
        "train_normal": normal.at(draw("train_normal", np.arange(len(normal.names)))),
        "train_lesion": replace(lesion.at(trained), masks=None),
        "test_lesion": lesion.at(tested),
    }


def _draw(
    places: np.ndarray, count: int | None, generator: np.random.Generator, *, where: str, key: str
) -> list[int]:
    """Return `count` random places, or all places if the count is None, in ascending order.

    The message of an error names `where`, what is drawn, and `key`, the configuration's key of the count.
    """
    if len(places) < (count or 1):
        few = f"{len(places)} of the {count} slices that {key} asks for; lower the number"
        raise InputError(f"{where}: {few if count else 'no slice'}")
    return sorted(generator.permutation(places)[:count].tolist())


def _labelled_by_folder(
    archive: Archive, entry: Pictures, size: int, mask_level: int
) -> tuple[Slices, Slices]:
    """Read slices that are in one folder per kind and are black outside the lungs.

    The masks of yang2021's authors are grey, with soft edges and the noise of JPEG. Half of the white level
    is the edge of a lesion. The authors' code takes every pixel above 0, which adds a border.
    """
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
    masks = _stack(archive, [members["masks"][name] for name in lesion.names], size, "mask")
    return normal, replace(lesion, masks=masks >= mask_level)


def _labelled_by_mask(archive: Archive, entry: Pictures, size: int) -> tuple[Slices, Slices]:
    """Read slices with masks of lungs and lesions; a slice without lesion in its mask is normal."""
    images, masks = _members(archive, entry["images"]), _members(archive, entry["masks"])
    names = [name for name in masks if name in images]
    for kind, found, others in (
        ("images without mask", images, masks),
        ("masks without image", masks, images),
    ):
        if left := [member for name, member in found.items() if name not in others]:
            log.warning("%s: %d %s left out: %s ...", archive.path, len(left), kind, left[0])
    pictures = _stack(archive, [images[name] for name in names], size)
    ids = _stack(archive, [masks[name] for name in names], size, "ids")
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
    found: dict[str, str] = {}
    for name, match in find_members(archive, pattern, names=ANY_FOLDERS).items():
        if (other := found.setdefault(match["case"], name)) != name:
            raise InputError(f"{archive.path}: {other} and {name} are the same slice {match['case']}")
    if not found:
        raise InputError(f"{archive.path}: no file matches {pattern!r}; {describe_content(archive, pattern)}")
    return dict(sorted(found.items(), key=lambda item: numbers(item[0])))


def _stack(archive: Archive, members: list[str], size: int, content: Content = "image") -> np.ndarray:
    pictures = [_picture(archive, name, size, content) for name in members]
    return np.stack(pictures) if pictures else np.empty((0, size, size), np.uint8)


def _picture(archive: Archive, name: str, size: int, content: Content) -> np.ndarray:
    picture = read_picture(archive.read(name), f"{archive.path}:{name}")
    picture = picture if content == "ids" and picture.mode in ("1", "P") else picture.convert("L")
    filter_ = Image.Resampling.BILINEAR if content == "image" else Image.Resampling.NEAREST
    return np.array(picture.resize((size, size), filter_)).astype(np.uint8)


def cut_slices(
    cases: CaseFolder,
    dataset: Dataset,
    lungs: Path | None,
    *,
    count: int | None,
    window: tuple[float, float],
    size: int,
    seed: int,
) -> dict[str, Slices]:
    """Cut slices with infection out of ingested volumes: `test_lesion`.

    The images are black outside the lungs. The masks have the whole infection, also where the lungs were
    segmented too small (yang2021 3.1 removes only "visual information").

    Args:
        cases: the ingested data set, with labels of both lungs and the infection.
        dataset: entry of the data set in config/datasets.yaml.
        lungs: folder of a model's segmentations of the lungs, <case>.nii.gz; None: the labelled lungs.
        count: number of slices to draw from all slices with infection; None: all.
        window: intensities, in HU, that become black and white.
        size: number of pixels per side of a slice.
        seed: seed of the draw.

    Raises:
        InputError: a segmentation of the lungs is on another grid than the scan, or there are too few slices.
    """
    ids = {region: number for number, region in dataset["regions"].items()}
    names: list[str] = []
    images: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    for case in read_table(cases.table, ["case"], dtype={"case": str})["case"]:
        scan, label = read_volume(cases.image(case)), read_volume(cases.label(case))
        segmented = lungs and volume_path(lungs, case)
        cavity = read_volume(segmented) if segmented else label
        if cavity.geometry.differences(scan.geometry):
            raise InputError(f"{segmented}: lies on another grid than the scan")
        infection = label.array == ids["infection"]
        own_window = window_of(dataset, case, scan.array, window)
        for z in np.flatnonzero(infection.any((1, 2))):
            picture = to_window(torch.from_numpy(scan.array[z]), own_window).numpy()
            names.append(f"{case}_{z + 1:03d}")
            images.append(
                _resized(np.where(cavity.array[z] > 0, picture, 0), size, Image.Resampling.BILINEAR)
            )
            masks.append(_resized(infection[z], size, Image.Resampling.NEAREST) > 0)
    kept = np.flatnonzero([mask.any() for mask in masks])  # small lesions can get lost with the resolution
    generator, key = np.random.default_rng(seed), "weak.volume_slices"
    chosen = _draw(kept, count, generator, where=f"{cases.path}: infection", key=key)
    return {"test_lesion": Slices(names, np.stack(images), np.stack(masks)).at(chosen)}


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
