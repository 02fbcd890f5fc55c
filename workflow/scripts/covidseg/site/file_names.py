"""Names of files in the site, for names that come from data or configuration."""

import hashlib
import re

UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def safe_name(name: str) -> str:
    """Return a name that is safe as a file's name and in an address.

    Two names that differ stay different: a checksum is added where a character was replaced.
    """
    safe = UNSAFE.sub("_", name)
    if safe == name and not name.startswith("."):
        return name
    return f"{safe.lstrip('.')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def case_page(dataset: str, case: str) -> str:
    """Return the path, below the site's folder, of the page that shows a case."""
    return f"cases/{safe_name(dataset)}/{safe_name(case)}.html"
