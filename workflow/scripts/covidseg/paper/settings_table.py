"""The table of a task's settings: numbers of training and test cases (ma2021 Tables I to III)."""

from typing import Any

import pandas as pd

from covidseg.cases.splits import Folds, evaluation_cases, read_splits, training_cases
from covidseg.files import write_csv
from covidseg.paper.artefact import Artefact
from covidseg.paper.formats import NOT_COMPARED, write_artefact
from covidseg.paper.tables import NOT_RUN

TRAINING = "train"  # in an entry's `parts`, the cases that a model is trained on
COLUMNS = ["row", "experiment", "folds", "column", "dataset", "title", "least", "most", "published", "status"]


def make(artefact: Artefact) -> None:
    """Write the table: <base>.csv, <base>.md, <base>.tex and <base>.html."""
    splits = read_splits([str(path) for path in artefact.inputs["splits"]])
    titles = {name: title for title, names in artefact.entry["datasets"].items() for name in names}
    settings = setting_rows(
        artefact.parameters["experiments"],
        splits,
        parts=artefact.own("parts"),
        titles=titles,
        printed=artefact.entry.get("printed", {}),
    )
    write_csv(f"{artefact.base}.csv", settings)
    phantom = artefact.parameters["phantom"]
    compared = '; "differs" marks what is not as published.'
    note = (
        f"Configuration: {artefact.config_name}. Numbers of cases per fold, as in results/splits.json: ours "
        f"[published]{'. ' + NOT_COMPARED if phantom else compared}"
    )
    page = ([note, *artefact.remarks], {"Cases": as_text(settings, compared=not phantom)})
    write_artefact(artefact, page)


def setting_rows(
    experiments: dict[str, list[dict[str, Any]]],
    splits: dict[str, Folds],
    *,
    parts: dict[str, str],
    titles: dict[str, str],
    printed: dict[str, dict[str, str | int]],
) -> pd.DataFrame:
    """Return one row per experiment, column and data set, with the columns COLUMNS.

    `least` and `most` are the numbers of cases over the experiment's folds. `published` is as the paper
    prints it, or empty. `status` is "run" or "not run".

    Args:
        experiments: row -> experiments, each with `name`, `train`, `evaluate`, `folds` and `runs`.
        splits: data set -> folds.
        parts: printed column -> TRAINING, or a split in the scores.
        titles: data set -> printed name.
        printed: data set -> printed column -> number of cases as the paper prints it.
    """
    rows = []
    for row, found in experiments.items():
        for one in found:
            for column, part in parts.items():
                for name in _shown(one, part):
                    counts = _counts(one, name, part, splits) if one["runs"] and name in splits else []
                    least, most = (min(counts), max(counts)) if counts else ("", "")
                    published = printed.get(name, {}).get(column, "")
                    status = "run" if counts else NOT_RUN
                    key = row, one["name"], one["folds"], column, name, titles[name]
                    rows.append((*key, least, most, published, status))
    return pd.DataFrame(rows, columns=COLUMNS)


def _shown(experiment: dict[str, Any], part: str) -> list[str]:
    """Return the data sets that an experiment is trained on, or is tested on at a split."""
    if part == TRAINING:
        return list(experiment["train"])
    return [name for name, split in experiment["evaluate"].items() if split == part]


def _counts(experiment: dict[str, Any], name: str, part: str, splits: dict[str, Folds]) -> list[int]:
    """Return the number of cases of a data set in every fold of an experiment."""
    folds = range(experiment["folds"])
    if part == TRAINING:
        return [len(training_cases(splits, [name], fold)) for fold in folds]
    return [len(evaluation_cases(splits, name, experiment["train"], fold)) for fold in folds]


def as_text(settings: pd.DataFrame, *, compared: bool = True) -> pd.DataFrame:
    """Return one row per experiment as printed, with one column per part of the data.

    Args:
        settings: table as returned by `setting_rows`.
        compared: whether "differs" marks a number that is not as published; a phantom's is not compared.
    """
    columns = settings["column"].unique()
    rows = []
    for (row, _, folds), group in settings.groupby(["row", "experiment", "folds"], sort=False):
        cells = {
            column: " + ".join(_cell(one, compared) for _, one in group[group["column"] == column].iterrows())
            or "–"
            for column in columns
        }
        rows.append({"Task": row, **cells, "Folds": str(folds)})
    return pd.DataFrame(rows)


def _cell(one: pd.Series, compared: bool) -> str:
    """Return for example "NSCLC Pleural Effusion 63 [62], differs"."""
    count = NOT_RUN if one.status == NOT_RUN else f"{one.least}"
    if one.status != NOT_RUN and one.most > one.least:
        count += f" to {one.most}"
    text = f"{one.title} {count}" + (f" [{one.published}]" if one.published != "" else "")
    comparable = compared and one.published != "" and one.status != NOT_RUN
    return f"{text}, differs" if comparable and count != str(one.published) else text
