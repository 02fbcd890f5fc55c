"""The pages of the data sets: what each holds, who uses it, and its cases."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from covidseg.cases.case_folder import read_case_rows
from covidseg.cases.splits import Folds, read_splits
from covidseg.reading import read_rows
from covidseg.site.axes import Axis
from covidseg.site.datasets import Case, lung_volumes, make_cases, predicted_cases, spreads, told
from covidseg.site.file_names import case_page
from covidseg.site.part import Entry, Part

LOGS = Path("logs")


def make(part: Part) -> list[Entry]:
    """Write the page of every data set, and the page that lists them."""
    splits = read_splits([str(path) for path in part.inputs["splits"]])
    cases = _read_cases(part, splits)
    slices = {folder.parent.name: _count_slices(folder) for folder in part.inputs["slices"]}
    shown = [
        _dataset(name, entry, part.parameters)
        | {
            "cases": cases.get(name, []),
            "spreads": spreads(cases.get(name, [])),
            "folds": splits.get(name, []),
            "told": told(cases.get(name, [])),
            "slices": slices.get(name, {}),
            "files": _copy_files(part, name),
            "log": "" if part.parameters["timed"] else _ingest_log(name),
        }
        for name, entry in part.parameters["datasets"].items()
    ]
    title = f"{len(shown)} data sets"
    part.site.write("data/index.html", "data.html", title=title, datasets=shown, axes=_axes(shown))
    for dataset in shown:
        axes = {one.title: Axis.over(one.numbers, signed=False) for one in dataset["spreads"]}
        part.site.write(
            f"data/{dataset['name']}.html",
            "dataset.html",
            title=dataset["title"],
            dataset=dataset,
            axes=axes,
            case_page=case_page,
        )
    return _entries(shown)


def _read_cases(part: Part, splits: Mapping[str, Folds]) -> dict[str, list[Case]]:
    tables = {path.parent.name: read_case_rows(path) for path in part.inputs["cases"]}
    lungs = lung_volumes(tables)
    return {
        name: make_cases(
            rows,
            lungs=lungs,
            folds=splits[name],
            predicted=predicted_cases(name, part.parameters["experiments"], splits),
        )
        for name, rows in tables.items()
    }


def _count_slices(folder: Path) -> dict[str, int]:
    """Return part, such as train_normal -> number of its slices."""
    return {path.stem: len(read_rows(path, ["slice"])) for path in sorted(folder.glob("[!.]*.csv"))}


def _dataset(name: str, entry: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return a data set's texts, and the models that learn from it or are tested on it."""
    methods = {one["experiment"]: one for one in parameters["methods"]}
    trained, tested = [], []
    for key, one in parameters["experiments"].items():
        if name in (*one["train"], *one["source_datasets"]) and one["model"] == key:
            trained.append(methods[key])
        if name in one["evaluate"]:
            tested.append((methods[key], one["evaluate"][name]))
    return dict(entry) | {
        "name": name,
        "trained": trained,
        "tested": tested,
        "weak": [model for model, dataset in parameters["weak"].items() if dataset == name],
        "localised": name in parameters["localised"],
    }


def _copy_files(part: Part, name: str) -> dict[str, str]:
    """Copy what the page of a data set links to; return file below the part's folder -> its title."""
    found = {}
    tables = {path.parent.name: path for path in part.inputs["cases"]}
    splits = {path.stem: path for path in part.inputs["splits"]}
    for source, file, title in (
        (tables.get(name), "cases.csv", "Table of the cases, CSV"),
        (splits.get(name), "split.json", "Folds, JSON"),
        (_ingest_log(name) if part.parameters["timed"] else None, "ingest.log", "Log of the ingest"),
    ):
        if source and source.is_file():
            (part.path / "files" / name).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, part.path / "files" / name / file)
            found[f"files/{name}/{file}"] = title
    return found


def _ingest_log(name: str) -> Path:
    """Return where the log of a data set's ingest is. It has times, which differ from run to run."""
    return LOGS / "ingest" / f"{name}.log"


def _axes(shown: Sequence[Mapping[str, Any]]) -> dict[str, Axis]:
    """Return title of a quantity -> the axis that all data sets share."""
    numbers: dict[str, list[float]] = {}
    for dataset in shown:
        for one in dataset["spreads"]:
            numbers.setdefault(one.title, []).extend(one.numbers)
    return {title: Axis.over(values, signed=False) for title, values in numbers.items()}


def _entries(shown: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """Return the data sets, and the cases that have no page of their own."""
    entries = [Entry(title="Data sets", kind="page", page="data/index.html")]
    entries += [
        Entry(title=f"{one['title']} ({one['name']})", kind="data set", page=f"data/{one['name']}.html")
        for one in shown
    ]
    return entries + [
        Entry(
            title=f"{case.row.case}, {one['title']}",
            kind="case",
            page=f"data/{one['name']}.html#case-{quote(case.row.case)}",
        )
        for one in shown
        for case in one["cases"]
        if not case.predicted
    ]
