"""The GPUs of one machine: every job of a run takes one that no other job has."""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PAUSE = 1.0  # seconds between two looks at the locks
# The kernel gives a lock back when its process ends, however it ends. Two SLURM jobs on one node may both
# call their GPU 0, since a job sees its own GPUs alone.
LOCKS = Path(tempfile.gettempdir()) / f"covidseg-gpus-{os.getuid()}-{os.environ.get('SLURM_JOB_ID', 'all')}"
_held: list[int] = []  # file descriptors, which stay open until the process ends


def visible_devices() -> list[str]:
    """Return the names of the GPUs that this process may use, as in CUDA_VISIBLE_DEVICES."""
    if (chosen := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name.strip() for name in chosen.split(",") if name.strip()]
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        return []


def take_device(devices: list[str]) -> None:
    """Let this process see one GPU alone, which is this process's until its end; wait until one is free.

    Processes of other runs on this machine are counted too, so that two runs share the GPUs.

    Args:
        devices: names of the GPUs.
    """
    LOCKS.mkdir(exist_ok=True)
    told = False
    while True:
        for name in devices:
            lock = os.open(LOCKS / name.replace("/", "-"), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            _held.append(lock)
            os.environ["CUDA_VISIBLE_DEVICES"] = name
            return
        if not told:
            print(f"waiting for one of the GPUs {', '.join(devices)}", file=sys.stderr)
            told = True
        time.sleep(PAUSE)
