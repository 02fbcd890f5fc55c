"""The cases that a user leaves out of a data set: key `leave_out` of config/datasets.yaml."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path

import yaml

from covidseg.archives.dataset import Dataset
from covidseg.errors import InputError

SHOWN = 3  # number of names that a message lists


def reasons(dataset: Dataset) -> dict[str, str]:
    """Return case -> reason, in one line, of all cases that an entry of datasets.yaml leaves out."""
    return {str(case): " ".join(reason.split()) for case, reason in dataset.get("leave_out", {}).items()}


def read_reasons(sheet: Path, dataset: str, cases: list[str]) -> dict[str, str]:
    """Return case -> reason, as datasets.yaml says now.

    A job reads the reasons itself, because a reason is only printed: as a parameter of the job, a reason in
    other words would run the job again, and all jobs after it.

    Args:
        sheet: path of datasets.yaml; a user's own additions lie in the folder `local` beside it.
        dataset: name of the data set.
        cases: the cases that are left out.
    """
    if not cases:
        return {}
    found: dict[str, str] = {}
    for path in (sheet, *sorted((sheet.parent / "local").glob("*.yaml"))):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        entries = content if path == sheet else content.get("datasets", {})
        found |= reasons(entries.get(dataset, {}))
    return {case: found.get(case, "") for case in cases}


def describe_cases_left_out(dataset: str, cases: Mapping[str, str], *, published: bool) -> str:
    """Return a sentence for logs, for notes on tables and for nnU-Net's dataset.json.

    Args:
        dataset: name of the data set.
        cases: case that is left out -> reason.
        published: whether the data set's split is a published one.
    """
    place = f"the published split of {dataset}" if published else dataset
    return f"Left out of {place}: {list_reasons(cases)}."


def list_reasons(cases: Mapping[str, str]) -> str:
    """Return the names with their reasons, separated by commas: a (its reason), b (its reason)."""
    return ", ".join(f"{case} ({reason.rstrip('.')})" for case, reason in cases.items())


def refuse_unknown(cases: Collection[str], known: Collection[str], where: str) -> None:
    """Raise InputError for the first of the cases that is not known; the message names the nearest names."""
    for case in sorted(set(cases) - set(known)):
        near = get_close_matches(case, known, SHOWN) or sorted(known)[:SHOWN]
        raise InputError(f"{where}: no case {case!r} among {len(known)}; nearest: {', '.join(sorted(near))}")
