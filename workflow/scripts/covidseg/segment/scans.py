"""Find and read a user's own scans: NIfTI, NRRD, MetaImage, and DICOM in folders, zip and tar archives."""

import logging
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pydicom

from covidseg.archives.archive import Archive
from covidseg.cases.dicom import read_series
from covidseg.cases.dicom_files import BROKEN, is_ct, one_line, parse_dicom
from covidseg.cases.itk import read_itk
from covidseg.errors import InputError
from covidseg.volumes import Volume, read_volume

log = logging.getLogger(__name__)
NIFTI = (".nii", ".nii.gz")
ITK = (".nrrd", ".nhdr", ".mha", ".mhd")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
SUFFIXES = (*NIFTI, *ITK, *ARCHIVES)


def list_scans(paths: list[Path]) -> dict[str, Path]:
    """Return name of each scan -> its file, archive or folder, sorted by name within each argument.

    A folder with DICOM files is one scan. Any other folder holds scans: its files in formats that can be
    read, and its subfolders, each of which is a DICOM scan.

    Raises:
        InputError: a path does not exist, a folder is empty, or two scans have the same name.
    """
    found: dict[str, Path] = {}
    for path in paths:
        for scan in _scans_at(path):
            if (name := scan_name(scan)) in found:
                raise InputError(
                    f"{scan}: a scan {name} is there already ({found[name]}); rename one of them"
                )
            found[name] = scan
    return found


def scan_name(path: Path) -> str:
    """Return a path's last part without the suffix of its format."""
    name = path.resolve().name
    suffixes = [suffix for suffix in SUFFIXES if name.lower().endswith(suffix)]
    return name[: -max(map(len, suffixes))] if suffixes else name


def _scans_at(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_file():
        return [path]
    inside = sorted(one for one in path.iterdir() if not one.name.startswith("."))
    files = [one for one in inside if one.is_file()]
    scans = [one for one in files if one.name.lower().endswith(SUFFIXES)]
    folders = [one for one in inside if one.is_dir()]
    if not inside:
        raise InputError(
            f"{path}: the folder is empty; give the folder of a DICOM series, or of several scans"
        )
    if files and not scans:
        return [path]
    if not files and len(folders) == 1:
        return _scans_at(folders[0])  # a patient's folder that holds the folder of one study
    return sorted([*scans, *folders])


def read_scan(path: Path, series: str = "") -> Volume:
    """Read a scan.

    Args:
        path: a file, an archive, or the folder of DICOM files.
        series: UID, or beginning of the UID, of the DICOM series; empty: the CT series with the most slices.

    Returns:
        The scan (z, y, x), LPS. Its field `stored` has the axis codes of a file that is no DICOM.

    Raises:
        InputError: the file is damaged, or holds no scan.
    """
    name = path.name.lower()
    if path.is_file() and name.endswith(NIFTI):
        return read_volume(path)
    if path.is_file() and name.endswith(ITK):
        return read_itk(path)
    if path.is_file() and not name.endswith(ARCHIVES):
        raise InputError(
            f"{path}: unknown format; can be read: {' '.join(SUFFIXES)}, and folders of DICOM files"
        )
    return _read_dicom(path, series)


def _read_dicom(path: Path, series: str) -> Volume:
    with Archive(path) as archive:
        nifti = [name for name in archive.names if name.lower().endswith(NIFTI)]
        if nifti:
            raise InputError(
                f"{path}: holds NIfTI files such as {nifti[0]}; unpack the archive, and give its folder"
            )
        files = {name: archive.read(name) for name in archive.names}
    chosen = choose_series(files, str(path), series)
    volume = read_series({name: files[name] for name in chosen}, str(path))
    left_out = len(files) - len(chosen)
    more = (f"left out: {left_out} files that do not belong to the series",) if left_out else ()
    return replace(volume, warnings=(*volume.warnings, *more))


def choose_series(files: dict[str, bytes], name: str, series: str) -> list[str]:
    """Return the files of a CT series, and log all CT series if there are several.

    Args:
        files: name -> content.
        name: name of the folder or archive in messages.
        series: UID, or beginning of the UID, of the series; empty: the one with the most files.

    Raises:
        InputError: there is no CT series, or none or several with this UID.
    """
    found: dict[str, list[str]] = defaultdict(list)
    described: dict[str, str] = {}
    for file, content in files.items():
        if header := _header(content):
            uid = one_line(header.get("SeriesInstanceUID") or "no UID")
            found[uid].append(file)
            described[uid] = one_line(header.get("SeriesDescription") or "no description")
    if not found:
        raise InputError(f"{name}: no CT image among {len(files)} files")
    listed = "; ".join(f"{uid} ({len(found[uid])} files, {described[uid]})" for uid in sorted(found))
    fitting = [uid for uid in found if uid.startswith(series)]
    if series and len(fitting) != 1:
        raise InputError(
            f"{name}: --series {series}: {len(fitting)} series have this UID; there are: {listed}"
        )
    chosen = max(fitting, key=lambda uid: len(found[uid]))
    if len(found) > 1:
        log.warning(
            "%s: %d CT series, taken: %s (choose with --series): %s", name, len(found), chosen, listed
        )
    return found[chosen]


def _header(content: bytes) -> pydicom.Dataset | None:
    """Return the header of a CT image; None for anything else."""
    try:
        header = parse_dicom(content)
    except BROKEN:
        return None
    return header if is_ct(header) else None
