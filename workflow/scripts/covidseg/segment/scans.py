"""Find and read a user's own scans: NIfTI, NRRD, MetaImage, and DICOM in folders, zip and tar archives."""

from dataclasses import replace
from pathlib import Path

import pydicom

from covidseg.archives.archive import Archive
from covidseg.cases.dicom import read_series
from covidseg.cases.dicom_files import BROKEN
from covidseg.cases.itk import read_itk
from covidseg.errors import InputError
from covidseg.segment.series import Series, choose_series, find_series
from covidseg.volumes import Volume, read_volume

NIFTI = (".nii", ".nii.gz")
ITK = (".nrrd", ".nhdr", ".mha", ".mhd")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
SUFFIXES = (*NIFTI, *ITK, *ARCHIVES)


def list_scans(paths: list[Path], output: Path | None = None) -> dict[str, Path]:
    """Return name of each scan -> its file, archive or folder, sorted by name within each argument.

    A folder with DICOM files of one study is one scan. Any other folder holds scans: its files in formats
    that can be read, and its subfolders.

    Args:
        paths: files and folders.
        output: folder for the results, which holds no scans.

    Raises:
        InputError: a path does not exist, a folder has no scan, or two scans have the same name.
    """
    found: dict[str, Path] = {}
    for path in paths:
        for scan in _scans_at(path, output):
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


def _scans_at(path: Path, output: Path | None) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_file():
        return [path]
    inside = sorted(one for one in path.iterdir() if not one.name.startswith(".") and not _same(one, output))
    folders = [one for one in inside if one.is_dir()]
    files = [one for one in inside if one.is_file()]
    studies = {_study_in(one) for one in folders}
    if any(map(_study_of, files)) or (len(studies) == 1 and all(studies)):
        return [path]
    scans = [one for one in files if one.name.lower().endswith(SUFFIXES)] + folders
    if not scans:
        raise InputError(
            f"{path}: no scan in this folder; give the folder of a DICOM series, or of several scans"
        )
    return sorted(scans)


def _same(one: Path, other: Path | None) -> bool:
    return other is not None and one.resolve() == other.resolve()


def _study_in(folder: Path) -> str:
    """Return the UID of the study of a folder's first DICOM file; empty if there is no such file."""
    files = (one for one in sorted(folder.rglob("*")) if one.is_file() and not one.name.startswith("."))
    return next(filter(None, map(_study_of, files)), "")


def _study_of(file: Path) -> str:
    """Return the UID of the study of a DICOM file; empty for any other file."""
    if file.name.lower().endswith(SUFFIXES):
        return ""
    try:
        header = pydicom.dcmread(file, stop_before_pixels=True, force=True)
        return str(header.get("StudyInstanceUID") or "")
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
    chosen = choose_series(find_series(files, str(path)), series, str(path))
    return {name: files[name] for name in chosen.files}


def list_series(path: Path) -> list[Series]:
    """Return the CT series in a DICOM folder or archive, the one with the most slices first.

    Raises:
        InputError: the path holds no CT series.
    """
    if not is_dicom(path):
        raise InputError(f"{path}: a file without DICOM series")
    return find_series(_read_files(path), str(path))


def is_dicom(path: Path) -> bool:
    """Return whether a scan is a folder or an archive of DICOM files, or a single DICOM file."""
    return path.is_dir() or not path.name.lower().endswith((*NIFTI, *ITK))


def _read_dicom(path: Path, series: str) -> Volume:
    files = _read_files(path)
    found = find_series(files, str(path))
    chosen = choose_series(found, series, str(path))
    volume = read_series({name: files[name] for name in chosen.files}, str(path))
    notes = []
    if len(found) > 1:
        others = "; ".join(str(one) for one in found if one is not chosen)
        notes.append(f"series {chosen}; not taken: {others}; --series takes another one")
    if left_out := len(files) - sum(len(one.files) for one in found):
        notes.append(f"left out: {left_out} files that are no CT image")
    return replace(volume, warnings=(*volume.warnings, *notes))


def _read_files(path: Path) -> dict[str, bytes]:
    if path.is_file() and not path.name.lower().endswith(ARCHIVES):
        return {path.name: path.read_bytes()}  # enhanced CT
    with Archive(path) as archive:
        nifti = [name for name in archive.names if name.lower().endswith(NIFTI)]
        if nifti:
            raise InputError(
                f"{path}: holds NIfTI files such as {nifti[0]}; unpack the archive, and give its folder"
            )
        return {name: archive.read(name) for name in archive.names}
