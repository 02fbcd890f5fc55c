"""Checks of each entry of datasets.yaml that a JSON schema cannot express: patterns, expressions and ids."""

import re
import string
from collections.abc import Iterator
from pathlib import Path

from covidseg.archives.dataset import Dataset, Datasets, Members, Roi
from covidseg.archives.origins import KINDS, patterns
from covidseg.cases.choice import has_patterns
from covidseg.errors import InputError

CASE = "{case}"
LUNGS = {1, 2}  # the project's ids of the left and the right lung in a label of both lungs


def check_entries(datasets: Datasets, path: Path) -> None:
    """Check every entry of datasets.yaml on its own.

    Raises:
        InputError: a pattern, a regular expression or an id cannot work; the message names the file, the key,
            the value and what is expected.
    """
    for name, dataset in datasets.items():
        for key, text in _templates(dataset):
            _check_template(text, f"{path}: {name}.{key}")
        named = dataset.get("cases", [])
        alone = len(named) == 1 and not has_patterns(named)  # then its files may have any names
        for kind in (kind for kind in KINDS if kind in dataset and not alone):
            if CASE not in dataset[kind]["archive"]:
                for pattern in patterns(dataset[kind]):
                    _check_has_case(pattern, f"{path}: {name}.{kind}")
        if "slices" not in dataset:
            _check_volumes(dataset, f"{path}: {name}")


def _templates(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Yield key and text of everything in an entry that may have {case}."""
    for archive, entry in dataset["archives"].items():
        yield "archives", archive
        addresses = entry["address"] or []
        for address in [addresses] if isinstance(addresses, str) else addresses:
            yield f"archives.{archive}.address", address
    for kind in (kind for kind in KINDS if kind in dataset):
        yield f"{kind}.archive", dataset[kind]["archive"]
        for pattern in patterns(dataset[kind]):
            yield kind, pattern
    if "case_name" in dataset:
        yield "case_name", dataset["case_name"]


def _check_template(text: str, where: str) -> None:
    try:
        fields = {"{" + "".join(filter(None, part[1:])) + "}" for part in string.Formatter().parse(text)}
    except ValueError as error:
        raise InputError(f"{where}: {text!r}: {error}; write {CASE} and no other braces") from error
    if unknown := fields - {CASE, "{}"} or ("{}" in text and {"{}"}):
        raise InputError(f"{where}: {text!r} has {min(unknown)}; allowed in braces: {CASE}")


def _check_has_case(pattern: str, where: str) -> None:
    if CASE not in pattern:
        raise InputError(
            f"{where}: {pattern!r}; needs {CASE}, as all cases are in one archive; or name one case in cases"
        )


def _check_volumes(dataset: Dataset, where: str) -> None:
    if dataset["case_name"].count(CASE) != 1:
        raise InputError(f"{where}.case_name: {dataset['case_name']!r}; needs {CASE} once")
    try:
        re.compile(dataset["patient"])
    except re.error as error:
        raise InputError(
            f"{where}.patient: {dataset['patient']!r} is no regular expression ({error}); .* is the whole "
            "name"
        ) from error
    if "lungs" in dataset:
        _check_label(dataset["lungs"], f"{where}.lungs")
        ids = set(dataset["lungs"]["map"].values())
        if ids - {0} != LUNGS:
            raise InputError(f"{where}.lungs.map: gives ids {sorted(ids)}; needs 1, the left lung, and 2")
    _check_label(dataset["labels"], f"{where}.labels")


def _ids(roi: Roi) -> set[int]:
    """Return all label ids that regions of interest become."""
    if isinstance(roi, str | list):
        return {1}
    return {one for key, value in roi.items() for one in ({key} if isinstance(key, int) else _ids(value))}


def _check_label(entry: Members, where: str) -> None:
    needs, takes = entry["format"] == "rtstruct", entry["format"] in ("rtstruct", "seg")
    if (needs and "roi" not in entry) or ("roi" in entry and not takes):
        verb = "needs" if needs else "takes no"
        raise InputError(f"{where}: format {entry['format']} {verb} roi, the name of a region of interest")
    if "roi" in entry and entry["map"].keys() != (ids := {0, *_ids(entry["roi"])}):
        raise InputError(f"{where}.map: has the ids {sorted(entry['map'])}; roi gives {sorted(ids)}")
    if entry["format"] != "slices" and 0 not in entry["map"]:
        raise InputError(f"{where}.map: has the ids {sorted(entry['map'])}; 0, the background, is missing")
