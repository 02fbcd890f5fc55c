"""Name all pinned packages without a wheel: `python envs/wheels.py envs/requirements.txt FOLDER...`.

pip, which installs without an index from the same folders, ends at the first package that is missing.
"""

import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

# pip's own copies: a new environment has nothing else.
from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.tags import Tag, sys_tags
from pip._vendor.packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

SHOWN = 10


def pins(path: Path) -> list[Requirement]:
    """Return the packages of a list, and of the lists that it names."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if further := re.match(r"--requirement (\S+)", line):
            found += pins(path.parent / further[1])
        elif line and not line.startswith(("#", "-")):
            found.append(Requirement(line.partition("#")[0]))
    return found


def offered(folders: Iterable[Path]) -> dict[str, list[str]]:
    """Return package -> versions that the folders have for this Python."""
    tags, versions = set(sys_tags()), dict[str, list[str]]()
    for path in (path for folder in folders for path in folder.iterdir()):
        fitting: Iterable[Tag] = tags
        with suppress(ValueError):  # a file of another name, which pip does not look at either
            if path.suffix == ".whl":
                name, version, _, fitting = parse_wheel_filename(path.name)
            else:
                name, version = parse_sdist_filename(path.name)
            if not tags.isdisjoint(fitting):
                versions.setdefault(name, []).append(str(version))
    return versions


def missing(path: Path, folders: Iterable[Path]) -> list[str]:
    """Return the pins of a list that no file in the folders fulfils."""
    versions = offered(folders)
    return [
        f"{pin.name}{pin.specifier}"
        for pin in pins(path)
        if not any(pin.specifier.filter(versions.get(canonicalize_name(pin.name), [])))
    ]


def describe(left: list[str], folders: list[str]) -> str:
    """Return the message on packages without a wheel."""
    version = ".".join(map(str, sys.version_info[:2]))
    listed = ", ".join(left[:SHOWN]) + (f" and {len(left) - SHOWN} more" if len(left) > SHOWN else "")
    where = " ".join(folders) or "PIP_FIND_LINKS, which is not set"
    return (
        f"error: no wheel for Python {version} of {listed} in {where}; "
        "run pip wheel with the same Python on the same kind of system (docs/offline.md)"
    )


if __name__ == "__main__":
    given = sys.argv[2:]
    folders = [Path(one.removeprefix("file://")) for one in given]
    if all(folder.is_dir() for folder in folders) and (left := missing(Path(sys.argv[1]), folders)):
        sys.exit(describe(left, given))
