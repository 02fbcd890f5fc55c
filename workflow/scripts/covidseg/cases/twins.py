"""The same scan under two names: found by a checksum of the voxels, and told where it spoils a test."""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path

import numpy as np

from covidseg.cases.case_folder import CaseRow, read_case_rows
from covidseg.cases.splits import Folds

log = logging.getLogger(__name__)

SHOWN = 5  # number of scans that a warning names


def voxel_digest(scan: np.ndarray) -> str:
    """Return the SHA-256 checksum of a scan's voxels (z, y, x), whatever their type and geometry."""
    values = np.ascontiguousarray(scan, dtype="<f4")
    return hashlib.sha256(repr(scan.shape).encode() + values.tobytes()).hexdigest()


def warn_of_twins(tables: Sequence[Path], splits: Mapping[str, Folds], hosts: Mapping[str, str]) -> None:
    """Log a warning per sentence of `mixed_twins`."""
    for sentence in mixed_twins(tables, splits, hosts):
        log.warning(sentence)


def tell_twins(rows: Sequence[CaseRow]) -> list[CaseRow]:
    """Return the rows of a data set, with a warning for each case that has the voxels of another case."""
    names = defaultdict(list)
    for row in rows:
        names[row.voxel_sha256].append(row.case)
    told = []
    for row in rows:
        twins = [name for name in names[row.voxel_sha256] if name != row.case]
        warning = (f"the same scan as {', '.join(twins)}",) if twins else ()
        told.append(replace(row, warnings=row.warnings + warning))
    return told


@dataclass(frozen=True)
class _Named:
    """A scan of a data set; `host` is the data set that owns its archive."""

    dataset: str
    host: str
    case: str


def mixed_twins(tables: Sequence[Path], splits: Mapping[str, Folds], hosts: Mapping[str, str]) -> list[str]:
    """Describe the scans that are for training under one name and for testing under another, per data sets.

    Data sets that label the same scans of one archive differently have the same names for them, on purpose;
    such scans are not told.

    Args:
        tables: the cases.csv of the data sets.
        splits: data set -> folds.
        hosts: data set -> the data set that owns its archive of scans.
    """
    names: dict[str, list[_Named]] = defaultdict(list)
    for table in tables:
        dataset = table.parent.name
        for row in read_case_rows(table):
            names[row.voxel_sha256].append(_Named(dataset, hosts[dataset], row.case))
    mixed: dict[tuple[str, str], list[str]] = defaultdict(list)
    for twins in names.values():
        for one, other in permutations(twins, 2):
            if (one.host, one.case) != (other.host, other.case) and _mix(one, other, splits):
                mixed[one.dataset, other.dataset].append(f"{one.case} = {other.case}")
    return [_describe(*datasets, pairs) for datasets, pairs in mixed.items()]


def _describe(trained: str, tested: str, pairs: list[str]) -> str:
    place = "there under another name" if trained == tested else f"in {tested}, too"
    shown = ", ".join(pairs[:SHOWN]) + (", ..." if len(pairs) > SHOWN else "")
    return (
        f"scans of {trained} that are {place}: {len(pairs)} ({shown}); a model that is trained on {trained} "
        f"and tested on {tested} knows them"
    )


def _mix(one: _Named, other: _Named, splits: Mapping[str, Folds]) -> bool:
    """Return whether a model can be trained on one scan and tested on the other."""
    if one.dataset == other.dataset:
        return any(one.case in fold["train"] and other.case in fold["test"] for fold in splits[one.dataset])
    return any(one.case in fold["train"] for fold in splits[one.dataset])
