"""Find and read a user's own scans: NIfTI, NRRD, MetaImage, and DICOM in folders, zip and tar archives."""

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pydicom

from covidseg.archives.archive import Archive
from covidseg.cases.dicom import read_series
from covidseg.cases.dicom_files import BROKEN
from covidseg.cases.itk import read_itk
from covidseg.errors import InputError
from covidseg.segment.folders import full_path, read_numbers
from covidseg.segment.series import Series, choose_series, find_series
from covidseg.volumes import Volume, read_volume

log = logging.getLogger(__name__)

NIFTI = (".nii", ".nii.gz")
ITK = (".nrrd", ".nhdr", ".mha", ".mhd")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
SUFFIXES = (*NIFTI, *ITK, *ARCHIVES)
NO_STUDY = "none"  # instead of the UID of a study, in a file whose UIDs were removed


def list_scans(paths: list[Path], output: Path | None = None) -> dict[str, Path]:
    """Return name of each scan -> its file, archive or folder, sorted by name within each argument.

    A folder with DICOM files of one study is one scan. Any other folder holds scans: its files in formats
    that can be read, and the scans in its subfolders. A scan that is given twice is taken once.

    Args:
        paths: files and folders.
        output: folder for the results, which holds no scans.

    Raises:
        InputError: a path does not exist, or a folder has no scan.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
        if not (scans := _scans_at(path, output)):
            raise InputError(
                f"{path}: no scan in this folder; give the folder of a DICOM series, or of several scans"
            )
        for scan in scans:
            found.setdefault(full_path(scan), scan)
    return dict(zip(_names(list(found)), found.values(), strict=True))


def scan_name(path: Path) -> str:
    """Return a path's last part without the suffix of its format."""
    name = full_path(path).name
    suffixes = [suffix for suffix in SUFFIXES if name.lower().endswith(suffix)]
    return name[: -max(map(len, suffixes))] if suffixes else name


def _names(scans: list[Path]) -> list[str]:
    """Return a name of each scan: the shortest one that means no other scan.

    A file p1/ct.nii.gz is ct; p1_ct, if there is a p2/ct.nii.gz; and ct.nii.gz, if there is a p1/ct.mha.

    Raises:
        InputError: two scans have the same names whatever is added.
    """
    possible = [_possible_names(scan) for scan in scans]
    counts = Counter(one for names in possible for one in enumerate(names))
    found: list[str] = []
    for scan, names in zip(scans, possible, strict=True):
        own = (name for one in enumerate(names) if counts[one] == 1 and (name := one[1]) not in found)
        if not (name := next(own, "")):
            raise InputError(f"{scan}: has the name of another scan; rename one of them")
        found.append(name)
    return found


def _possible_names(scan: Path) -> list[str]:
    """Return the last part of a path, without and with its suffix, each with more and more folders."""
    folders = scan.parent.parts[1:]
    starts = range(len(folders), -1, -1)
    return ["_".join([*folders[start:], last]) for last in (scan_name(scan), scan.name) for start in starts]


def _scans_at(path: Path, output: Path | None) -> list[Path]:
    """Return the scans at a path, sorted; a link that leads nowhere is one, so that reading it says so."""
    if not path.is_dir():
        return [path]
    inside = sorted(one for one in path.iterdir() if not one.name.startswith(".") and not _same(one, output))
    folders = [one for one in inside if one.is_dir() and not (_holds(one, path) or read_numbers(one))]
    files = [one for one in inside if one.is_file() or (one.is_symlink() and not one.exists())]
    studies = {folder: _study_in(folder) for folder in folders}
    if any(map(_study_of, files)) or (len(set(studies.values())) == 1 and all(studies.values())):
        return [path]
    scans = [one for one in files if one.name.lower().endswith(SUFFIXES)]
    others = [one.name for one in files if one not in scans]
    for folder, study in studies.items():
        scans += [folder] if study else _scans_at(folder, output) or [folder]
    if scans and others:
        log.info("%s: left out: %d files of other formats, such as %s", path, len(others), others[0])
    return sorted(scans)


