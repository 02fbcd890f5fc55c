"""Split the cases of a data set into training and test cases, by the published folds or at random."""

import logging
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from covidseg.archives.dataset import Dataset
from covidseg.cases.case_folder import read_case_rows
from covidseg.cases.left_out import describe_cases_left_out
from covidseg.errors import InputError
from covidseg.reading import AGAIN, read_json

log = logging.getLogger(__name__)

Folds = list[dict[str, list[str]]]  # per fold: training cases (`train`), test cases (`test`)
PublishedFolds = list[dict[str, list[str]]]  # as in config/splits.json: `val` holds the test cases


def make_split(
    kind: str,
    *,
    cases: Path,
    published: PublishedFolds | None,
    scheme: str,
    phantom: list[str] | None,
    left_out: dict[str, str],
    seed: int,
) -> Folds:
    """Return the folds of a data set. Each fold has the sorted names of its training and of its test cases.

    Args:
        kind: "test" (all cases are test cases), "random", or the name of a published split.
        cases: path of the data set's cases.csv.
        published: the folds of the published split in config/splits.json; None for "test" and "random".
        scheme: "published" keeps the published folds, and warns of a patient who has both training and test
            cases in a fold. "patient" leaves the test cases of such a patient out.
        phantom: names of the phantom's cases, some of the published cases; None for real data.
        left_out: case that datasets.yaml leaves out (key `leave_out`) -> reason; not in cases.csv.
        seed: seed of the random split.

    Raises:
        InputError: a case of the published split is missing, nothing is left of a part of a fold, or a random
            split has only one patient.
    """
    patients = {row.case: row.patient for row in read_case_rows(cases)}
    if left_out:
        log.warning(describe_cases_left_out(cases.parent.name, left_out, published=published is not None))
    if kind == "test":
        return [{"train": [], "test": sorted(patients)}]
    if kind == "random":
        return [random_split(patients, seed)]
    assert published is not None, f"{kind} is the name of a published split"
    wanted = {case for fold in published for case in fold["train"] + fold["val"]}
    if phantom is not None:
        wanted &= {*phantom, *left_out}
    folds = _published(published, wanted, left_out, present=list(patients), where=f"{cases}: split {kind}")
    leaks = find_leaks(folds, patients)
    if scheme == "patient":
        for leak in leaks:
            log.info("%s: the latter left out", leak)
        leaking = [
            {case for leak in leaks if leak.fold == fold for case in leak.test} for fold in range(len(folds))
        ]
        return [
            fold | {"test": [case for case in fold["test"] if case not in without]}
            for fold, without in zip(folds, leaking, strict=True)
        ]
    if leaks:
        log.warning("%s: %s", cases.parent.name, describe_leaks(leaks))
    return folds


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


def describe_leaks(leaks: list[Leak]) -> str:
    """Return a description of the leaks, for logs, for notes on tables and for nnU-Net's dataset.json."""
    found = []
    for patient in dict.fromkeys(leak.patient for leak in leaks):
        own = [leak for leak in leaks if leak.patient == patient]
        folds = " and ".join(str(leak.fold) for leak in own)
        cases = ", ".join(sorted({case for leak in own for case in leak.train + leak.test}))
        found.append(f"patient {patient} is in training and test of folds {folds} ({cases})")
    return f"Published split: {'; '.join(found)}. With splits set to patient those test cases are left out."


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


def random_split(patients: dict[str, str], seed: int) -> dict[str, list[str]]:
    """Split the patients at random, 80 % to train and 20 % to test (wang2021 4.2); return the sorted cases.

    All cases of a patient are in the same part. The number of training patients is rounded up, but at least
    one patient is left to test.

    Args:
        patients: case -> patient.
        seed: seed of the random numbers; the same seed gives the same split.

    Raises:
        InputError: there are fewer than two patients.
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


def _published(
    folds: PublishedFolds, wanted: set[str], left_out: dict[str, str], *, present: list[str], where: str
) -> Folds:
    kept = wanted - left_out.keys()
    missing = sorted(kept - set(present))
    if missing:
        raise InputError(
            f"{where} names {len(missing)} cases that are missing: {', '.join(missing)}; add them, or leave "
            "them out (leave_out in datasets.yaml)"
        )
    left = published_folds(folds, kept)
    refuse_empty_folds(published_folds(folds, wanted), left, f"{where}: leave_out in datasets.yaml")
    return left


def refuse_empty_folds(folds: Folds, left: Folds, where: str) -> None:
    """Raise InputError if nothing is left of the training or of the test cases of a fold.

    Args:
        folds: the folds before cases are left out.
        left: the folds after that.
        where: file and key that leave cases out, for messages.
    """
    for number, (fold, rest) in enumerate(zip(folds, left, strict=True)):
        for part in ("train", "test"):
            if fold[part] and not rest[part]:
                raise InputError(
                    f"{where}: no {part} case is left in fold {number}, of {len(fold[part])}; keep some"
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
