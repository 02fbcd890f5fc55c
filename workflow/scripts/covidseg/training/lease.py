"""The lock of a training: one writer per model, on all the nodes that share a file system.

A file lock of the kernel is not enough: not every shared file system passes it on, and one that a dead
node held may stay for ever. This one is a file whose holder has to renew it. A holder that did not, because
its node died, loses it to the next; should it live on after all, it finds out before it writes.
"""

import json
import logging
import os
import signal
import threading
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
logging.getLogger("flufl.lock").setLevel(logging.CRITICAL)  # it reports what is reported here, as errors

LIFETIME = 60  # seconds without a renewal after which a holder is taken for dead (10 more for the clocks)
RENEWAL = 15  # seconds; as often a job asks SLURM whether it still is one
PATIENCE = 90  # seconds that a job waits, longer than a dead holder's lock lives, before it frees its GPU


class Holder(TypedDict):
    """What the process that holds a lock writes of itself.

    Attributes:
        name: for a log.
        machine: its boot and its container, within which the process's number is the only one.
        process: number of the process.
        started: the process's start, in seconds since 1970.
        claim: path of the file by which the process holds the lock.
    """

    name: str
    machine: str
    process: int
    started: float
    claim: NotRequired[str]


class Lease:
    """A held lock. Another thread renews it, and asks this process to stop once it is lost or an orphan's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = flufl.lock.Lock(str(folder / "lock"), lifetime=LIFETIME)
        self._released = threading.Event()

    def acquire(self) -> None:
        """Wait for the lock; raises Interrupted in a cluster job that should rather wait in the queue."""
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
        """Raise Interrupted if another process has the lock: whatever this one writes would be in its way."""
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
                # Whoever cannot renew cannot write either, and checks again before it does.
                log.warning("%s: the lock cannot be renewed: %s", self.folder, error)


@contextmanager
def leased(folder: Path) -> Iterator[Lease]:
    """Hold the lock of a training's state folder, waiting for it as `Lease.acquire`."""
    lease = Lease(folder)
    lease.acquire()
    try:
        yield lease
    finally:
        lease.release()


def _describe_self() -> Holder:
    """Return what tells on the same machine whether this process is alive, and what to call it."""
    process, node, job = psutil.Process(), os.uname().nodename, job_number()
    return {
        "name": f"process {process.pid} on {node}" + (f" (SLURM job {job})" if job else ""),
        "machine": _machine(),
        "process": process.pid,
        "started": process.create_time(),
    }


def _machine() -> str:
    """Return a name of this boot of this machine, and of the container whose process numbers are meant."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    if not boot.exists():
        return os.uname().nodename
    return f"{boot.read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"


def _holder(folder: Path) -> Holder | None:
    """Return what the holder wrote of itself; None if there is none, or it is only about to."""
    with suppress(OSError, ValueError):
        holder: Holder = json.loads((folder / "holder.json").read_text(encoding="utf-8"))
        if (folder / "lock").read_text(encoding="utf-8") == holder["claim"]:
            return holder
    return None


def _remove_dead(folder: Path) -> None:
    """Free a lock whose holder died on this machine, which need not wait for the lock to run out."""
    with filelock.FileLock(folder / "removal"):  # of this machine's processes alone
        holder = _holder(folder)
        if holder and holder["machine"] == _machine() and not _alive(holder):
            (folder / "lock").unlink(missing_ok=True)


def _alive(holder: Holder) -> bool:
    try:
        process = psutil.Process(holder["process"])
        same = abs(process.create_time() - holder["started"]) < 1  # and not its number, given away again
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
