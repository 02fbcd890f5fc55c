"""The folders of results: one per scan, never written over anything else, and a table beside them."""

import os
from pathlib import Path
from typing import Any

from covidseg.errors import InputError
from covidseg.files import write_csv
from covidseg.reading import read_json
from covidseg.segment import NOT_CLINICAL
from covidseg.segment.quantification import Quantification

NUMBERS, TABLE = "quantification.json", "quantification.csv"
PARTIAL = ".partial"  # how the folder of a result that is not complete ends
KEYS = {"note", "scan", "models", "networks", "warnings", *Quantification.__annotations__}


def full_path(path: Path) -> Path:
    """Return a path from the root, without ".."; links are not followed, since their names may mean more."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def writable_folder(folder: Path, remedy: str) -> Path:
    """Make a folder, if it is not there, and return it.

    Args:
        folder: the folder.
        remedy: what a user can do if it cannot be made.

    Raises:
        InputError: the folder cannot be made, or cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}; {remedy}") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"{folder}: cannot be written to; {remedy}")
    return folder


def read_numbers(folder: Path) -> dict[str, Any] | None:
    """Return the content of quantification.json in the folder of a result; None for any other folder."""
    try:
        content = read_json(folder / NUMBERS, "")
    except InputError:
        return None
    return content if content.keys() >= KEYS and content["note"] == NOT_CLINICAL else None


def check_place(folder: Path, scan: Path) -> None:
    """Refuse to write over anything but an earlier result of the same scan.

    Args:
        folder: <output>/<name of the scan>.
        scan: file, archive or folder of the scan.

    Raises:
        InputError: the folder has the result of another scan, or a user's own files.
    """
    if not os.path.lexists(folder):
        return
    if (content := read_numbers(folder)) is None:
        raise InputError(f"{folder}: is there already, and is no result of covidseg; choose another --output")
    if content["scan"] != str(full_path(scan)):
        raise InputError(
            f"{folder}: has the result of another scan, {content['scan']}; "
            "choose another --output, or delete this folder"
        )


def write_table(output: Path) -> None:
    """Write quantification.csv: a row per result below `output`, sorted by name."""
    folders = sorted(one for one in output.iterdir() if not one.name.endswith(PARTIAL))
    found = {one.name: content for one in folders if (content := read_numbers(one))}
    write_csv(output / TABLE, [_row(name, content) for name, content in found.items()])


def _row(name: str, content: dict[str, Any]) -> dict[str, object]:
    infection_model, lungs_model = content["models"]
    lungs = {f"{side}_{key}": value for side, lung in content["lungs"].items() for key, value in lung.items()}
    return {
        "scan": name,
        **lungs,
        "infection_outside_lungs_ml": content["infection_outside_lungs_ml"],
        "lesions": content["lesions"],
        "lesion_volumes_ml": "; ".join(map(str, content["lesion_volumes_ml"])),
        "disagreement_percent": content["disagreement_percent"],
        "infection_model": infection_model,
        "lungs_model": lungs_model,
        "warnings": "; ".join(content["warnings"]),
        "note": NOT_CLINICAL,
    }
