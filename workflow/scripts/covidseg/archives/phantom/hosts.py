"""Pack phantom cases as the real hosts pack real cases: with the same names, layouts and quirks."""

import csv
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from covidseg.archives.phantom.anatomy import Grid
from covidseg.archives.phantom.cohort import Case, make_case, ranks
from covidseg.archives.phantom.dicom import series_files
from covidseg.archives.phantom.dirt import examined, packed
from covidseg.archives.phantom.odd_archives import Member
from covidseg.archives.phantom.real_size import at_real_size
from covidseg.archives.zips import write_zip
from covidseg.errors import InputError
from covidseg.volumes import Volume, nifti_bytes

MARKED_PIXELS = 12  # a slice with more pixels of lesion than this counts as a slice with lesion


def write_archive(
    path: Path,
    dataset: str,
    archive: str,
    *,
    cases: list[str],
    cohort: list[str],
    seed: int,
    grid: tuple[tuple[int, int, int], tuple[float, float, float]] | None = None,
) -> None:
    """Write the phantom of one archive of a host.

    Args:
        path: file to write. The file is not complete until this function returns.
        dataset: data set whose host serves the archive.
        archive: file name of the archive at the host.
        cases: names of the cases in the archive; of all cases if the host has one archive per case.
        cohort: names of all phantom cases of the host, among which the sizes of the infections are spread.
        seed: seed of the phantom; the same seed gives the same bytes.
        grid: number of voxels (z, y, x) and spacing (z, y, x) in mm of all scans; None: of small scans.

    Raises:
        InputError: the data set has no phantom, or its host has no archive of this name.
    """
    packers = {
        "covid20": _covid20,
        "msd": _decathlon,
        "structseg": _structseg,
        "nsclc": _nsclc,
        "mosmed": _mosmed,
        "capepoint": _capepoint,
    }
    if dataset not in packers:
        raise InputError(
            f"phantom:{dataset}/{archive}: no phantom of this data set; there are {sorted(packers)}"
        )
    place = ranks(tuple(cohort), seed)

    def draw(case: str) -> Case:
        drawn = make_case(dataset, case, seed=seed, rank=place[case])
        return examined(dataset, case, at_real_size(drawn, Grid(*grid), case) if grid else drawn)

    members = packed(archive, packers[dataset](archive, cases, draw))
    if archive.endswith((".nii.gz", ".csv")):
        path.write_bytes(next(members)[1])
    elif archive.endswith(".tar"):
        _write_tar(path, members)
    else:
        write_zip(path, members)


def _covid20(archive: str, cases: list[str], draw: Callable[[str], Case]) -> Iterator[Member]:
    """Yield the files of Zenodo 3757476: four zips without folders, with the same file names in each zip."""
    content = {
        "COVID-19-CT-Seg_20cases.zip": lambda case, name: (
            _windowed(case.image) if name.startswith("radiopaedia") else case.image
        ),
        "Lung_Mask.zip": lambda case, _: case.lungs,
        "Infection_Mask.zip": lambda case, _: case.lesion,
        "Lung_and_Infection_Mask.zip": lambda case, _: _joint(case),
    }
    if archive not in content:
        raise InputError(f"phantom:covid20/{archive}: the host has only {sorted(content)}")
    for name in cases:
        case = draw(name)
        yield f"{name}.nii.gz", nifti_bytes(content[archive](case, name), orientation=case.orientation)


def _windowed(image: Volume) -> Volume:
    """Map the window [-1250, 250] HU to [0, 255], as in the published Radiopaedia scans."""
    scaled = (np.clip(image.array, -1250, 250) + 1250.0) * (255 / 1500)
    return Volume(scaled.astype(np.int16), image.geometry)


def _joint(case: Case) -> Volume:
    """Return the label map with 1 in the left lung, 2 in the right lung and 3 in the infection."""
    return Volume(np.where(case.lesion.array, np.uint8(3), case.lungs.array), case.lungs.geometry)


def _decathlon(archive: str, cases: list[str], draw: Callable[[str], Case]) -> Iterator[Member]:
    """Yield the files of Task06_Lung.tar: dataset.json, imagesTr and labelsTr."""
    root = archive.removesuffix(".tar")
    listing = [{"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"} for name in cases]
    header = {
        "name": "Lung",
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "cancer"},
        "numTraining": len(cases),
        "training": listing,
        "numTest": 1,
        "test": ["./imagesTs/lung_002.nii.gz"],
    }
    yield f"{root}/dataset.json", json.dumps(header, indent=1).encode()
    for name in cases:
        case = draw(name)
        for folder, image in (("imagesTr", case.image), ("labelsTr", case.lesion)):
            yield f"{root}/{folder}/{name}.nii.gz", nifti_bytes(image, orientation=case.orientation)


