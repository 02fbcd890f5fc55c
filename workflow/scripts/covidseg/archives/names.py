"""Names of the entries of an archive: in one form, checked, and without what file managers leave behind."""

import re
import unicodedata
from pathlib import Path

from covidseg.errors import InputError

MADE_BY_FILE_MANAGERS = {".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX"}
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def plain_name(name: str, path: Path) -> str:
    """Return an entry's name with "/" between folders, without "." as a folder, and with composed letters.

    Programs on Windows write backslashes, `tar -C folder .` writes "./a", and macOS stores an accent apart
    from its letter.

    Args:
        name: name in the archive.
        path: path of the archive, for messages.

    Raises:
        InputError: the name is an absolute path, or contains ".." or a control character.
    """
    if CONTROL.search(name):
        raise InputError(f"{path}: entry {name!r} has a control character in its name; rename the file")
    name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or re.match("[A-Za-z]:", name):
        raise InputError(
            f"{path}: entry {name!r} points outside the archive; pack the files anew with relative paths"
        )
    return unicodedata.normalize("NFC", "/".join(parts))


def why_left_out(name: str) -> str:
    """Return the reason why a file of this name is never read; an empty text if the file is read."""
    parts = name.split("/")
    if parts[-1].startswith("._"):
        return "resource fork of macOS"
    if MADE_BY_FILE_MANAGERS & set(parts):
        return "made by a file manager"
    return "hidden" if any(part.startswith(".") for part in parts) else ""
