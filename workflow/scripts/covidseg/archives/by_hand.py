"""Archives that a user downloads by hand, because the host asks for a registration."""

import re
from pathlib import Path

from covidseg.archives.archive import Archive, member_expression
from covidseg.errors import InputError

SHOWN = 3  # names in a message


def find_by_hand(path: Path, homepage: str, members: dict[str, list[str] | None]) -> Path:
    """Return the archive that a user has put into data/manual, after a check of its layout.

    Not in data/raw itself: what lies there is Snakemake's, which deletes it before it makes it again.

    Args:
        path: data/raw/<data set>/<archive>.
        homepage: where to register.
        members: pattern -> the cases that it must find, None if any will do.

    Raises:
        InputError: not there (two lines: where to get it, and what it must hold), or another layout.
    """
    manual = path.parents[2] / "manual" / path.parent.name / path.name
    layout = "; ".join(f"{pattern} ({_count(cases)})" for pattern, cases in members.items())
    if not manual.exists():
        raise InputError(
            f"{path}: not public; register at {homepage}, fetch it there and put it at {manual}\n"
            f"  it must be a zip, a tar or a folder that holds {layout}"
        )
    with Archive(manual) as archive:
        for pattern, cases in members.items():
            _verify_members(archive, pattern, cases)
    return manual


def _verify_members(archive: Archive, pattern: str, cases: list[str] | None) -> None:
    expression = re.compile(member_expression(pattern, f"(?P<case>{'[^/]+' if cases else '.+?'})"))
    found = {match["case"] for name in archive.names if (match := expression.fullmatch(name))}
    expected = cases or []
    missing = [case for case in expected if case not in found]
    held = f"it holds {', '.join(archive.names[:SHOWN])} ...: pack it as the pattern says"
    if missing:
        raise InputError(
            f"{archive.path}: {pattern} is not there for {len(missing)} of {len(expected)} cases "
            f"({', '.join(missing[:SHOWN])} ...); {held}"
        )
    if not found:
        raise InputError(f"{archive.path}: no file matches {pattern}; {held}")


def _count(cases: list[str] | None) -> str:
    return f"{len(cases)} cases" if cases else "any number of cases"
