"""Find and read the files of a model that nnU-Net v2 has trained: in a folder, or in a zip.

nnU-Net writes plans.json, dataset.json and fold_<k>/<checkpoint> into a folder of the name
<trainer>__<plans>__<configuration>. `nnUNetv2_export_model_to_zip` packs such folders into a zip.
"""

import json
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from covidseg.errors import InputError
from covidseg.reading import decode

FOLD, CHECKPOINT = 0, "checkpoint_final.pth"
PREFERRED = "3d_fullres"  # of several configurations in one zip
LARGEST = 64 * 2**20  # bytes of a JSON file; real ones have some kilobytes


@dataclass(frozen=True)
class NnunetFiles:
    """Where the files of one trained network are.

    Attributes:
        path: the folder or the zip.
        folder: the model's own folder within `path`.
        fold: name of the fold's folder.
        checkpoint: file name of the checkpoint.
    """

    path: Path
    folder: PurePosixPath
    fold: str
    checkpoint: str

    @property
    def configuration(self) -> str:
        """Name of nnU-Net's configuration, such as 3d_fullres, which the name of the folder ends with."""
        return (
            self.folder.name.split("__")[-1] if self.folder.name else self.path.resolve().name.split("__")[-1]
        )

    @property
    def members(self) -> dict[str, PurePosixPath]:
        """The three files: plans, dataset and checkpoint, as paths within `path`."""
        return {
            "plans": self.folder / "plans.json",
            "dataset": self.folder / "dataset.json",
            "checkpoint": self.folder / self.fold / self.checkpoint,
        }

    @property
    def inputs(self) -> list[Path]:
        """The files on disk: the zip, or the three files in the folder."""
        return [self.path] if self.path.is_file() else [self.path / one for one in self.members.values()]

    def read_json(self, kind: str) -> dict[str, Any]:
        """Return the content of plans.json ("plans") or dataset.json ("dataset").

        Raises:
            InputError: the file is damaged.
        """
        where = f"{self.path}: {self.members[kind]}"
        try:
            with self._open(kind) as file:
                content = json.loads(decode(file.read(LARGEST), where))
        except ValueError as error:
            raise InputError(f"{where}: no JSON ({error}); export the model from nnU-Net again") from error
        if not isinstance(content, dict):
            raise InputError(f"{where}: no object of keys and values; export the model from nnU-Net again")
        return content

    def copy_checkpoint(self, target: Path) -> None:
        """Copy the checkpoint, as it is, to a file; raises InputError for a damaged zip."""
        with self._open("checkpoint") as source, open(target, "wb") as file:
            shutil.copyfileobj(source, file)

    @contextmanager
    def _open(self, kind: str) -> Iterator[IO[bytes]]:
        """Open one of the three files; raises InputError for a damaged zip."""
        member = self.members[kind]
        try:
            if self.path.is_dir():
                with open(self.path / member, "rb") as file:
                    yield file
            else:
                with zipfile.ZipFile(self.path) as archive, archive.open(str(member)) as file:
                    yield file
        except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
            raise InputError(f"{self.path}: {member}: damaged ({error}); get the zip again") from error


def find_files(path: Path, fold: int | str = FOLD, checkpoint: str = CHECKPOINT) -> NnunetFiles:
    """Find a trained network in a folder or zip.

    Args:
        path: the model's own folder, a folder above it, or a zip.
        fold: number of the fold, or "all".
        checkpoint: file name of the checkpoint.

    Raises:
        InputError: there is no such network, or there are several.
    """
    names = _names(path)
    models = [name.parent for name in names if name.name == "plans.json"]
    wanted = [one for one in models if {one / f"fold_{fold}" / checkpoint, one / "dataset.json"} <= names]
    fullres = [one for one in wanted if one.name.endswith(f"__{PREFERRED}")]
    chosen = fullres if len(wanted) > 1 else wanted
    if len(chosen) == 1:
        return NnunetFiles(path, chosen[0], f"fold_{fold}", checkpoint)
    if chosen or len(wanted) > 1:
        listed = ", ".join(sorted(map(str, chosen or wanted)))
        raise InputError(f"{path}: several models ({listed}); unpack the zip and name the folder of one")
    there = sorted(str(name) for name in names if name.suffix == ".pth") or ["none"]
    raise InputError(
        f"{path}: no plans.json and dataset.json beside fold_{fold}/{checkpoint}; checkpoints: "
        f"{', '.join(there[:5])}; set fold and checkpoint, or name the folder of nnU-Net's model"
    )


def find_source(row: Mapping[str, Any]) -> NnunetFiles:
    """Find the network of a source by its row in experiments.yaml; arguments and error as of `find_files`."""
    path = Path(row["nnunet"]).expanduser()
    return find_files(path, row.get("fold", FOLD), row.get("checkpoint", CHECKPOINT))


def _names(path: Path) -> set[PurePosixPath]:
    """Return the files in a folder or zip, as paths within it."""
    if path.is_dir():
        return {
            PurePosixPath(file.relative_to(path).as_posix()) for file in path.rglob("*") if file.is_file()
        }
    try:
        with zipfile.ZipFile(path) as archive:
            return {PurePosixPath(name) for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) else "no zip"
        raise InputError(
            f"{path}: {reason}; name the folder or the zip of a model that nnU-Net has trained"
        ) from error
