"""What a run checks before its first job: its folders, whose results they hold, consent and devices."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from covidseg.config.configuration import Configuration
from covidseg.errors import InputError
from covidseg.files import write_text
from covidseg.reading import read_text

MARK = Path("results/configuration.txt")
EXPERIMENTS = Path(".dvc/tmp/exps")  # where DVC makes its copies
FOLDERS = (Path("data"), Path("results"), Path("logs"))
# Files that a run makes in seconds, even if it is refused or fails soon: nobody needs them kept.
QUICKLY_MADE = ("results/configuration.txt", "results/paper/licences.*", "results/paper/errata.html")

SCRIPTS = Path(__file__).parents[2]
TRY_DEVICE = """
import sys
from covidseg.device import choose_device
from covidseg.errors import InputError

try:
    if choose_device(sys.argv[1]) == "cpu":
        print("device: auto is the CPU here: a training of the papers takes months", file=sys.stderr)
except InputError as error:
    sys.exit(str(error))
"""


def check_folders() -> None:
    """Raise InputError unless this run can write into its folders, or make them."""
    for folder in FOLDERS:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder.absolute()}: a file, expected a folder; move the file away")
        if not os.access(folder if folder.exists() else folder.absolute().parent, os.W_OK):
            raise InputError(f"{folder.absolute()}: cannot be written to; change the permissions")


def check_image(image: Path) -> None:
    """Raise InputError if the image is missing that the jobs of this run are to start in."""
    if not image.is_file():
        raise InputError(f"{image}: no such image; `make container` writes it (docs/install.md)")


def check_records() -> None:
    """Refuse to run in the copy of a checkout that DVC makes for `dvc exp run --temp` or `--queue`.

    Raises:
        InputError: the working directory is in such a copy. The copy has results, but not Snakemake's records
            of the settings that the results were made with.
    """
    if str(EXPERIMENTS) in str(Path.cwd()):
        raise InputError(
            f"{Path.cwd()}: DVC's copy lacks Snakemake's records, so that old models could count as made "
            "with new settings; run the experiment without --temp and --queue"
        )


def results_owner() -> str | None:
    """Return the name of the configuration that made data/ and results/; None if there is nothing to keep."""
    if not MARK.exists() or not _hold_results():
        return None
    return read_text(MARK, "delete the file to overwrite data/ and results/").strip() or None


def check_owner(name: str) -> None:
    """Refuse to overwrite the results of another configuration, which may have taken weeks to make.

    Raises:
        InputError: data/ or results/ hold files of another configuration than `name`.
    """
    owner = results_owner() or name
    if owner != name:
        raise InputError(
            f"data/ and results/ hold configuration '{owner}', this run is '{name}': give it a folder of "
            f"its own (--directory runs/{name}), or move data/ and results/ away; to overwrite them, "
            f"delete {MARK}"
        )


def claim(name: str) -> None:
    """Note that data/ and results/ belong to the configuration `name`, after all checks have passed."""
    if not MARK.exists() or MARK.read_text(encoding="utf-8") != f"{name}\n":
        write_text(MARK, f"{name}\n")


def _hold_results() -> bool:
    """Return whether data/raw or results/ hold a file that took time to make."""
    return any(
        path.is_file() and not any(path.match(quick) for quick in QUICKLY_MADE)
        for folder in (Path("data/raw"), Path("results"))
        for path in folder.rglob("*")
    )


def check_consent(config: Configuration, archives: Iterable[tuple[str, str]], name: str) -> None:
    """Raise InputError if archives are to be fetched from a host and the user has not agreed to the licences.

    Args:
        config: the configuration.
        archives: (data set, file name) of each archive that this run will fetch.
        name: name of the configuration's file, for the message.
    """
    if not config.sections["accept_licences"] and any(
        not config.is_phantom(dataset) and not config.origin(dataset, archive).is_local
        for dataset, archive in archives
    ):
        raise InputError(
            f"{name}: accept_licences: false; read the licences (`snakemake licences` writes them to "
            "results/paper/licences.md) and set the key to true"
        )


def devices_of(config: Configuration) -> set[str]:
    """Return the devices that the trainings of a configuration use: cpu, cuda or auto."""
    return {config.sections[key]["device"] for key in ("training", "weak")}


def check_devices(config: Configuration) -> list[str]:
    """Try the device of the jobs before the first job starts; return warnings if the device is the CPU.

    The device is tried in a new process: a process that has used a GPU holds memory of the GPU until its end.

    Raises:
        InputError: every job that needs a GPU would be refused, as `choose_device` says.
    """
    warnings = []
    for device in sorted(devices_of(config) - {"cpu"}):
        command = [sys.executable, "-c", TRY_DEVICE, device]
        done = subprocess.run(command, cwd=SCRIPTS, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise InputError(done.stderr.strip() or f"the GPU cannot be tried: status {done.returncode}")
        warnings += done.stderr.splitlines()
    return warnings
