"""Divide the cases of a data set into folds: as published, by a user's file, at random, or not at all."""

import logging
import math
from pathlib import Path

import numpy as np

from covidseg.cases.case_folder import read_case_rows
from covidseg.cases.left_out import describe_cases_left_out
from covidseg.cases.splits import Folds, PublishedFolds, describe_leaks, find_leaks, published_folds
from covidseg.errors import InputError

log = logging.getLogger(__name__)

UNDIVIDED = ("random", "train", "test")  # kinds of splits that need no list of folds
FILES = (".json", ".csv")  # of a user's own folds
# Splits with one part -> what one patient alone cannot do in it.
ALONE = {
    "train": "it trains a model, and no case is left for a validation Dice or for a test",
    "test": "there is one score per method, and no interval, no test and no ranking",
}
SHOWN = 5  # number of cases that a warning names


def is_published(split: str) -> bool:
    """Return whether an entry's `split` names a published split, and no kind of split and no file."""
    return split not in UNDIVIDED and not split.endswith(FILES)


def make_split(
    kind: str,
    *,
    cases: Path,
    published: PublishedFolds | None,
    scheme: str,
    chosen: list[str] | None,
    left_out: dict[str, str],
    seed: int,
) -> Folds:
    """Return the folds of a data set. Each fold has the sorted names of its training and of its test cases.

    Args:
        kind: "train" or "test" (all cases are for training or for testing), "random", or the name of a
            published split or of a user's file of folds.
        cases: path of the data set's cases.csv.
        published: the folds of the published split or of the file; None for "train", "test" and "random".
        scheme: "published" keeps the published folds, and warns of a patient who has both training and test
            cases in a fold. "patient" leaves the test cases of such a patient out.
        chosen: names of the cases if these are a part of the published ones, as those of a phantom are; else
            None.
        left_out: case that datasets.yaml leaves out (key `leave_out`) -> reason; not in cases.csv.
        seed: seed of the random split.

    Raises:
        InputError: a case of the published split is missing, nothing is left of a part of a fold, or a random
            split has only one patient.
    """
    patients = {row.case: row.patient for row in read_case_rows(cases)}
    if left_out:
        log.warning(describe_cases_left_out(cases.parent.name, left_out, published=is_published(kind)))
    if kind in ALONE:
        if len(set(patients.values())) == 1:
            log.warning("%s: one patient; %s", cases.parent.name, ALONE[kind])
        return [{"train": [], "test": []} | {kind: sorted(patients)}]
    if kind == "random":
        return [random_split(patients, seed)]
    assert published is not None, f"{kind} is the name of a published split"
    wanted = {case for fold in published for case in fold["train"] + fold["val"]}
    if chosen is not None:
        wanted &= {*chosen, *left_out}
    folds = _published(published, wanted, left_out, present=list(patients), where=f"{cases}: split {kind}")
    if unused := sorted(patients.keys() - wanted):
        shown = ", ".join(unused[:SHOWN]) + (", ..." if len(unused) > SHOWN else "")
        log.warning(
            "%s: %d cases are in no fold of split %s: %s", cases.parent.name, len(unused), kind, shown
        )
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
        log.warning("%s: %s", cases.parent.name, describe_leaks(leaks, published=is_published(kind)))
    return folds


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
            f"split random: {len(patients)} cases of one patient; at least two patients are needed: write "
            "split: train or split: test"
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
