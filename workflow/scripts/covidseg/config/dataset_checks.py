"""Checks of each entry of datasets.yaml that a JSON schema cannot express: patterns, expressions and ids."""

import re
import string
from collections.abc import Iterator
from pathlib import Path

from covidseg.archives.dataset import Dataset, Datasets, Members, Roi
from covidseg.archives.origins import KINDS, patterns
from covidseg.cases.choice import has_patterns
from covidseg.errors import InputError, told_together

CASE = "{case}"
LUNGS = {1, 2}  # the project's ids of the left and the right lung in a label of both lungs


def check_entries(datasets: Datasets, path: Path) -> None:
    """Check every entry of datasets.yaml on its own.

    Raises:
        InputErrors: patterns, regular expressions or ids cannot work; each message names the file, the key,
            the value and what is expected.
    """
    with told_together() as faults:
        for name, dataset in datasets.items():
            for key, text in _templates(dataset):
                with faults.gathered():
                    _check_template(text, f"{path}: {name}.{key}")
            named = dataset.get("cases", [])
            alone = len(named) == 1 and not has_patterns(named)  # then its files may have any names
            for kind in (kind for kind in KINDS if kind in dataset and not alone):
                for pattern in patterns(dataset[kind]) if CASE not in dataset[kind]["archive"] else ():
                    with faults.gathered():
                        _check_has_case(pattern, f"{path}: {name}.{kind}")
            if "slices" not in dataset:
                with faults.gathered():
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
    with told_together() as faults:
        if dataset["case_name"].count(CASE) != 1:
            faults.found.append(f"{where}.case_name: {dataset['case_name']!r}; needs {CASE} once")
        try:
            re.compile(dataset["patient"])
        except re.error as error:
            faults.found.append(
                f"{where}.patient: {dataset['patient']!r} is no regular expression ({error}); .* is the "
                "whole name"
            )
        if "lungs" in dataset:
            faults.found += _label_faults(dataset["lungs"], f"{where}.lungs")
            ids = set(dataset["lungs"]["map"].values())
            if ids - {0} != LUNGS:
                faults.found.append(
                    f"{where}.lungs.map: gives ids {sorted(ids)}; needs 1, the left lung, and 2"
                )
        faults.found += _label_faults(dataset["labels"], f"{where}.labels")


def _ids(roi: Roi) -> set[int]:
    """Return all label ids that regions of interest become."""
    if isinstance(roi, str | list):
        return {1}
    return {one for key, value in roi.items() for one in ({key} if isinstance(key, int) else _ids(value))}


def _label_faults(entry: Members, where: str) -> Iterator[str]:
    needs, takes = entry["format"] == "rtstruct", entry["format"] in ("rtstruct", "seg")
    if (needs and "roi" not in entry) or ("roi" in entry and not takes):
        verb = "needs" if needs else "takes no"
        yield f"{where}: format {entry['format']} {verb} roi, the name of a region of interest"
    elif "roi" in entry and entry["map"].keys() != (ids := {0, *_ids(entry["roi"])}):
        yield f"{where}.map: has the ids {sorted(entry['map'])}; roi gives {sorted(ids)}"
    elif entry["format"] != "slices" and 0 not in entry["map"]:
        yield f"{where}.map: has the ids {sorted(entry['map'])}; 0, the background, is missing"
