"""What `ingest` tells of a data set: faulty cases, odd ones, and those that are left out."""

import logging
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice

from covidseg.archives.dataset import Dataset
from covidseg.cases.case_folder import CaseRow
from covidseg.cases.intensity import first_fitting
from covidseg.cases.left_out import list_reasons
from covidseg.cases.readers import Listing

log = logging.getLogger(__name__)

ENOUGH_CASES = 5  # fewer cases are too few to judge by the lungs' sizes
NUMBERS = re.compile(r"-?\d+(\.\d+)?(, -?\d+(\.\d+)?)*")  # a number, or a list of numbers
SHOWN = 5  # number of cases that a warning names, if cases.csv names all


def describe_faults(dataset: str, faults: Mapping[str, str], *, some_are_fit: bool) -> str:
    """Return the message about the faulty cases of a data set, with one line per case if there are several.

    Args:
        dataset: name of the data set.
        faults: case -> what is wrong.
        some_are_fit: whether other cases are fit, so that it can help to leave the faulty ones out.
    """
    first, *others = faults.items()
    remedy = f"leave_out: {{{first[0]}: reason}} of {dataset} in datasets.yaml"
    if not others:
        return f"{first[1]}; or go on without the case: {remedy}" if some_are_fit else first[1]
    if not set(faults.values()) - {first[1]}:
        return f"{first[1]} (the same for {len(faults)} cases)"
    advice = f"; correct them, or go on without them: {remedy}" if some_are_fit else ""
    return "\n".join(
        [
            f"{dataset}: {len(faults)} cases are wrong{advice}",
            *(f"  {case}: {text}" for case, text in faults.items()),
        ]
    )


def tell_listing(dataset: str, listing: Listing) -> None:
    """Log how many cases were found and taken, and what was left out; warn if anything was."""
    if listing.ordinary:
        found = list_reasons(dict(islice(listing.ordinary.items(), SHOWN)))
        more = ", ..." if len(listing.ordinary) > SHOWN else ""
        log.info("%s: files that belong to no case: %d, %s%s", dataset, len(listing.ordinary), found, more)
    cases, left_out, passed = listing.cases, listing.left_out, listing.passed
    count, warns = len(cases) + len(left_out) + listing.unchosen, bool(left_out or passed)
    parts = [f"cases found: {count}, taken: {len(cases)}"]
    parts += [f"not chosen: {listing.unchosen}"] if listing.unchosen else []
    parts += [f"left out: {list_reasons(left_out)}"] if left_out else []
    parts += [f"not read: {list_reasons(passed)}"] if passed else []
    log.log(logging.WARNING if warns else logging.INFO, "%s: %s", dataset, "; ".join(parts))


def warn_of_rows(name: str, dataset: Dataset, rows: Sequence[CaseRow]) -> None:
    """Warn of empty labels, missing slices, corrections and odd cases, once per kind."""
    for region in dataset["regions"].values():
        empty = [row.case for row in rows if row.voxels[region] == 0]
        if empty:
            log.warning(
                "%s: %d of %d cases have an empty label %s: %s",
                name, len(empty), len(rows), region, ", ".join(empty),
            )  # fmt: skip
    if filled := [row for row in rows if row.missing_slices]:
        count = sum(row.missing_slices for row in filled)
        log.warning(
            "%s: slices that were missing, and are interpolated: %d, in %d of %d cases: %s",
            name, count, len(filled), len(rows), ", ".join(row.case for row in filled),
        )  # fmt: skip
    for kind, told in _by_kind(rows).items():
        same = set(told.values())
        what = same.pop() if len(same) == 1 else kind
        shown = ", ".join(list(told)[:SHOWN]) + (", ..." if len(told) > SHOWN else "")
        log.warning(
            "%s: %s in %d of %d cases, listed in cases.csv: %s", name, what, len(told), len(rows), shown
        )


def _by_kind(rows: Sequence[CaseRow]) -> dict[str, dict[str, str]]:
    """Return kind of correction or warning -> case -> sentence; one kind differs in numbers alone."""
    kinds: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        for text in row.corrections + row.warnings:
            kinds[NUMBERS.sub("..", text)][row.case] = text
    return kinds


def warn_of_large_left_lungs(name: str, patterns: dict[str, str], left_is_smaller: dict[str, bool]) -> None:
    """Warn of cases whose header and labels agree but may both be wrong, by the sizes of the lungs."""
    for pattern in patterns:
        group = [
            smaller for case, smaller in left_is_smaller.items() if first_fitting(patterns, case) == pattern
        ]
        if len(group) >= ENOUGH_CASES and sum(group) < len(group) / 2:
            log.warning(
                "%s: the left lung is the larger one in %d of %d cases %s, which the heart makes unlikely: "
                "header and labels may both be mirrored; look at a scan, and see sides in datasets.yaml",
                name, len(group) - sum(group), len(group), pattern,
            )  # fmt: skip
