"""Find the files in an archive that a pattern of datasets.yaml describes."""

import difflib
import functools
import logging
import re
from pathlib import Path

from covidseg.archives.archive import Archive
from covidseg.errors import InputError

log = logging.getLogger(__name__)

SHOWN = 3  # number of names that a message lists
COMPARED = 2000  # number of names that are compared with a pattern for a message
PACKED = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".7z", ".rar")
NIFTI = re.compile(r"\\\.nii(\\\.gz)?$")  # the end of a pattern of NIfTI files, as a regular expression
ONE_FOLDER, ANY_FOLDERS = "[^/]+", ".+?"  # what {case} stands for


def find_members(
    archive: Archive, pattern: str, case: str | None = None, *, names: str = ONE_FOLDER, stack: bool = False
) -> dict[str, re.Match[str]]:
    """Return the paths in an archive that match a pattern, in the order of the archive.

    If no path matches, folders above the pattern's first folder are allowed, provided that all files lie
    in the same ones: many programs pack a folder around everything.

    Args:
        archive: the archive.
        pattern: see `member_expression`.
        case: name of the case in the archive; None for all cases.
        names: regular expression of the names of cases.
        stack: see `member_expression`.

    Returns:
        Path -> match, with the groups "case" (if `case` is None) and "slice" (if `stack`).

    Raises:
        InputError: the files lie in several folders, or two paths differ in upper and lower case only.
    """
    anything = member_expression(pattern, f"(?P<case>{names})", stack=stack)
    folder = _folder_above(archive, pattern, anything)
    wanted = member_expression(pattern, re.escape(case), stack=stack) if case else anything
    expression = re.compile(wanted)
    found = {
        name: match
        for name in archive.names
        if name.startswith(folder) and (match := expression.fullmatch(name.removeprefix(folder)))
    }
    alike = {name.casefold(): name for name in found}
    for name in found:
        if (other := alike[name.casefold()]) != name:
            raise InputError(
                f"{archive.path}: {name} and {other} differ in upper and lower case only; rename one of them"
            )
    return found


def _folder_above(archive: Archive, pattern: str, expression: str) -> str:
    """Return the folders, with a slash at the end, that lie above all paths that match; mostly none."""
    matches = re.compile(f"(?P<folder>(?:[^/]+/)*?)(?:{expression})").fullmatch
    folders = sorted({match["folder"] for name in archive.names if (match := matches(name))})
    if not folders or folders[0] == "":
        return ""
    if len(folders) > 1:
        raise InputError(
            f"{archive.path}: {pattern} is there in {len(folders)} folders: {', '.join(folders[:SHOWN])}; "
            "put the right one into the pattern in datasets.yaml"
        )
    _warn_of_folder(archive.path, folders[0], pattern)
    return folders[0]


@functools.cache
def _warn_of_folder(path: Path, folder: str, pattern: str) -> None:
    log.warning("%s: all files of %s lie in %s", path, pattern, folder)


def describe_content(archive: Archive, pattern: str) -> str:
    """Return what an archive holds if no path matches a pattern: the names most like the pattern."""
    if not archive.names:
        return "it holds no file" + (f" but {next(iter(archive.left_out))}" if archive.left_out else "")
    expression = member_expression(pattern, "(?P<case>.+?)")
    for name in archive.names:
        if not re.fullmatch(expression, name) and re.fullmatch(expression, name, re.IGNORECASE):
            return f"{name} differs in upper and lower case: correct datasets.yaml"
    for name in archive.names:
        if name.lower().endswith(PACKED):
            return f"it holds an archive, {name}: unpack it, and pack the files themselves"
    near = difflib.get_close_matches(pattern, archive.names[:COMPARED], SHOWN)
    shown = list(dict.fromkeys([*near, *archive.names]))[:SHOWN]
    count = len(archive.names)
    rest = " ..." if count > len(shown) else ""
    return f"it holds {count} file{'s' if count > 1 else ''}: {', '.join(shown)}{rest}"


def member_expression(pattern: str, case: str, *, stack: bool = False) -> str:
    """Turn a pattern of paths in an archive into a regular expression.

    A pattern that ends with .nii or .nii.gz matches both.

    Args:
        pattern: a path with {case} for the name of the case, and with * for any text.
        case: regular expression to put in place of {case}: the name of one case, or a group named "case"
            that matches any name. Each further {case} must then match the same name as the first one.
        stack: whether the pattern describes the slices of a stack of pictures. The last * then becomes a
            group named "slice", which matches the name of the slice.
    """
    expression = NIFTI.sub(r"\\.nii(?:\\.gz)?", re.escape(pattern))
    if stack:
        expression = "(?P<slice>[^/]*)".join(expression.rsplit(r"\*", 1))
    expression = expression.replace(r"\*", ".*")
    head, *tails = expression.split(re.escape("{case}"))
    again = "(?P=case)" if case.startswith("(?P<case>") else case
    return head + "".join((again if i else case) + tail for i, tail in enumerate(tails))