def _same(one: Path, other: Path | None) -> bool:
    return other is not None and one.resolve() == other.resolve()


def _holds(one: Path, path: Path) -> bool:
    """Return whether a folder is a link to another one, in which it lies itself."""
    return path.resolve().is_relative_to(one.resolve())


def _study_in(folder: Path) -> str:
    """Return the UID of the study of a folder's first DICOM file; empty if there is no such file."""
    files = (one for one in sorted(folder.rglob("*")) if one.is_file() and not one.name.startswith("."))
    return next(filter(None, map(_study_of, files)), "")


def _study_of(file: Path) -> str:
    """Return the UID of the study of a DICOM file, or NO_STUDY; empty for any other file."""
    if file.name.lower().endswith(SUFFIXES):
        return ""
    try:
        header = pydicom.dcmread(file, stop_before_pixels=True, force=True)
        return str(header.get("StudyInstanceUID") or (NO_STUDY if "SOPClassUID" in header else ""))
    except BROKEN:
        return ""


def read_scan(path: Path, series: str = "") -> Volume:
    """Read a scan.

    Args:
        path: a file, an archive, or the folder of DICOM files.
        series: UID, or beginning of the UID, of the DICOM series; empty: the CT with the most slices.

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
    if path.is_file() and not name.endswith(ARCHIVES) and not _study_of(path):
        raise InputError(
            f"{path}: unknown format; can be read: {' '.join(SUFFIXES)}, and folders of DICOM files"
        )
    return _read_dicom(path, series)


def read_dicom_files(path: Path, series: str = "") -> dict[str, bytes]:
    """Return file -> content of a CT series; arguments and errors as of `read_scan`."""
    files = _read_files(path)
    chosen = choose_series(_series_in(files, path), series, str(path))
    return {name: files[name] for name in chosen.files}


def list_series(path: Path) -> list[Series]:
    """Return the CT series in a DICOM folder or archive, the one with the most slices first.

    Raises:
        InputError: the path holds no CT series.
    """
    if not is_dicom(path):
        raise InputError(f"{path}: a file without DICOM series")
    return _series_in(_read_files(path), path)


def is_dicom(path: Path) -> bool:
    """Return whether a scan is a folder or an archive of DICOM files, or a single DICOM file."""
    return path.is_dir() or not path.name.lower().endswith((*NIFTI, *ITK))


def _read_dicom(path: Path, series: str) -> Volume:
    files = _read_files(path)
    found = _series_in(files, path)
    chosen = choose_series(found, series, str(path))
    volume = read_series({name: files[name] for name in chosen.files}, str(path))
    warnings = []
    if len(found) > 1:
        others = "; ".join(str(one) for one in found if one is not chosen)
        warnings.append(f"series {chosen}; not taken: {others}; --series takes another one")
    if left_out := len(files) - sum(len(one.files) for one in found):
        warnings.append(f"left out: {left_out} of {len(files)} files (no CT image)")
    return replace(volume, warnings=(*volume.warnings, *warnings))


def _read_files(path: Path) -> dict[str, bytes]:
    if path.is_file() and not path.name.lower().endswith(ARCHIVES):
        return {path.name: path.read_bytes()}  # enhanced CT
    with Archive(path) as archive:
        return {name: archive.read(name) for name in archive.names}


def _series_in(files: dict[str, bytes], path: Path) -> list[Series]:
    """Return the CT series among files, as `find_series` does; scans in other formats are named, if any."""
    try:
        return find_series(files, str(path))
    except InputError as error:
        others = [name for name in files if name.lower().endswith(SUFFIXES)]
        if not others:
            raise
        raise InputError(f"{error}; such as {others[0]}: give this file itself, unpacked") from error
