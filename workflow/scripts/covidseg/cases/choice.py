"""The cases of a data set that a user chooses by names or patterns: key `cases` of config/datasets.yaml."""

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from covidseg.cases.left_out import refuse_unknown

WILDCARDS = "*?["


def has_patterns(chosen: Iterable[str]) -> bool:
    """Return whether any of the chosen names is a pattern, such as scan_0*."""
    return any(mark in name for name in chosen for mark in WILDCARDS)


def choose(chosen: Collection[str], known: Collection[str], where: str) -> set[str]:
    """Return the known cases that one of the names or patterns fits.

    Args:
        chosen: names of cases, and patterns in which * stands for any text and ? for any character.
        known: names of all cases.
        where: file and key of the chosen names, for messages.

    Raises:
        InputError: a name or a pattern fits no case.
    """
    fitting = {one: {case for case in known if case == one or fnmatchcase(case, one)} for one in chosen}
    refuse_unknown([one for one, cases in fitting.items() if not cases], known, where)
    return set().union(*fitting.values())
