"""How long jobs took, read from the last line of their logs."""

import re
from pathlib import Path

DONE = re.compile(r"done in (\d+\.\d+) s")


def wall_times(logs: Path) -> dict[str, list[float]]:
    """Return rule -> seconds per job, read from logs/<rule>/ and logs/<rule>.log.

    A job that ran several times counts with its last run. A job that never ended is left out.
    """
    found: dict[str, list[float]] = {}
    for path in sorted(logs.rglob("*.log")):
        if seconds := DONE.findall(path.read_text(encoding="utf-8", errors="replace")):
            rule = path.relative_to(logs).parts[0].removesuffix(".log")
            found.setdefault(rule, []).append(float(seconds[-1]))
    return found
