"""Checks of the keys and names in the configuration: each must be known."""

import math
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from covidseg.archives.dataset import Dataset, Datasets
from covidseg.cases.choice import choose, has_patterns
from covidseg.cases.folds import refuse_empty_folds
from covidseg.cases.left_out import reasons, refuse_unknown
from covidseg.cases.splits import PublishedFolds, published_folds
from covidseg.errors import InputError, InputErrors, told_together
from covidseg.training.sections import Options

# Former key -> what the message says of it. A user's own configuration may still have the former key.
FORMER = {
    "weak.setting": "is now 'variant'; rename it",
    "weak.settings": "is now 'variants'; rename it",
    "weak.threshold": "is now a key of each variant; move it to weak.variants.<variant>.threshold",
    "augmentation.noise.variance": "is now 'sigma', a standard deviation; nnU-Net's range is [0, 0.1]",
    "training.pretraining_schedule": "is no longer used; remove it (a strategy knows which pre-trained model "
    "it starts from)",
}


def check_former(sections: Mapping[str, Any], name: str) -> None:
    """Raise InputError for the first key of a former version; the message starts with `name`."""
    for key, advice in FORMER.items():
        *parents, old = key.split(".")
        section: Any = sections
        for parent in parents:
            section = section.get(parent) if isinstance(section, dict) else None
        if isinstance(section, dict) and old in section:
            raise InputError(f"{name}: {'.'.join(parents)}: {old!r} {advice}")


def check_options(
    options: Options, allowed: Mapping[str, tuple[object, ...] | type[int] | type[float]], where: str
) -> None:
    """Raise InputErrors unless the options have exactly the allowed keys, with allowed values.

    Args:
        options: of a strategy or system.
        allowed: key -> tuple of the allowed values, or the type of a positive number.
        where: file and key of the options, for messages.
    """
    with told_together() as faults:
        for key in sorted(options.keys() ^ allowed.keys()):
            verb = "unknown" if key in options else "missing"
            faults.found.append(f"{where}: {verb} option {key!r}; expected: {', '.join(allowed) or 'none'}")
        for key in sorted(options.keys() & allowed.keys()):
            with faults.gathered():
                _check_option(options[key], allowed[key], f"{where}.{key}")


def _check_option(value: object, expected: tuple[object, ...] | type[int] | type[float], where: str) -> None:
    if isinstance(expected, tuple):
        if value not in [one for one in expected if type(one) is type(value)]:  # 1 does not stand for true
            known = ", ".join(map(str, expected))
            raise InputError(f"{where}: unknown value {value!r}; allowed: {known}")
    elif not isinstance(value, (int, expected)) or isinstance(value, bool) or not 0 < value < math.inf:
        raise InputError(f"{where}: {value!r}; expected a positive {expected.__name__}")


def check_known(names: Iterable[object], known: Collection[object], where: str, kind: str) -> None:
    """Raise InputErrors for the unknown names. `kind` says what is named, such as "data set"."""
    allowed = ", ".join(map(str, known))
    if unknown := [name for name in names if name not in known]:
        raise InputErrors([f"{where}: unknown {kind} {name!r}; allowed: {allowed}" for name in unknown])


def check_left_out(datasets: Datasets, splits: dict[str, PublishedFolds], path: Path) -> None:
    """Check what is chosen and left out against the names that are known before a data set is ingested.

    Args:
        datasets: content of datasets.yaml.
        splits: content of splits.json.
        path: path of datasets.yaml, for messages.

    Raises:
        InputError: `cases` or `leave_out` names an unknown case, or nothing is left of a part of a fold.
    """
    with told_together() as faults:
        for name, dataset in datasets.items():
            with faults.gathered():
                _check_cases(dataset, splits.get(dataset.get("split", ""), []), f"{path}: {name}")


def _check_cases(dataset: Dataset, published: PublishedFolds, where: str) -> None:
    cases, chosen = set(reasons(dataset)), dataset.get("cases")
    split = {case for fold in published for case in fold["train"] + fold["val"]}
    if chosen and split:
        split = choose(chosen, split, f"{where}.cases")
    if not cases:
        return
    where = f"{where}.leave_out"
    if known := split or set(chosen if chosen and not has_patterns(chosen) else ()):
        refuse_unknown(cases, known, where)
        if known <= cases:
            raise InputError(f"{where}: all {len(known)} cases are left out; keep some, or use `without`")
    whole = published_folds(published, split)
    refuse_empty_folds(whole, published_folds(published, split - cases), where)
