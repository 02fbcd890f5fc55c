"""Write the files for conda from the pins in requirements.txt: `.venv/bin/python envs/conda.py [cu126]`.

Snakemake copies a conda file alone, so a file that points to requirements.txt could not be installed.
The pins stand in the files themselves; tests/test_conda.py compares them.
"""

import re
import sys
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ENVS = Path(__file__).parent
PYTHON = "3.13"
TARGET = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.0"}
HEAD = (
    "# Written by envs/conda.py from requirements.txt, for `snakemake --software-deployment-method conda`.\n"
)
# Of the sections in requirements.txt; what these need follows from the installed packages.
TESTS, NETWORKS = "tests", "networks"
NOT_FOR_JOBS = ("dvc", "dvc-s3")
# torch for CUDA 12.6 lies on an index of its own.
INDEX = {"": [], "cu126": ["--extra-index-url https://download.pytorch.org/whl/cu126"]}


def read_sections(path: Path) -> dict[str, dict[str, str]]:
    """Return section -> package -> version, in the order of the file."""
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            section = sections.setdefault(line[2:], {})
        elif pin := re.match(r"([\w.\-]+)==(\S+)", line):
            section[pin[1]] = pin[2]
    return sections


def needed(packages: list[str]) -> set[str]:
    """Return the names of packages and of all that these need, directly or through others.

    An extra counts for a package that is asked for with it, such as `fsspec[http]`.
    """
    found: set[tuple[str, str]] = set()
    waiting = {(canonicalize_name(package), "") for package in packages}
    while waiting:
        package, extra = waiting.pop()
        found.add((package, extra))
        for requirement in map(Requirement, requires(package) or []):
            if requirement.marker is None or requirement.marker.evaluate(TARGET | {"extra": extra}):
                name = canonicalize_name(requirement.name)
                waiting |= {(name, wanted) for wanted in ("", *requirement.extras)} - found
    return {package for package, _ in found}


def conda_file(name: str, without: tuple[str, ...], build: str = "") -> str:
    """Return the text of a conda file.

    Args:
        name: of the environment.
        without: sections of requirements.txt that the environment does without.
        build: cu126 for torch for CUDA 12.6, or nothing.
    """
    sections = read_sections(ENVS / "requirements.txt")
    pins = {package: version for section in sections.values() for package, version in section.items()}
    if build:
        pins |= {package: pins[package] + f"+{build}" for package in ("torch", "torchvision")}
    roots = [
        package
        for section, packages in sections.items()
        if section not in (*without, "needed by the packages above")
        for package in packages
        if package not in NOT_FOR_JOBS
    ]
    kept = needed(roots)
    lines = [f"{name}=={version}" for name, version in pins.items() if canonicalize_name(name) in kept]
    listed = "".join(f"      - {line}\n" for line in [*INDEX[build], *lines])
    head = f"name: {name}\nchannels: [conda-forge]\ndependencies:\n  - python={PYTHON}\n  - pip\n  - pip:\n"
    return f"{HEAD}{head}{listed}"


def conda_files(build: str = "") -> dict[str, str]:
    """Return file -> text: all that jobs need, and the light one without torch."""
    return {
        "environment.yaml": conda_file("covidseg", (TESTS,), build),
        "light.yaml": conda_file("covidseg-light", (TESTS, NETWORKS)),
    }


if __name__ == "__main__":
    for file, text in conda_files(*sys.argv[1:]).items():
        (ENVS / file).write_text(text, encoding="utf-8")
