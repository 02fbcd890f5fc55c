"""Records the origin of a run's results: commit, configuration, data, packages, devices, wall times."""

import importlib.metadata
import platform
import re
import subprocess
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from covidseg.archives.checksums import ALGORITHMS
from covidseg.config.configuration import Configuration
from covidseg.config.local import local_files
from covidseg.errors import InputError
from covidseg.files import digest, fingerprint, write_json, write_text
from covidseg.paper.web import general_links, write_html
from covidseg.reading import read_json
from covidseg.runs.wall_times import wall_times
from covidseg.site.pages import Site
from covidseg.site.provenance import write_provenance_page
from covidseg.training.description import Description

SHEETS = (
    "datasets.yaml",
    "experiments.yaml",
    "artefacts.yaml",
    "claims.yaml",
    "splits.json",
    "published.csv",
)

SITE = Path("results/report")


def write_provenance(path: Path, config: Configuration, *, root: Path) -> None:
    """Write the provenance as JSON to `path`, as a page beside it, and into the site.

    Args:
        path: results/paper/provenance.json. Checksums of unchanged archives are taken from the last version
            of the file.
        config: the checked configuration of the run.
        root: root of the checkout, the folder of the Snakefile.
    """
    found = collect_provenance(config, root=root, data=Path("data"), previous=_previous(path))
    write_json(path, found)
    note = f"Configuration: {found['configuration']['name']}. Written {found['written']}, after the last run."
    tables = _tables(found)
    page = write_html("Provenance", [note], tables, general_links("provenance.html"))
    write_text(path.with_suffix(".html"), page)
    if (SITE / "index.html").exists():
        site = Site(SITE, config.sections["name"], bool(config.sections["phantom"]))
        write_provenance_page(site, found, tables, path.parent / "licences.csv")


def collect_provenance(
    config: Configuration, *, root: Path, data: Path, previous: dict[str, Any]
) -> dict[str, Any]:
    """Return the content of provenance.json; models and logs are read from the working folder.

    Args:
        config: the checked configuration of the run.
        root: root of the checkout.
        data: the folder data/, which has the folder raw/.
        previous: content of the last provenance.json, or {} if there is none.
    """
    own = local_files(config.folder)
    sheets = [*(config.folder / sheet for sheet in SHEETS), *own]
    walls = wall_times(Path("logs"))
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "configuration": {
            "name": config.sections["name"],
            "fingerprint": fingerprint([config.sections], sheets),
            "local": [path.name for path in own],
        },
        "commit": commit_of(root),
        "data": data_checksums(data / "raw", config, previous.get("data", {})),
        "python": platform.python_version(),
        "packages": package_versions(root / "envs" / "requirements.txt"),
        "devices": _devices(Path("results/models")),
        "wall_times": {
            rule: {"jobs": len(times), "seconds": round(sum(times), 2), "longest": max(times)}
            for rule, times in walls.items()
        },
    }


def commit_of(root: Path) -> dict[str, Any]:
    """Return the commit's id, or None, and a remark: the changed files, or why there is no id."""
    command = ["git", "-C", str(root), "--no-optional-locks"]
    try:
        top, commit, status = (
            subprocess.run([*command, *words], capture_output=True, text=True, check=True).stdout
            for words in (["rev-parse", "--show-toplevel"], ["rev-parse", "HEAD"], ["status", "--porcelain"])
        )
    except FileNotFoundError:
        return {"id": None, "remark": "git is not installed"}
    except subprocess.CalledProcessError as error:
        return {"id": None, "remark": error.stderr.strip()}
    if Path(top.strip()).resolve() != root.resolve():
        return {"id": None, "remark": f"not a checkout of its own, but a folder in {top.strip()}"}
    changed = [line[3:] for line in status.splitlines()]
    return {"id": commit.strip(), "remark": f"changed since: {', '.join(changed)}" if changed else "clean"}


def data_checksums(raw: Path, config: Configuration, previous: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return archive -> its checksums, bytes and modification time, and where the checksums come from.

    An archive that `download` verified or recorded is not read again. The SHA-256 of any other file, such as
    an archive of a phantom, is computed once and kept until the file's size or modification time changes.

    Args:
        raw: the folder data/raw.
        config: the checked configuration of the run.
        previous: the last result of this function, or {} if there is none.
    """
    lock = config.folder / "downloads.lock.json"
    recorded = read_json(lock, "restore the file") if lock.exists() else {}
    archives = {path for name in config.datasets for path in config.archives(name)}
    found = {}
    for path in sorted(raw.glob("*/*")):
        key = f"{path.parent.name}/{path.name}"
        stat = path.stat()
        seen = {"bytes": stat.st_size, "modified": stat.st_mtime_ns}
        known = previous.get(key, {})
        checksums = _verified(config, key) if key in archives else {}
        if checksums:
            found[key] = checksums | seen | {"from": "config, verified by download"}
        elif key in recorded:
            found[key] = {"sha256": recorded[key]["sha256"]} | seen | {"from": lock.name}
        elif "sha256" in known and seen.items() <= known.items():
            found[key] = known
        else:
            found[key] = {"sha256": digest(path)} | seen | {"from": "computed"}
    return found


def _verified(config: Configuration, archive: str) -> dict[str, Any]:
    host, name = archive.split("/")
    if config.is_phantom(host):
        return {}
    checksums = config.origin(host, name).checksums
    return {kind: checksums[kind] for kind in ALGORITHMS if kind in checksums}


def package_versions(requirements: Path) -> dict[str, str | None]:
    """Return package -> installed version, or None if not installed, per package pinned in `requirements`."""
    found: dict[str, str | None] = {}
    for name in re.findall(r"^([\w.\-]+)==", requirements.read_text(encoding="utf-8"), re.MULTILINE):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def _devices(folder: Path) -> dict[str, int]:
    """Return device and precision -> number of models trained with these, according to model.json."""
    descriptions = sorted(folder.glob("*/fold*/model.json"))
    return dict(Counter(Description.read(path).device for path in descriptions))


def _previous(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except InputError:
        return {}


def _tables(found: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """Return heading -> table, for the page."""
    run = {
        "commit": found["commit"]["id"] or "none",
        "of the commit": found["commit"]["remark"],
        "fingerprint of the configuration": found["configuration"]["fingerprint"],
        "additions in config/local": ", ".join(found["configuration"]["local"]) or "none",
        "Python": found["python"],
    }
    checksums = [
        (name, next(f"{kind} {entry[kind]}" for kind in ALGORITHMS if kind in entry), entry["from"])
        for name, entry in found["data"].items()
    ]
    walls = [(rule, *time.values()) for rule, time in found["wall_times"].items()]
    return {
        "Run": pd.DataFrame(run.items(), columns=["What", "Value"]),
        "Devices of the trainings": pd.DataFrame(found["devices"].items(), columns=["Device", "Models"]),
        "Wall times": pd.DataFrame(walls, columns=["Rule", "Jobs", "Seconds", "Longest"]),
        "Data": pd.DataFrame(checksums, columns=["Archive", "Checksum", "From"]),
        "Packages": pd.DataFrame(found["packages"].items(), columns=["Package", "Version"]),
    }
