"""Mistakes in config.yaml and on the command line, through the real `snakemake -n` in a toy workflow."""

import shutil
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path

from malformed.campaign import Input, refused, right
from malformed.server import snakemake
from malformed.sheets import Change, edit, replace, toy
from toy_workflow import PARTS, jobs_of


def checkout(folder: Path, source: Path | None = None) -> Path:
    """Make a copy of a checkout, by default the toy, in which only the configuration is a copy of its own."""
    source = source or toy()
    for part in PARTS:
        if part == "config":
            shutil.copytree(source / part, folder / part)
        else:
            (folder / part).symlink_to(source / part)
    return folder


def plan(change: Change | None = None, *arguments: str, file: str = "config.yaml") -> Callable[[Path], str]:
    """Return a function that plans a run after a change of a file's text."""

    def run(folder: Path) -> str:
        path = checkout(folder) / "config" / file
        if change:
            changed = change(path.read_text())
            path.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
        return snakemake(folder, "-n", *arguments)

    return run


def is_planned(found: str) -> None:
    assert jobs_of(found)["pretrain"] == 1


def inputs() -> Iterator[Input]:
    """Yield the inputs of this family."""
    forkserver.ensure_running()
    toy()
    yield right("as it is", plan(), is_planned)
    yield right("config.yaml: a byte order mark", plan(lambda text: "\ufeff" + text), is_planned)
    yield right(
        "config.yaml: line ends of Windows", plan(lambda text: text.replace("\n", "\r\n")), is_planned
    )
    for name, change, *says in (
        ("a tab", replace("  cases:", "\tcases:"), "line"), ("a missing colon", replace("seed:", "seed"), "line"),
        ("a key twice", lambda text: text + "seed: 5\n", "'seed'", "twice"), ("a key twice in a section", replace("  momentum:", "  momentum: 0.5\n  momentum:"), "'momentum'", "twice"),
        ("empty", lambda text: "", "empty"), ("a list", lambda text: "- a\n", ""), ("not UTF-8", lambda text: text.encode() + b"# J\xfcrgen\n", "UTF-8"),
        ("HTML", lambda text: "<html>a: b: c</html>", ""), ("a quote that does not end", replace("name: toy", "name: 'toy"), "line"),
        ("a seed with commas", replace("seed: 2020", "seed: 20,20"), "seed"), ("a seed of text", edit("seed", "x"), "seed", "'x'"),
        ("an unknown section", edit("trainings", {}), "trainings"), ("a section removed", edit("weak", ...), "weak"), ("a section that is a number", edit("weak", 3), "weak", "3"),
        ("an unknown data set left out", edit("without", ["lidc"]), "lidc"), ("no epochs", edit("training/epochs", 0), "training.epochs", "0"),
        ("a patch that does not fit", edit("plan/patch", [8, 30, 32]), "plan.patch", "30"), ("a spacing of infinity", replace("batch: 2", "batch: .inf"), "inf"),
        ("a sexagesimal number", replace("iterations: 2", "iterations: 2:30"), "2:30"), ("an octal number", replace("batch: 2", "batch: 010"), "010"),
        ("a former key", edit("weak/setting", "paper"), "weak", "setting"), ("an extended file that is not there", edit("extends", "nothing.yaml"), "nothing.yaml"),
        ("an even kernel", edit("network/kernels", [[2, 3, 3], [3, 3, 3], [3, 3, 3]]), "network.kernels", "[2, 3, 3]"),
        ("a phantom of no cases", edit("phantom/cases/msd", 0), "phantom.cases.msd", "0"), ("a phantom of one case of a name too many", edit("phantom/cases/mosmed", ["study_9999"]), "study_9999"),
    ):  # fmt: skip
        yield refused(f"config.yaml: {name}", plan(change), "config.yaml: ", *says)
    for file, change, *says in (
        ("datasets.yaml", replace("msd:", "msd"), "line"), ("datasets.yaml", edit("msd/patient", "("), "msd.patient"),
        ("experiments.yaml", edit("experiments/scratch/train", ["lidc"]), "scratch.train", "lidc"), ("splits.json", lambda text: text[:99], "damaged"),
    ):  # fmt: skip
        yield refused(f"{file}: {says[0]}", plan(change, file=file), f"{file}: ", *says)
    for name, arguments, *says in (
        ("a configuration that is not there", ("--configfile", "config/nothing.yaml"), "nothing.yaml"),
        ("a configuration that is a folder", ("--configfile", "config"), "config"),
        ("a wrong override", ("--config", "seed=abc"), "seed", "abc"), ("an unknown override", ("--config", "sed=1"), "sed"),
        ("an unknown target", ("results/models/nobody/fold0/model.safetensors",), "nobody"), ("an unknown fold", ("results/models/scratch/fold9/model.safetensors",), "fold9"),
    ):  # fmt: skip
        yield refused(name, plan(None, *arguments), *says)
