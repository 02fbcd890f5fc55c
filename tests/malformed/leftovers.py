"""What killed runs, other programs and other versions leave in the folders of a checkout."""

import json
import shutil
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import numpy as np

from conftest import ROOT, describe_arrays
from covidseg.cases.arrays import Preprocessed, open_case, save_case
from covidseg.cases.case_folder import cases_in
from covidseg.cases.splits import Folds, read_splits
from covidseg.training.lease import leased
from covidseg.training.state import State
from malformed.campaign import Input, refused, right
from malformed.cases import label, scan
from malformed.dry_run import checkout
from malformed.server import snakemake
from malformed.sheets import toy
from toy_workflow import jobs_of

Change = Callable[[Path], Any]
PAPER = ("--configfile", "config/paper.yaml")


def inputs() -> Iterator[Input]:
    """Yield the inputs of this family."""
    yield from arrays()
    yield from splits()
    yield from trainings()
    yield from checkouts()


def arrays() -> Iterator[Input]:
    """The folder of a preprocessed case."""

    def preprocessed(change: Change) -> Callable[[Path], Preprocessed]:
        def run(folder: Path) -> Preprocessed:
            save_case(
                folder / "a", scan().array.astype(np.float16), label().array, describe_arrays(scan().geometry)
            )
            change(folder / "a")
            return open_case(folder / "a")

        return run

    def is_case(found: Preprocessed) -> None:
        np.testing.assert_array_equal(found.label, label().array)
        assert found.foreground.tolist() == [[1, 2, 3, 4]]

    yield right("preprocessed: as it is", preprocessed(lambda _: None), is_case)
    yield right(
        "preprocessed: a file more",
        preprocessed(lambda folder: (folder / ".1a2b3c4d.image.npy").write_bytes(b"x")),
        is_case,
    )
    for name in ("image.npy", "label.npy", "foreground.npy", "case.json"):
        for odd, change in (
            ("not there", Path.unlink), ("empty", lambda path: path.write_bytes(b"")), ("cut", lambda path: path.write_bytes(path.read_bytes()[:-20])),
            ("cut in its header", lambda path: path.write_bytes(path.read_bytes()[:9])), ("zeros", lambda path: path.write_bytes(bytes(400))),
        ):  # fmt: skip
            yield refused(
                f"preprocessed: {name}: {odd}",
                preprocessed(lambda folder, name=name, change=change: change(folder / name)),
                name,
                "delete",
                "run again",
            )
    pickled = preprocessed(
        lambda folder: np.save(folder / "image.npy", np.array([{}], object), allow_pickle=True)
    )
    yield refused("preprocessed: a pickle in image.npy", pickled, "image.npy", "delete")
    for odd, content in (
        ("a list", "[]"),
        ("nothing", "null"),
        ("of another version", '{"geometry": {}, "bounds": []}'),
    ):
        yield refused(
            f"preprocessed: case.json: {odd}",
            preprocessed(lambda folder, content=content: (folder / "case.json").write_text(content)),
            "case.json",
            "delete",
        )


def splits() -> Iterator[Input]:
    """Files of results/splits, and folders of volumes."""
    whole = json.dumps({"msd": [{"train": ["a"], "test": ["b"]}]})

    def read(content: str | bytes | None) -> Callable[[Path], dict[str, Folds]]:
        def run(folder: Path) -> dict[str, Folds]:
            if content is not None:
                (folder / "msd.json").write_bytes(content if isinstance(content, bytes) else content.encode())
            return read_splits([str(folder / "msd.json")])

        return run

    def is_split(found: dict[str, Folds]) -> None:
        assert found == json.loads(whole)

    yield right("splits: as it is", read(whole), is_split)
    for odd, content in (
        ("not there", None),
        ("empty", ""),
        ("cut", whole[:-5]),
        ("a list", "[]"),
        ("nothing", "null"),
        ("HTML", "<html></html>"),
        ("zeros", bytes(30)),
        ("not UTF-8", b'{"J\xfcrgen": []}'),
    ):
        yield refused(f"splits: {odd}", read(content), "msd.json")

    def listed(*names: str) -> Callable[[Path], list[str]]:
        def run(folder: Path) -> list[str]:
            for name in names:
                (folder / name).touch()
            return cases_in(folder)

        return run

    def is_a(found: list[str]) -> None:
        assert found == ["a"], found

    for name in (
        ".1a2b3c4d.b.nii.gz",
        "._a.nii.gz",
        ".snakemake_timestamp",
        "b.nii",
        "b.nii.gz.part",
        "notes.txt",
    ):
        yield right(f"volumes: {name} beside the case", listed("a.nii.gz", name), is_a)


