"""Which cases train and which test: the published folds, or a random 80/20 where there are none."""

import json
import logging
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from covidseg.archives.dataset import Dataset
from covidseg.cases.case_folder import read_case_rows
from covidseg.errors import InputError

log = logging.getLogger(__name__)

Folds = list[dict[str, list[str]]]  # each with the cases that `train` and those that `test`
PublishedFolds = list[dict[str, list[str]]]  # as config/splits.json has them: `train` and `val`


def make_split(
    kind: str,
    *,
    cases: Path,
    published: PublishedFolds | None,
    scheme: str,
    phantom: list[str] | None,
    seed: int,
) -> Folds:
    """Return a data set's folds, each with the sorted names that `train` and that `test`.

    Args:
        kind: "test" (all cases), "random", or the name of a published split.
        cases: the data set's cases.csv.
        published: folds of that name in config/splits.json; None for "test" and "random".
        scheme: "published" (as they are, with a warning of patients who train and test) or "patient"
            (the test cases of patients who train are left out).
        phantom: the phantom's case names, a part of the published ones; None for real data.
        seed: of the random split.

    Raises:
        InputError: a case of the published split is missing.
    """
    patients = {row.case: row.patient for row in read_case_rows(cases)}
    if kind == "test":
        return [{"train": [], "test": sorted(patients)}]
    if kind == "random":
        return [random_split(patients, seed)]
    assert published is not None, f"{kind} is the name of a published split"
    folds = _published(published, list(patients), phantom, f"{cases}: split {kind}")
    leaks = find_leaks(folds, patients)
    if scheme == "patient":
        for leak in leaks:
            log.info("%s: the latter left out", leak)
        left_out = [
            {case for leak in leaks if leak.fold == fold for case in leak.test} for fold in range(len(folds))
        ]
        return [
            fold | {"test": [case for case in fold["test"] if case not in without]}
            for fold, without in zip(folds, left_out, strict=True)
        ]
    if leaks:
        log.warning("%s: %s", cases.parent.name, describe_leaks(leaks))
    return folds


@dataclass(frozen=True)
class Leak:
    """A patient who is in a fold's training and in its test cases."""

    fold: int
    patient: str
    train: tuple[str, ...]
    test: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"fold {self.fold}: patient {self.patient} trains ({', '.join(self.train)}) and tests "
            f"({', '.join(self.test)})"
        )


def find_leaks(folds: Folds, patients: dict[str, str]) -> list[Leak]:
    """Return the patients of each fold who both train and test; `patients` gives each case's."""
    leaks = []
    for number, fold in enumerate(folds):
        for patient in sorted({patients[case] for case in fold["train"]}):
            train, test = (
                tuple(case for case in fold[part] if patients[case] == patient) for part in ("train", "test")
            )
            if test:
                leaks.append(Leak(number, patient, train, test))
    return leaks


def describe_leaks(leaks: list[Leak]) -> str:
    """Return a sentence for a log and for the tables."""
    found = []
    for patient in dict.fromkeys(leak.patient for leak in leaks):
        own = [leak for leak in leaks if leak.patient == patient]
        folds = " and ".join(str(leak.fold) for leak in own)
        cases = ", ".join(sorted({case for leak in own for case in leak.train + leak.test}))
        found.append(f"patient {patient} is in training and test of folds {folds} ({cases})")
    return f"Published split: {'; '.join(found)}. With splits set to patient those test cases are left out."


def patient_of(dataset: Dataset, case: str) -> str:
    """Return the part of a case's name that names the patient, by the data set's entry in datasets.yaml."""
    match = re.match(dataset["patient"], case)
    return match[0] if match else case


def published_folds(folds: PublishedFolds, cases: set[str]) -> Folds:
    """Return an entry of config/splits.json with our names of the parts, cut down to `cases`."""
    return [
        {"train": sorted(cases & set(fold["train"])), "test": sorted(cases & set(fold["val"]))}
        for fold in folds
    ]


def first_cases(folds: PublishedFolds, count: int) -> list[str]:
    """Return the first `count` names of a published split, its ratio of training to test cases kept.

    Of several folds the training parts are taken one after the other; together they hold every case.
    """
    if len(folds) > 1:
        return [case for fold in folds for case in fold["train"]][:count]
    training = round(0.8 * count)
    return folds[0]["train"][:training] + folds[0]["val"][: count - training]


def read_splits(paths: list[str]) -> dict[str, Folds]:
    """Read the splits of several data sets, results/splits/<data set>.json, into one dictionary."""
    splits: dict[str, Folds] = {}
    for path in paths:
        splits |= json.loads(Path(path).read_text(encoding="utf-8"))
    return splits


def random_split(patients: dict[str, str], seed: int) -> dict[str, list[str]]:
    """Return 80 % of the patients' cases to train and the others to test (wang2021 4.2), by the seed.

    `patients` gives each case's, who is never in both parts.
    """
    if len(set(patients.values())) < 2:
        raise InputError(
            f"split random: {len(patients)} cases of one patient; at least two patients are needed"
        )
    shuffled = np.random.default_rng(seed).permutation(sorted(set(patients.values()))).tolist()
    training = shuffled[: min(len(shuffled) - 1, math.ceil(0.8 * len(shuffled)))]
    parts: dict[str, list[str]] = {"train": [], "test": []}
    for case in sorted(patients):
        parts["train" if patients[case] in training else "test"].append(case)
    return parts


def _published(folds: PublishedFolds, present: list[str], phantom: list[str] | None, where: str) -> Folds:
    wanted = {case for fold in folds for case in fold["train"] + fold["val"]}
    if phantom is not None:
        wanted &= set(phantom)
    missing = sorted(wanted - set(present))
    if missing:
        raise InputError(f"{where} names {len(missing)} cases that are missing: {', '.join(missing)}")
    return published_folds(folds, wanted)


def training_cases(splits: dict[str, Folds], datasets: list[str], fold: int) -> list[tuple[str, str]]:
    """Return (data set, case) of a model's training cases; a data set with one split serves every fold."""
    return [(name, case) for name in datasets for case in _fold(splits, name, fold)["train"]]


def validation_cases(splits: dict[str, Folds], datasets: list[str], fold: int) -> list[tuple[str, str]]:
    """Return (data set, case) of the held-out cases of `datasets`, which may be watched while training."""
    return [(name, case) for name in datasets for case in _fold(splits, name, fold)["test"]]


def evaluation_cases(splits: dict[str, Folds], dataset: str, trained_on: list[str], fold: int) -> list[str]:
    """Return the cases a model is tested on: the fold's test cases, or all of a data set it never saw."""
    if dataset in trained_on:
        return _fold(splits, dataset, fold)["test"]
    return sorted({case for part in splits[dataset] for case in part["train"] + part["test"]})


def _fold(splits: dict[str, Folds], dataset: str, fold: int) -> dict[str, list[str]]:
    folds = splits[dataset]
    return folds[fold if len(folds) > 1 else 0]
