"""What a rehearsal's jobs took and how they ended, by their logs."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

DONE = re.compile(
    r"done in (?P<seconds>\d+\.\d+) s, peak memory (?P<memory>\d+\.\d+) GiB"
    r"(, of the GPU (?P<device_memory>\d+\.\d+) GiB)?"
)
DEVICE = re.compile(r"(?:training|predicting|localising) on (.+)")
RESUMED = "resumed at epoch"


@dataclass(frozen=True)
class Finished:
    """What a finished job wrote into its log; of a job that ran twice, the second time.

    Attributes:
        seconds: run time.
        memory: peak memory in GiB.
        device_memory: peak memory of the GPU in GiB; NaN without a GPU.
        device: device and precision; empty if the job trains and predicts nothing.
        resumed: whether the job went on from the state of a killed training.
    """

    seconds: float
    memory: float
    device_memory: float
    device: str
    resumed: bool


def read_log(path: Path) -> Finished | None:
    """Return what a job took; None if the job has no log or has not finished."""
    if not path.exists():
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    found = DONE.search(text.rstrip().rpartition("\n")[2])
    if not found:
        return None
    devices = DEVICE.findall(text)
    return Finished(
        seconds=float(found["seconds"]),
        memory=float(found["memory"]),
        device_memory=float(found["device_memory"] or math.nan),
        device=devices[-1] if devices else "",
        resumed=RESUMED in text,
    )
