"""Shift the clock of every Python process that has this folder in PYTHONPATH, by the seconds in a file.

Shifted are `time.time` and the clock of the library whose lock a training holds.
"""

import datetime
import os
import time
from pathlib import Path

real_time = time.time


def shifted() -> float:
    text = Path(os.environ["CLOCK_SHIFT"]).read_text()
    return real_time() + float(text or 0)  # empty while the file is being written


time.time = shifted

try:
    from flufl.lock import Lock
except ImportError:  # a Python of another environment
    pass
else:
    Lock._now = lambda self: datetime.datetime.fromtimestamp(shifted())
