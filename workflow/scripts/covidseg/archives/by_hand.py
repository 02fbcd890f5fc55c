"""Find and check archives that a user must download by hand, because the host requires a registration."""

from pathlib import Path

from covidseg.archives.archive import Archive
from covidseg.archives.members import (
    ANY_FOLDERS,
    ONE_FOLDER,
    SHOWN,
    describe_content,
    find_members,
)
from covidseg.errors import InputError


def find_by_hand(path: Path, homepage: str, members: dict[str, list[str] | None]) -> Path:
    """Return the path of an archive that a user has put into data/manual, after a check of its layout.

    The user does not put the archive into data/raw, because Snakemake deletes its outputs there before it
    makes them again.

    Args:
        path: where the pipeline will put the archive, data/raw/<data set>/<archive>.
        homepage: address at which a user can register.
        members: pattern -> names of the cases that the pattern must find; None if any names will do.

    Raises:
        InputError: the archive is not there (the message says where to get the archive and what the archive
            must contain), or the archive has another layout.
    """
    manual = path.parents[2] / "manual" / path.parent.name / path.name
    if not manual.exists() and path.suffixes[-2:] == [".nii", ".gz"] and manual.with_suffix("").exists():
        manual = manual.with_suffix("")
    layout = "; ".join(f"{pattern} ({_count(cases)})" for pattern, cases in members.items())
    if not manual.exists():
        raise InputError(
            f"{path}: not public; register at {homepage}, fetch it there and put it at {manual}\n"
            f"  it must be a zip, a tar or a folder that holds {layout}"
        )
    verify_members(manual, members)
    return manual


def verify_members(path: Path, members: dict[str, list[str] | None]) -> None:
    """Check the layout of an archive or a folder.

    Args:
        path: of the archive or folder.
        members: pattern -> names of the cases that the pattern must find; None if any names will do.

    Raises:
        InputError: the archive cannot be read, or has another layout.
    """
    with Archive(path) as archive:
        for pattern, cases in members.items():
            _verify_pattern(archive, pattern, cases)


def _verify_pattern(archive: Archive, pattern: str, cases: list[str] | None) -> None:
    names = ONE_FOLDER if cases else ANY_FOLDERS
    found = {match.groupdict().get("case") for match in find_members(archive, pattern, names=names).values()}
    expected = cases or []
    missing = [case for case in expected if case not in found]
    held = f"{describe_content(archive, pattern)}: pack it as the pattern says, or correct the pattern"
    if missing:
        raise InputError(
            f"{archive.path}: {pattern} is not there for {len(missing)} of {len(expected)} cases "
            f"({', '.join(missing[:SHOWN])} ...); {held}"
        )
    if not found:
        raise InputError(f"{archive.path}: no file matches {pattern}; {held}")


def _count(cases: list[str] | None) -> str:
    return f"{len(cases)} cases" if cases else "any number of cases"
