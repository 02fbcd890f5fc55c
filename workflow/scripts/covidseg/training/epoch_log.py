"""What a training writes into its log: its name, and a line per epoch with the time left.

`snakemake progress` reads the same lines. No result depends on this module.
"""

import logging
import math
import re
import time
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

log = logging.getLogger(__name__)

HEAD = "INFO training of "  # begins the part of a log that is of one start
RECENT = 10  # epochs whose mean duration tells the time left
LINE = re.compile(r"INFO epoch \d+: (.*); (\d+) of (\d+) epochs done(?:, about (.*) left)?$", re.MULTILINE)
LOSS = re.compile(r"(?:^|, )loss ([^,;]+)")


class EpochLog:
    """Writes a line per epoch into the log of one training.

    Attributes:
        epochs: number of epochs of the whole training.
        ends: times at which the first epoch of this process began and the last epochs ended, in s.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.ends = deque([time.monotonic()], maxlen=RECENT + 1)

    def write(self, row: Mapping[str, float | None], seconds: float) -> None:
        """Write the line of a finished epoch; what was not measured is left out.

        Args:
            row: the epoch's row of log.csv.
            seconds: duration of the epoch's iterations.
        """
        self.ends.append(time.monotonic())
        measured = [
            f"{name.replace('_', ' ')} {value:.4g}"
            for name, value in row.items()
            if name not in ("epoch", "seconds") and value is not None and not math.isnan(value)
        ]
        epoch = int(row["epoch"] or 0)
        left = f", about {duration(self._left(epoch + 1))} left" if epoch + 1 < self.epochs else ""
        values = ", ".join([*measured, f"{seconds:.1f} s"])
        log.info("epoch %d: %s; %d of %d epochs done%s", epoch, values, epoch + 1, self.epochs, left)

    def _left(self, done: int) -> float:
        return (self.epochs - done) * (self.ends[-1] - self.ends[0]) / (len(self.ends) - 1)


class Epoch(NamedTuple):
    """The last epoch in a log.

    Attributes:
        done: number of finished epochs.
        epochs: number of epochs of the whole training.
        loss: mean loss of the epoch, as printed; empty if the training has none of this name.
        left: time left, as printed; empty after the last epoch.
    """

    done: int
    epochs: int
    loss: str
    left: str


def last_epoch(text: str) -> Epoch | None:
    """Return the last epoch that the text of a log tells; None if there is none."""
    lines = list(LINE.finditer(text))
    if not lines:
        return None
    found = lines[-1]
    loss = LOSS.search(found[1])
    return Epoch(int(found[2]), int(found[3]), loss[1] if loss else "", found[4] or "")


def write_head(name: str, *, strategy: str, source: str, fold: int) -> None:
    """Write which training the log is of, with its first line."""
    log.info("training of %s: strategy %s, source %s, fold %d", name, strategy, source, fold)


def duration(seconds: float) -> str:
    """Return a duration in its two largest units: '8 s', '3 min 5 s', '2 h 10 min', '3 d 4 h'."""
    whole = round(seconds)
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // part} {smaller}"
    return f"{whole} s"
