"""The folds of a data set: their cases for training and for testing, and patients in both."""

import re
from dataclasses import dataclass

from covidseg.archives.dataset import Dataset
from covidseg.errors import InputError
from covidseg.reading import AGAIN, read_json

Folds = list[dict[str, list[str]]]  # per fold: training cases (`train`), test cases (`test`)
PublishedFolds = list[dict[str, list[str]]]  # as in config/splits.json: `val` holds the test cases


@dataclass(frozen=True)
class Leak:
    """A patient who has both training and test cases in one fold.

    Attributes:
        fold: number of the fold, from 0.
        patient: name of the patient.
        train, test: names of the patient's training cases and test cases in this fold.
    """

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
    """Return one leak per fold and patient, if the patient has both training and test cases in the fold.

    Args:
        folds: the folds of one data set.
        patients: case -> patient.
    """
    leaks = []
    for number, fold in enumerate(folds):
        for patient in sorted({patients[case] for case in fold["train"]}):
            train, test = (
                tuple(case for case in fold[part] if patients[case] == patient) for part in ("train", "test")
            )
            if test:
                leaks.append(Leak(number, patient, train, test))
    return leaks


def describe_leaks(leaks: list[Leak], *, published: bool) -> str:
    """Return a description of the leaks, for logs, for notes on tables and for nnU-Net's dataset.json.

    Args:
        leaks: the leaks, at least one.
        published: whether all the splits are published ones, and none is a user's own.
    """
    found = []
    for patient in dict.fromkeys(leak.patient for leak in leaks):
        own = [leak for leak in leaks if leak.patient == patient]
        folds = " and ".join(str(leak.fold) for leak in own)
        cases = ", ".join(sorted({case for leak in own for case in leak.train + leak.test}))
        found.append(f"patient {patient} is in training and test of folds {folds} ({cases})")
    whose = "Published split" if published else "Split"
    return f"{whose}: {'; '.join(found)}. With splits set to patient those test cases are left out."


def patient_of(dataset: Dataset, case: str) -> str:
    """Return the part of a case's name that identifies the patient, by `patient` in datasets.yaml."""
    match = re.match(dataset["patient"], case)
    return match[0] if match else case


def published_folds(folds: PublishedFolds, cases: set[str]) -> Folds:
    """Return a published split with `val` renamed to `test`, and without cases that are not in `cases`."""
    return [
        {"train": sorted(cases & set(fold["train"])), "test": sorted(cases & set(fold["val"]))}
        for fold in folds
    ]


def first_cases(folds: PublishedFolds, count: int) -> list[str]:
    """Return the names of the first `count` cases of a published split.

    A split with one fold gives 80 % training cases and 20 % test cases. A split with several folds gives the
    training cases of the first fold, then of the second fold, and so on: each case trains in some fold.
    """
    if len(folds) > 1:
        return [case for fold in folds for case in fold["train"]][:count]
    training = round(0.8 * count)
    return folds[0]["train"][:training] + folds[0]["val"][: count - training]


def read_splits(paths: list[str]) -> dict[str, Folds]:
    """Read the files results/splits/<data set>.json of several data sets; return data set -> folds.

    Raises:
        InputError: a file is damaged.
    """
    splits: dict[str, Folds] = {}
    for path in paths:
        splits |= read_json(path)
        if not all(_is_split(folds) for folds in splits.values()):
            raise InputError(f"{path}: has no folds with train and test cases; {AGAIN}")
    return splits


def _is_split(folds: object) -> bool:
    return isinstance(folds, list) and all(
        isinstance(fold, dict)
        and fold.keys() >= {"train", "test"}
        and all(isinstance(part, list) for part in fold.values())
        for fold in folds
    )


def training_cases(splits: dict[str, Folds], datasets: list[str], fold: int) -> list[tuple[str, str]]:
    """Return the training cases of a model as (data set, case).

    A data set that has only one fold gives the cases of this fold, whatever `fold` is.
    """
    return [(name, case) for name in datasets for case in _fold(splits, name, fold)["train"]]


def validation_cases(splits: dict[str, Folds], datasets: list[str], fold: int) -> list[tuple[str, str]]:
    """Return the test cases of the fold as (data set, case), to monitor training but not to train on."""
    return [(name, case) for name in datasets for case in _fold(splits, name, fold)["test"]]


def evaluation_cases(splits: dict[str, Folds], dataset: str, trained_on: list[str], fold: int) -> list[str]:
    """Return the names of the cases of `dataset` on which a model is tested.

    They are the test cases of the fold if the model was trained on this data set, otherwise all its cases.
    """
    if dataset in trained_on:
        return _fold(splits, dataset, fold)["test"]
    return sorted({case for part in splits[dataset] for case in part["train"] + part["test"]})


def _fold(splits: dict[str, Folds], dataset: str, fold: int) -> dict[str, list[str]]:
    folds = splits[dataset]
    return folds[fold if len(folds) > 1 else 0]