def _structseg(archive: str, cases: list[str], draw: Callable[[str], Case]) -> Iterator[Member]:
    """Yield the files of StructSeg 2019, tasks 3 and 4: per case a folder with data.nii.gz, label.nii.gz."""
    labels = {"Thoracic_OAR.zip": _organs_at_risk, "Lung_GTV.zip": lambda case: case.lesion}
    if archive not in labels:
        raise InputError(f"phantom:structseg/{archive}: the host has only {sorted(labels)}")
    for name in cases:
        case = draw(name)
        folder = f"{archive.removesuffix('.zip')}/{name.removeprefix('train_')}"
        yield f"{folder}/data.nii.gz", nifti_bytes(case.image, orientation=case.orientation)
        yield f"{folder}/label.nii.gz", nifti_bytes(labels[archive](case), orientation=case.orientation)


def _organs_at_risk(case: Case) -> Volume:
    """Return a label map: 1 right lung, 2 left lung, 3 to 6 dense tissue in place of the other organs."""
    organs = 3 + 4 * np.arange(case.image.array.shape[2]) // case.image.array.shape[2]
    dense = np.where(case.image.array > 20, organs, 0)
    return Volume(np.choose(case.lungs.array, [dense, 2, 1]).astype(np.uint8), case.lungs.geometry)


def _nsclc(archive: str, cases: list[str], draw: Callable[[str], Case]) -> Iterator[Member]:
    """Yield the files of an archive of NSCLC-Radiomics at TCIA, or of PleThora.

    TCIA serves one zip of DICOM slices per patient. PleThora's zips contain masks. The masks are stored in
    the orientation RPI, but the scans in RAI.
    """
    masks = {
        "PleThora-Effusions-June-2020.zip": (
            "Effusions",
            "effusion_first_reviewer",
            lambda case: case.lesion,
        ),
        "PleThora-Thoracic_Cavities-June-2020.zip": (
            "Thoracic_Cavities",
            "thor_cav_primary_reviewer",
            lambda case: case.lungs,
        ),
    }
    if archive in masks:
        folder, suffix, mask = masks[archive]
        for name in cases:
            # In "RPI" each letter says where an axis starts; by where the axes end, RPI is LAS.
            yield f"{folder}/{name}/{name}_{suffix}.nii.gz", nifti_bytes(mask(draw(name)), orientation="LAS")
    elif archive.removesuffix(".zip") in cases:
        name = archive.removesuffix(".zip")
        yield from series_files(draw(name).image, patient=name)
    else:
        raise InputError(
            f"phantom:nsclc/{archive}: neither a PleThora zip nor a patient of {cases[0]} .. {cases[-1]}"
        )


def _mosmed(archive: str, cases: list[str], draw: Callable[[str], Case]) -> Iterator[Member]:
    """Yield the file of an archive of COVID19_1110: the registry, or a study's scan, or a study's mask."""
    if archive == "dataset_registry.csv":
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["study_id", "category", "study_file", "mask_file"])
        writer.writerow(["study_0001", "CT-0", "/studies/CT-0/study_0001.nii.gz", ""])
        for name in cases:
            writer.writerow([name, "CT-1", f"/studies/CT-1/{name}.nii.gz", f"/masks/{name}_mask.nii.gz"])
        yield archive, table.getvalue().encode()
        return
    case = draw(archive.removesuffix(".nii.gz").removesuffix("_mask"))
    mask = Volume(case.lesion.array.astype(np.int16), case.lesion.geometry)
    volume = mask if archive.endswith("_mask.nii.gz") else case.image
    yield archive, nifti_bytes(volume, orientation=case.orientation)


def _capepoint(archive: str, cases: list[str], draw: Callable[[str], Case]) -> Iterator[Member]:
    """Yield the files of a repository: slices that show only the lungs, and lesion masks of half the size.

    The masks are grey and noisy, as the authors' masks are.
    """
    root, numbers = f"{archive.removesuffix('.zip')}/data/gan", {"normal": 0, "lesion": 0}
    for name in cases:
        case = draw(name)
        windowed = np.where(case.lungs.array > 0, _windowed(case.image).array, 0).astype(np.uint8)
        lungs, lesion = ((array > 0).sum((1, 2)) for array in (case.lungs.array, case.lesion.array))
        kind = "lesion" if lesion.any() else "normal"
        for z in np.flatnonzero((lungs > lungs.max() / 4) & ((lesion > MARKED_PIXELS) | (kind == "normal"))):
            numbers[kind] += 1
            yield f"{root}/{kind}/{kind}_{numbers[kind]}.png", _png(windowed[z])
            if kind == "lesion":
                mask = _as_jpeg(case.lesion.array[z] * np.uint8(255))
                half = np.array(mask.resize((mask.width // 2, mask.height // 2), Image.Resampling.BILINEAR))
                yield f"{root}/eval/select_mask_f_resized/lesion_{numbers[kind]}_mask.png", _png(half)


def _as_jpeg(picture: np.ndarray) -> Image.Image:
    """Return a picture after JPEG compression."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "jpeg", quality=98)
    return Image.open(buffer)


def _png(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "png")
    return buffer.getvalue()


def _write_tar(path: Path, members: Iterator[Member]) -> None:
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
