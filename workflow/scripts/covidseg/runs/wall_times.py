"""How long jobs took, from the last line of their logs."""

import re
from pathlib import Path

DONE = re.compile(r"done in (\d+\.\d+) s")


def wall_times(logs: Path) -> dict[str, list[float]]:
    """Return rule -> the seconds of each of its jobs, from logs/<rule>/ and logs/<rule>.log.

    Of a job that ran several times it is the last time; one that never ended has none.
    """
    found: dict[str, list[float]] = {}
    for path in sorted(logs.rglob("*.log")):
        if seconds := DONE.findall(path.read_text(encoding="utf-8", errors="replace")):
            rule = path.relative_to(logs).parts[0].removesuffix(".log")
            found.setdefault(rule, []).append(float(seconds[-1]))
    return found