def trainings() -> Iterator[Input]:
    """The folder of a training's state: locks, and outputs of another process."""

    def locked(change: Change) -> Callable[[Path], bool]:
        def run(folder: Path) -> bool:
            (folder / "state").mkdir()
            change(folder / "state")
            with leased(folder / "state"):
                return True

        return run

    def is_true(found: bool) -> None:
        assert found

    def is_false(found: bool) -> None:
        assert not found

    for odd, files in (
        ("nothing", {}), ("holder.json empty", {"holder.json": ""}), ("holder.json cut", {"holder.json": '{"claim": "x", "ho'}), ("holder.json a list", {"holder.json": "[]"}),
        ("temporary files", {".1a2b3c4d.state.safetensors": "x", ".1a2b3c4d.finished": ""}), ("another version's files", {"state.pt": "x", "checkpoint.pth": "x"}),
    ):  # fmt: skip
        yield right(
            f"state: {odd}",
            locked(
                lambda folder, files=files: [(folder / name).write_text(text) for name, text in files.items()]
            ),
            is_true,
        )

    def restored(files: dict[str, str | bytes]) -> Callable[[Path], bool]:
        def run(folder: Path) -> bool:
            for name, text in files.items():
                (folder / "state" / "finished").mkdir(parents=True, exist_ok=True)
                (folder / "state" / "finished" / name).write_bytes(
                    text if isinstance(text, bytes) else text.encode()
                )
            with leased(folder / "state") as lease:
                return State(folder / "state", "f", lease).restore(
                    [folder / "model.safetensors", folder / "model.json"]
                )

        return run

    both: dict[str, str | bytes] = {"model.safetensors": "w", "model.json": "{}"}
    yield right("finished: both outputs", restored(both | {"fingerprint": "f"}), is_true)
    for odd, files in (
        ("nothing", {}), ("of another configuration", both | {"fingerprint": "g"}), ("without fingerprint", both), ("one output gone", {"model.json": "{}", "fingerprint": "f"}),
        ("no outputs", {"fingerprint": "f"}), ("a fingerprint of zeros", both | {"fingerprint": bytes(4)}), ("a fingerprint not UTF-8", both | {"fingerprint": b"\xff\xfe"}),
    ):  # fmt: skip
        yield right(f"finished: {odd}", restored(files), is_false)


def checkouts() -> Iterator[Input]:
    """Leftovers in the folder of a run, through Snakemake."""
    forkserver.ensure_running()
    toy()

    def planned(files: dict[str, str | bytes], *arguments: str) -> Callable[[Path], str]:
        def run(folder: Path) -> str:
            checkout(folder)
            for name, text in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
            return snakemake(folder, *(arguments or ("-n",)))

        return run

    def is_planned(found: str) -> None:
        assert jobs_of(found)["download"] == 19 or jobs_of(found)["pretrain"] == 1, found

    def is_made(found: str) -> None:
        assert f"[1/1] errata {target}" in found, found

    for odd, files in (
        ("temporary files", {"results/cases/msd/.1a2b3c4d.images/a.nii.gz": "x", "results/.1a2b3c4d.scores.csv": "x", "data/raw/msd/.1a2b3c4d.Task06_Lung.tar": "x"}),
        ("partial downloads", {"data/partial/msd/Task06_Lung.tar": "x", "data/partial/msd/Task06_Lung.tar.json": "{", "data/partial/msd/Task06_Lung.tar.lock": ""}),
        ("broken records of Snakemake", {".snakemake/metadata/cmVzdWx0cy9zY29yZXMuY3N2": "{", ".snakemake/incomplete/cmVzdWx0cy9zY29yZXMuY3N2": "", ".snakemake/log/x": ""}),
        ("a conflict of git in dvc.lock and data.dvc", {"dvc.lock": "<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> b\n", "data.dvc": "<<<<<<< HEAD\n"}),
        ("locks and caches of DVC", {".dvc/tmp/lock": "x", ".dvc/cache/files/md5/00/11": "x", ".dvc/tmp/rwlock": "{"}),
        ("broken notes on the last run", {"results/paper/provenance.json": "{", "results/splits.json": "", "results/scores.csv": "", "results/configuration.txt": bytes(9)}),
    ):  # fmt: skip
        yield right(f"checkout: {odd}", planned(files), is_planned)
    owner, target = "results/configuration.txt", "results/paper/errata.html"
    kept = {"results/scores.csv": "x"}  # without results there is nothing to overwrite
    yield refused(
        f"{owner}: another configuration",
        planned({owner: "paper\n", **kept}, target),
        owner,
        "'paper'",
        "'toy'",
    )
    yield refused(f"{owner}: no text", planned({owner: b"\xff\xfe\0", **kept}, target), owner)
    for odd, files in (
        ("empty", {owner: "", **kept}),
        ("another configuration's, without results", {owner: "paper\n"}),
    ):
        yield right(f"{owner}: {odd}", planned(files, target), is_made)
    yield refused("a paper run without consent", without_consent, "accept_licences")


def without_consent(folder: Path) -> str:
    """Run a download of real data without consent; nothing may be left that blocks the demo."""
    try:
        return snakemake(checkout(folder, ROOT), "data/raw/mosmed/study_0255.nii.gz", *PAPER)
    finally:
        left = [
            name
            for name in ("results/configuration.txt", "data/raw/mosmed/study_0255.nii.gz")
            if (folder / name).exists()
        ]
        assert not left, f"left behind: {left}"
        shutil.rmtree(folder / ".snakemake", ignore_errors=True)
