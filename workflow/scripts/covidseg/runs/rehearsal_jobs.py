"""What the jobs of a rehearsal took and which of them failed, by their logs."""

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

DONE = re.compile(
    r"done in (?P<seconds>\d+\.\d+) s, peak memory (?P<memory>\d+\.\d+) GiB"
    r"(, of the GPU (?P<device_memory>\d+\.\d+) GiB)?"
)
DEVICE = re.compile(r"(?:training|predicting|localising) on (.+)")


@dataclass(frozen=True)
class Job:
    """What a finished job wrote into its log.

    Attributes:
        log: the log.
        seconds: run time of the last attempt.
        memory: peak memory in GiB.
        device_memory: peak memory of the GPU in GiB; NaN without a GPU.
        device: device and precision; empty if the job trains and predicts nothing.
    """

    log: Path
    seconds: float
    memory: float
    device_memory: float
    device: str


def read_logs(logs: Path) -> list[Job]:
    """Return the finished jobs of a folder of logs; a log that ends otherwise counts as unfinished."""
    return [job for path in sorted(logs.rglob("*.log")) if (job := _read_log(path))]


def _read_log(path: Path) -> Job | None:
    text = path.read_text(encoding="utf-8", errors="replace")
    found = DONE.search(text.rstrip().rpartition("\n")[2])
    if not found:
        return None
    device = DEVICE.findall(text)
    return Job(
        path,
        float(found["seconds"]),
        float(found["memory"]),
        float(found["device_memory"] or math.nan),
        device[-1] if device else "",
    )
