"""The YAML and JSON files of config/ with mistakes, read as at the start of every run; in a toy's small sheets."""

import atexit
import functools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from covidseg.config.configuration import Configuration
from covidseg.config.loading import load_configuration
from malformed.campaign import Input, refused, right
from toy_workflow import make_toy

SHEETS = ("datasets", "experiments", "artefacts", "claims")
Change = Callable[[str], str | bytes]


@functools.cache
def toy() -> Path:
    """Return the folder of a toy workflow, made once; the folder is deleted when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="toy_"))
    atexit.register(shutil.rmtree, folder)
    return make_toy(folder)


def load(sheet: str, change: Change) -> Callable[[Path], Configuration]:
    """Return a function that loads the toy's configuration after a change of a file's text."""

    def run(folder: Path) -> Configuration:
        shutil.copytree(toy() / "config", folder / "config")
        path = folder / "config" / sheet
        changed = change(path.read_text())
        path.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
        sections = yaml.safe_load((toy() / "config" / "config.yaml").read_text())
        return load_configuration(sections, "config/config.yaml", folder / "config")

    return run


def edit(path: str, value: Any) -> Change:
    """Return a change of one key (a.b.c); without a value (...) the key is removed."""

    def change(text: str) -> str:
        content = yaml.safe_load(text)
        *parents, last = path.split("/")
        section = content
        for parent in parents:
            section = section[parent]
        if value is ...:
            del section[last]
        else:
            section[last] = value
        return yaml.safe_dump(content, sort_keys=False)

    return change


def replace(old: str, new: str) -> Change:
    def change(text: str) -> str:
        assert old in text, old
        return text.replace(old, new, 1)

    return change


def is_toy(found: Configuration) -> None:
    assert found.sections["name"] == "toy"
    assert set(found.datasets) > {"msd", "covid20"}


def inputs() -> Iterator[Input]:
    """Yield the inputs of this family."""
    toy()
    yield from texts()
    yield from data_sets()
    yield from experiments()
    yield from other_files()


def texts() -> Iterator[Input]:
    for name, change in (
        ("a byte order mark", lambda text: "\ufeff" + text),
        ("line ends of Windows", lambda text: text.replace("\n", "\r\n")),
        ("a comment at the end", lambda text: text + "# note"),
        ("the marks --- and ...", lambda text: f"---\n{text}...\n"),
        ("quotes around keys", replace("msd:\n", '"msd":\n')),
    ):
        yield right(f"datasets.yaml: {name}", load("datasets.yaml", change), is_toy)
    deep = "x: " + "[" * 20_000 + "]" * 20_000
    laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)
    )
    for sheet in SHEETS:
        lines = (toy() / "config" / f"{sheet}.yaml").read_text().splitlines()
        middle = next(
            place
            for place, line in enumerate(lines)
            if place > 2 and line.startswith("  ") and line.rstrip().endswith(":")
        )
        for name, wrong, says in (
            ("a tab", "\t" + lines[middle].strip(), "line"),
            ("a missing colon", lines[middle].rstrip(":"), "line"),
            ("indented by one", " " + lines[middle], "line"),
        ):
            text = "\n".join([*lines[:middle], wrong, *lines[middle + 1 :]]) + "\n"
            yield refused(
                f"{sheet}.yaml: {name}",
                load(f"{sheet}.yaml", lambda _, text=text: text),
                f"{sheet}.yaml: ",
                says,
            )
        top = lines[0].rstrip(":")
        yield refused(
            f"{sheet}.yaml: {top} twice",
            load(f"{sheet}.yaml", lambda text, top=top: f"{text}\n{top}: {{}}\n"),
            f"{sheet}.yaml: ",
            repr(top),
            "twice",
        )
    for name, content, says in (
        ("empty", "", "empty"), ("only a comment", "# nothing\n", "empty"), ("a list", "- msd\n", ""), ("a word", "msd\n", ""),
        ("HTML", "<html><body>a: b: c</body></html>", ""), ("a conflict of git", "<<<<<<< HEAD\nmsd: 1\n=======\nmsd: 2\n>>>>>>> b\n", "line"),
        ("an unknown alias", "msd: *nobody\n", "nobody"), ("a tag of Python", "msd: !!python/object/apply:os.system [ls]\n", "python"),
        ("quotes that do not end", 'msd: "a\n', "line"), ("brackets that do not end", "msd: [a, b\n", "line"), ("nested 20 000 times", deep, ""),
        ("a billion laughs", laughs, ""), ("an alias in itself", "msd: &a\n  b: *a\n", ""), ("two documents", "a: 1\n---\nb: 2\n", "---"),
        ("not UTF-8", "msd: Jürgen\n".encode("latin-1"), "UTF-8"), ("UTF-16", "msd: 1\n".encode("utf-16"), ""), ("a zero byte", "msd: a\0b\n", "line"),
        ("a number of 5000 digits", f"msd: {'9' * 5000}\n", ""), ("a key that is a list", "[a, b]: 1\n", "line"), ("a key that is nothing", ": 1\n", "line"),
        ("a key that is yes", "yes: 1\n", ""),
    ):  # fmt: skip
        yield refused(
            f"datasets.yaml: {name}",
            load("datasets.yaml", lambda _, content=content: content),
            "datasets.yaml: ",
            says,
        )


def data_sets() -> Iterator[Input]:
    contours = {
        "archive": "msd/Task06_Lung.tar",
        "member": "{case}.dcm",
        "format": "rtstruct",
        "map": {0: 0, 1: 1},
    }
    for key, value, *says in (
        ("msd/labels", contours, "msd.labels", "rtstruct", "roi"),
        ("msd/labels/roi", "GTV-1", "msd.labels", "roi"),
        ("msd/labels", contours | {"roi": "GTV-1", "map": {0: 0, 2: 1}}, "msd.labels.map", "2"),
        ("msd/labels/map", {1: 1}, "msd.labels.map", "0"),
        ("msd/labels/map", {0: 0, 1: 300}, "msd.labels.map", "300"),
        ("msd/labels/map", {0: 0, "one": 1}, "msd.labels.map", "one"),
        ("msd/regions", {}, "msd.regions"), ("msd/regions", {0: "lesion"}, "msd"), ("msd/regions", {1: "lesion", 2: "lesion"}, "msd"),
        ("msd/patient", "(lung", "msd.patient", "(lung"), ("msd/patient", "*", "msd.patient", "*"), ("msd/patient", "", "msd.patient"),
        ("msd/case_name", "{case}_{case}", "msd.case_name", "{case}"), ("msd/case_name", "{name}", "msd.case_name", "{name}"), ("msd/case_name", "{case", "msd.case_name"),
        ("msd/images/member", "imagesTr/*.nii.gz", "msd.images", "{case}"), ("msd/images/member", "{case}/{part}.nii", "msd.images", "{part}"),
        ("msd/images/format", "nrrd", "msd.images.format", "nrrd", "nifti"), ("msd/images/archive", "msd/Task07.tar", "msd.images.archive", "Task07.tar", "Task06_Lung.tar"),
        ("msd/images/archive", "Task06_Lung.tar", "msd.images.archive"), ("msd/archives", None, "msd.archives"),
        ("msd/archives/Task06_Lung.tar/address", "ftp://host/x.tar", "address", "ftp://host"), ("msd/archives/Task06_Lung.tar/sha256", "abc", "sha256", "abc"),
        ("msd/archives/Task06_Lung.tar/bytes", 0, "bytes", "0"), ("msd/gigabytes", "9,2", "msd.gigabytes", "9,2"), ("msd/gigabytes", float("nan"), "datasets.yaml"),
        ("msd/gigabytes", float("inf"), "datasets.yaml"), ("msd/intensity", {"lung_*": "hu"}, "msd.intensity", "hu", "hounsfield"),
        ("msd/intensity", {"scan*": "hounsfield"}, "msd.intensity"), ("msd/split", "Random", "msd.split", "Random", "random"), ("msd/split", 5, "msd.split", "5"),
        ("msd/title", ..., "msd", "title"), ("msd/titel", "x", "msd", "titel"), ("msd", None, "msd"), ("msd", [], "msd"),
        ("covid20/sides", {"radiopaedia_*": "refuse"}, "covid20.sides"), ("covid20/lungs/map", {0: 0, 1: 1}, "map gives ids [1]"),
        ("mosmed/cases", ["study_0255", "study_0255"], "mosmed.cases", "study_0255"), ("mosmed/cases", [], "mosmed.cases"),
        ("mosmed/registry", {"archive": "mosmed/x.csv", "case": "a", "mask": "b"}, "mosmed.registry", "x.csv"),
        ("capepoint/slices/normal", "*/normal.png", "capepoint.slices.normal", "case"), ("cc-ccii/slices/lungs", [], "cc-ccii.slices.lungs"),
        ("cc-ccii/slices/lesions", [300], "cc-ccii.slices.lesions", "300"), ("msd/leave_out", ["lung_001"], "msd.leave_out"), ("msd/leave_out", {"lung_001": ""}, "msd.leave_out"),
        ("msd/missing_slices", "guess", "msd.missing_slices", "guess", "fill"), ("msd/labels/geometry", "scan", "msd.labels.geometry", "scan", "own"),
    ):  # fmt: skip
        yield refused(
            f"datasets.yaml: {key}: {value!r:.60} ({says[-1]})",
            load("datasets.yaml", edit(key, value)),
            "datasets.yaml: ",
            *says,
        )


def experiments() -> Iterator[Input]:
    for key, value, *says in (
        ("experiments/scratch/train", [], "scratch.train"), ("experiments/scratch/train", "covid20", "scratch.train", "covid20"),
        ("experiments/scratch/train", ["covid20", "covid20"], "scratch.train"), ("experiments/scratch/train", ["mosmed"], "scratch.train", "mosmed"),
        ("experiments/scratch/train", ["capepoint"], "scratch.train", "capepoint"), ("experiments/scratch/folds", 50, "scratch.folds", "50"),
        ("experiments/scratch/folds", 2.5, "scratch.folds", "2.5"), ("experiments/scratch/strategy", None, "scratch.strategy"),
        ("experiments/scratch/evaluate", ["covid20"], "scratch.evaluate"), ("experiments/scratch/paper", "nobody2021", "nobody2021"),
        ("experiments/scratch", {}, "scratch"), ("sources", ..., "sources"), ("sources/msd/datasets", [], "msd.datasets"),
        ("weak/models/classifier/system", "gan", "classifier", "gan"), ("weak/localisers/cam/model", "nobody", "cam", "nobody"),
    ):  # fmt: skip
        yield refused(
            f"experiments.yaml: {key}: {value!r:.60}",
            load("experiments.yaml", edit(key, value)),
            "experiments.yaml: ",
            *says,
        )
    for key, value, *says in (
        ("wang2021/table1/kind", "tabel", "table1.kind", "tabel"), ("wang2021/table1/panels", [], "table1.panels"), ("wang2021/table1/rows", {}, "table1.rows"),
        ("wang2021/table1/published", "Table 99", "table1.published", "Table 99"), ("nobody2021", {}, "nobody2021"), ("wang2021/table1", ..., "table1"),
    ):  # fmt: skip
        if value is not ...:
            yield refused(
                f"artefacts.yaml: {key}: {value!r}",
                load("artefacts.yaml", edit(key, value)),
                "artefacts.yaml: ",
                *says,
            )
    for key, value, *says in (
        ("wang2021/msd-gain/comparisons", [], "msd-gain.comparisons"), ("wang2021/msd-gain/comparisons", [{"a": "nobody", "b": "scratch", "above": 0}], "msd-gain", "nobody"),
        ("wang2021/msd-gain/comparisons", [{"a": "scratch", "b": "scratch", "above": "nought"}], "msd-gain", "nought"), ("wang2021/msd-gain/claim", 5, "msd-gain.claim", "5"),
    ):  # fmt: skip
        yield refused(
            f"claims.yaml: {key}: {value!r:.60}",
            load("claims.yaml", edit(key, value)),
            "claims.yaml: ",
            *says,
        )


def other_files() -> Iterator[Input]:
    for name, change, *says in (
        ("cut", lambda text: text[:5000], "damaged"), ("empty", lambda text: "", "damaged"), ("a list", lambda text: "[]", ""),
        ("a fold without val", lambda text: text.replace('"val"', '"vla"', 1), "val"), ("a case that is a number", lambda text: text.replace('"coronacases_001"', "1", 1), ""),
        ("a split without folds", lambda text: text.replace("{", '{"Empty": [],', 1), "Empty"), ("a key twice", lambda text: text.replace("{", '{"Task1_COVID_datasplit.pkl": [],', 1), "Task1_COVID_datasplit.pkl"),
        ("HTML", lambda text: "<html></html>", "damaged"), ("UTF-16", lambda text: text.encode("utf-16"), ""),
    ):  # fmt: skip
        yield refused(f"splits.json: {name}", load("splits.json", change), "splits.json: ", *says)
    yield right("splits.json: a byte order mark", load("splits.json", lambda text: "\ufeff" + text), is_toy)
