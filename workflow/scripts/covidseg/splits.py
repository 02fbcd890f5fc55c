"""Which cases train and which test: the published folds, or a random 80/20 where there are none."""

import csv
import json
import math
from pathlib import Path

import numpy as np

from covidseg.errors import InputError

Folds = list[dict[str, list[str]]]


def make_split(
    kind: str, *, cases: Path, published: dict[str, list[dict]], phantom: list[str] | None, seed: int
) -> Folds:
    """Return a data set's folds, each with the sorted names that `train` and that `test`.

    Args:
        kind: "test" (all cases), "random", or a key of `published`.
        cases: the data set's cases.csv.
        published: config/splits.json.
        phantom: the phantom's case names, a part of the published ones; None for real data.
        seed: of the random split.

    Raises:
        InputError: a case of the published split is missing.
    """
    with open(cases, newline="") as file:
        present = [row["case"] for row in csv.DictReader(file)]
    if kind == "test":
        return [{"train": [], "test": sorted(present)}]
    if kind == "random":
        return [random_split(present, seed)]
    return _published(published[kind], present, phantom, f"{cases}: split {kind}")


def read_splits(paths: list[str]) -> dict[str, Folds]:
    """Read the splits of several data sets, results/splits/<data set>.json, into one dictionary."""
    splits = {}
    for path in paths:
        splits |= json.loads(Path(path).read_text(encoding="utf-8"))
    return splits


def random_split(cases: list[str], seed: int) -> dict[str, list[str]]:
    """Return 80 % of the cases to train and the others to test (wang2021 4.2), the same for the same seed."""
    shuffled = np.random.default_rng(seed).permutation(sorted(cases)).tolist()
    count = min(len(cases) - 1, math.ceil(0.8 * len(cases)))
    return {"train": sorted(shuffled[:count]), "test": sorted(shuffled[count:])}


def _published(folds: list[dict], present: list[str], phantom: list[str] | None, where: str) -> Folds:
    wanted = {case for fold in folds for case in fold["train"] + fold["val"]}
    if phantom is not None:
        wanted &= set(phantom)
    missing = sorted(wanted - set(present))
    if missing:
        raise InputError(f"{where} names {len(missing)} cases that are missing: {', '.join(missing)}")
    return [
        {"train": sorted(wanted & set(fold["train"])), "test": sorted(wanted & set(fold["val"]))}
        for fold in folds
    ]


def training_cases(splits: dict[str, Folds], datasets: list[str], fold: int) -> list[tuple[str, str]]:
    """Return (data set, case) of a model's training cases; a data set with one split serves every fold."""
    return [(name, case) for name in datasets for case in _fold(splits, name, fold)["train"]]


def validation_cases(
    splits: dict[str, Folds], datasets: list[str], fold: int, target: str
) -> list[tuple[str, str]]:
    """Return the held-out cases that may be watched while training: never those of the target, which test."""
    return [(name, case) for name in datasets if name != target for case in _fold(splits, name, fold)["test"]]


def evaluation_cases(splits: dict[str, Folds], dataset: str, trained_on: list[str], fold: int) -> list[str]:
    """Return the cases a model is tested on: the fold's test cases, or all of a data set it never saw."""
    part = _fold(splits, dataset, fold)
    return part["test"] if dataset in trained_on else sorted(part["train"] + part["test"])


def _fold(splits: dict[str, Folds], dataset: str, fold: int) -> dict[str, list[str]]:
    folds = splits[dataset]
    return folds[fold if len(folds) > 1 else 0]
