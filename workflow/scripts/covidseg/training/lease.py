"""The lock of a training: one writing process per model, on all the nodes that share a file system.

A file lock of the kernel is not enough: some shared file systems do not pass the lock on to other nodes, and
the lock of a dead node may stay for ever. The lock here is a file that its holder must renew. A holder that
does not renew the lock, because its node died, loses the lock to the next process. If the old holder is alive
after all, it checks the lock before it writes, and stops.
"""

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import NotRequired, TypedDict

import filelock
import flufl.lock
import psutil

from covidseg.errors import Interrupted
from covidseg.files import write_json
from covidseg.slurm import can_requeue, is_orphan, job_number

log = logging.getLogger(__name__)
logging.getLogger("flufl.lock").setLevel(logging.CRITICAL)  # this module reports the same events itself

LIFETIME = 60  # seconds without renewal after which a holder counts as dead
CLOCK_DIFFERENCE = 10  # seconds more, as clocks may differ
RENEWAL = 15  # seconds between two renewals, and between two questions to SLURM about this process's job
PATIENCE = 90  # seconds that a job waits before it frees its GPU; a dead holder's lock expires earlier


class Holder(TypedDict):
    """What the process that holds a lock writes about itself.

    Attributes:
        name: name of the process for log messages.
        machine: boot and container of the process; within both, the number of a process is unique.
        process: number of the process.
        started: start of the process, in seconds since 1970.
        claim: path of the file by which the process holds the lock.
    """

    name: str
    machine: str
    process: int
    started: float
    claim: NotRequired[str]


class Lease:
    """The lock of one training.

    A thread renews the lock. The thread asks its process to stop if the lock is lost, or if SLURM has given
    the process's job to another node.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = flufl.lock.Lock(str(folder / "lock"), lifetime=LIFETIME)
        self._released = threading.Event()

    def acquire(self) -> None:
        """Wait for the lock and take it.

        Raises:
            Interrupted: this process is a cluster job that can be queued again, and has waited for PATIENCE
                seconds; in the queue the job occupies no GPU.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        _remove_dead(self.folder)
        holder = _holder(self.folder)
        if holder:
            log.warning("%s: %s trains this model; waiting for it", self.folder, holder["name"])
        try:
            self._lock.lock(timeout=timedelta(seconds=PATIENCE) if can_requeue() else None)
        except flufl.lock.TimeOutError:
            raise Interrupted(
                f"{self.folder}: another job trains this model; this one leaves its GPU"
            ) from None
        write_json(self.folder / "holder.json", {**_describe_self(), "claim": self._lock.claimfile})
        threading.Thread(target=self._renew, daemon=True).start()

    def check(self) -> None:
        """Check that this process still holds the lock, before it writes.

        Raises:
            Interrupted: another process has taken the lock, and may be writing the same files.
        """
        try:
            self._lock.refresh()
        except flufl.lock.NotLockedError:
            raise Interrupted(f"{self.folder}: another process took this training over") from None

    def release(self) -> None:
        """Give the lock back, if it is still held."""
        self._released.set()
        self._lock.unlock(unconditionally=True)

    def _renew(self) -> None:
        while not self._released.wait(RENEWAL):
            try:
                self.check()
                if is_orphan():
                    raise Interrupted(f"{self.folder}: this job's node was declared dead")
            except Interrupted as error:
                log.warning("%s; stopping", error)
                os.kill(os.getpid(), signal.SIGTERM)
                return
            except OSError as error:
                # Without the file system nothing can be written either. A writer checks the lock again.
                log.warning("%s: the lock cannot be renewed: %s", self.folder, error)


@contextmanager
def leased(folder: Path) -> Iterator[Lease]:
    """Hold the lock of a training's state folder; waits for the lock and raises as `Lease.acquire` does."""
    lease = Lease(folder)
    lease.acquire()
    try:
        yield lease
    finally:
        lease.release()


def holder_name(folder: Path) -> str | None:
    """Return the name of the process that holds the lock of a state folder, without touching the lock.

    Returns None if no process holds the lock, or if its holder counts as dead.
    """
    try:
        expiry = (folder / "lock").stat().st_mtime
    except OSError:
        return None
    holder = _holder(folder)
    if holder and holder["machine"] == _machine():
        return holder["name"] if _alive(holder) else None
    if expiry + CLOCK_DIFFERENCE < time.time():
        return None
    return holder["name"] if holder else "a process that has just begun"


def _describe_self() -> Holder:
    """Return this process's name, and what other processes of the machine need to see if it is alive."""
    process, node, job = psutil.Process(), os.uname().nodename, job_number()
    return {
        "name": f"process {process.pid} on {node}" + (f" (SLURM job {job})" if job else ""),
        "machine": _machine(),
        "process": process.pid,
        "started": process.create_time(),
    }


def _machine() -> str:
    """Return a name for this boot of this machine and for the container that numbers the processes."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    if not boot.exists():
        return os.uname().nodename
    return f"{boot.read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"


def _holder(folder: Path) -> Holder | None:
    """Return what the holder wrote about itself; None if there is no holder or it has not written yet."""
    with suppress(OSError, ValueError):
        holder: Holder = json.loads((folder / "holder.json").read_text(encoding="utf-8"))
        if (folder / "lock").read_text(encoding="utf-8") == holder["claim"]:
            return holder
    return None


def _remove_dead(folder: Path) -> None:
    """Remove the lock at once, before it expires, if its holder ran on this machine and has died."""
    with filelock.FileLock(folder / "removal"):  # one process of this machine at a time
        holder = _holder(folder)
        if holder and holder["machine"] == _machine() and not _alive(holder):
            (folder / "lock").unlink(missing_ok=True)


def _alive(holder: Holder) -> bool:
    try:
        process = psutil.Process(holder["process"])
        same = abs(process.create_time() - holder["started"]) < 1  # a later process may have the same number
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
