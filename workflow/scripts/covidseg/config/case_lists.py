"""A user's own files that datasets.yaml names: folds (key `split`) and names of cases (key `cases`)."""

import json
from collections import Counter
from pathlib import Path

from covidseg.archives.dataset import Datasets
from covidseg.cases.folds import FILES
from covidseg.cases.splits import PublishedFolds
from covidseg.errors import InputError
from covidseg.reading import read_rows, read_text

LISTS = (".txt", ".csv")  # files of names of cases
PARTS = {"train": "train", "val": "val", "test": "val"}  # what a file calls a part of a fold -> our name
TABLE = "columns case and fold (which tests the case), or case, part (train or test) and, if needed, fold"


def read_chosen_cases(datasets: Datasets, folder: Path) -> None:
    """Turn every key `cases`, which may be a pattern or the name of a file, into a list.

    Args:
        datasets: content of datasets.yaml; changed in place.
        folder: folder of datasets.yaml, to which the names of files are relative.

    Raises:
        InputError: a file cannot be read, has no name, or has a name twice.
    """
    for dataset in datasets.values():
        chosen: object = dataset.get("cases")
        if isinstance(chosen, str):
            dataset["cases"] = _read_names(folder / chosen) if chosen.endswith(LISTS) else [chosen]


def _read_names(path: Path) -> list[str]:
    if path.suffix == ".csv":
        names = [row["case"].strip() for row in read_rows(path, ["case"], "list the cases below `case`")]
    else:
        names = [line.strip() for line in read_text(path).splitlines()]
    names = [name for name in names if name]
    if not names:
        raise InputError(f"{path}: no name of a case; list one per line")
    if twins := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"{path}: case {twins[0]} is there twice; remove one of them")
    return names


def read_split_files(
    datasets: Datasets, folder: Path, known: dict[str, PublishedFolds]
) -> dict[str, PublishedFolds]:
    """Read the files of folds that the data sets name; return name of the file -> folds.

    Args:
        datasets: content of datasets.yaml.
        folder: folder of datasets.yaml, to which the names of files are relative.
        known: content of splits.json, whose keys are no files.

    Raises:
        InputError: a file cannot be read or holds no folds; the message has the file and what is expected.
    """
    names = {dataset.get("split", "") for dataset in datasets.values()} - known.keys()
    return {name: read_split_file(folder / name) for name in sorted(names) if name.endswith(FILES)}


def read_split_file(path: Path) -> PublishedFolds:
    """Read folds from JSON, a list as in nnU-Net's splits_final.json, or from a table in CSV."""
    folds = _from_json(path) if path.suffix == ".json" else _from_table(path)
    for number, fold in enumerate(folds):
        counts = Counter(fold["train"] + fold["val"])
        if not counts:
            raise InputError(f"{path}: fold {number} has no case; remove the fold")
        if twins := [case for case, count in counts.items() if count > 1]:
            raise InputError(f"{path}: fold {number}: case {twins[0]} is there twice; keep it in one part")
    return folds


def _from_json(path: Path) -> PublishedFolds:
    expected = 'a list of folds such as {"train": ["a"], "val": ["b"]}'
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: damaged: {error}; expected {expected}") from error
    if not isinstance(content, list) or not content:
        raise InputError(f"{path}: holds {_shown(content)}; expected {expected}")
    return [_fold(fold, f"{path}: fold {number}", expected) for number, fold in enumerate(content)]


def _fold(fold: object, where: str, expected: str) -> dict[str, list[str]]:
    if not isinstance(fold, dict) or fold.keys() not in ({"train", "val"}, {"train", "test"}):
        raise InputError(f"{where} is {_shown(fold)}; expected {expected}")
    for part, cases in fold.items():
        if not isinstance(cases, list) or not all(isinstance(case, str) and case for case in cases):
            raise InputError(f"{where}: {part} is {_shown(cases)}; expected a list of names in quotes")
    return {PARTS[part]: cases for part, cases in fold.items()}


def _shown(content: object) -> str:
    text = json.dumps(content)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _from_table(path: Path) -> PublishedFolds:
    rows = read_rows(path, ["case"], f"expected {TABLE}")
    cells = [{key: row.get(key, "").strip() for key in ("case", "fold", "part")} for row in rows]
    if not rows or not {"fold", "part"} & rows[0].keys():
        raise InputError(f"{path}: {len(rows)} rows, no column fold or part; expected {TABLE}")
    for number, row in enumerate(cells, start=1):
        if not row["case"] or ("part" in rows[0] and row["part"] not in PARTS):
            raise InputError(
                f"{path}: row {number}: case {row['case']!r}, part {row['part']!r}; expected {TABLE}"
            )
    numbers = sorted({row["fold"] for row in cells}) if "fold" in rows[0] else [""]
    if "fold" in rows[0] and set(numbers) != {str(number) for number in range(len(numbers))}:
        raise InputError(f"{path}: the folds are {', '.join(numbers)}; number them from 0 on")
    if "part" in rows[0]:
        return [
            _named_parts(cells, number) for number in sorted(numbers, key=lambda number: int(number or 0))
        ]
    if twins := [case for case, count in Counter(row["case"] for row in cells).items() if count > 1]:
        raise InputError(
            f"{path}: case {twins[0]} is tested in several folds; keep one, or add the column part"
        )
    return [_tested_in(cells, str(number)) for number in range(len(numbers))]


def _named_parts(cells: list[dict[str, str]], number: str) -> dict[str, list[str]]:
    """Return a fold of a table that names the part of every case."""
    fold: dict[str, list[str]] = {"train": [], "val": []}
    for row in (row for row in cells if row["fold"] == number):
        fold[PARTS[row["part"]]].append(row["case"])
    return fold


def _tested_in(cells: list[dict[str, str]], number: str) -> dict[str, list[str]]:
    """Return a fold of a table that gives the fold in which a case is tested; the others train on it."""
    return {
        "train": [row["case"] for row in cells if row["fold"] != number],
        "val": [row["case"] for row in cells if row["fold"] == number],
    }
