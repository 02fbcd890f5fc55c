"""A process that imports once what all jobs of a run import, and starts a job as a copy of itself (a fork).

To start Python and to import torch takes 1.5 seconds of processor time, and most phantom jobs work for one to
four seconds. A fork has all modules after 0.05 seconds. Every job is still a process of its own, which can be
stopped and killed alone.

The libraries of the server use one thread, which is what Snakemake asks of them in a job with one thread. So
results have the same bits. The server only imports, and never computes: a fork of a process that has used
threads or a GPU could use neither.
"""

import contextlib
import ctypes
import gc
import importlib
import os
import pkgutil
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import NoReturn

import covidseg

# Needed beside the modules of the library: by the lines that Snakemake adds to a script, and to save figures.
MODULES = (
    *("snakemake.logging", "snakemake.iocontainers"),
    *("matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg"),
)
# Only jobs on a GPU import these two. They need Triton, which only torch for GPUs brings.
GPU_MODULES = ("covidseg.training.fused_norm", "covidseg.training.norm_kernels")
# The variables that Snakemake sets to the number of a job's threads.
THREADS = (
    *("OMP_NUM_THREADS", "GOTO_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"),
)
START = "import sys; sys.path.append({!r}); from covidseg.runs.fork_server import main; main({})"
READY = b"ready"
ENDED = "The fork server has ended. Every job starts Python anew from now on, which takes a second per job."
LONGEST_PATH = 4096
# Numbers of Linux's prctl.
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15


class ForkServer:
    """The server of one run, as the run sees it. The server ends when the run does, however the run ends."""

    def __init__(self, scripts: Path) -> None:
        """Start the server, which imports in the background.

        Args:
            scripts: folder of the package `covidseg`.
        """
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._usable: bool | None = None  # None: the server still imports
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", START.format(str(scripts), theirs.fileno())],
                env=os.environ | dict.fromkeys(THREADS, "1"),
                pass_fds=[theirs.fileno()],
            )

    def run(self, script: str) -> int | None:
        """Run a script in a fork and wait for its end.

        Returns:
            The exit status, or the negative number of the signal that ended the script; None if the script
            has not been started, because the server still imports or has died.
        """
        if not self._answers():
            return None
        reading, writing = os.pipe()
        with open(reading) as answer:
            try:
                socket.send_fds(self._requests, [script.encode()], [writing])
            except OSError:
                self._give_up()
            finally:
                os.close(writing)
            started, status = [*answer.read().split(), "", ""][:2]
        if started and not status:
            return -signal.SIGTERM  # the server has died, and Linux has stopped the job
        return int(status) if started else None

    def _answers(self) -> bool:
        """Return whether the server has imported everything."""
        with self._lock:
            if self._usable is None and select.select([self._requests], [], [], 0)[0]:
                self._usable = self._requests.recv(len(READY)) == READY
                if not self._usable:
                    self._give_up()
            return bool(self._usable)

    def _give_up(self) -> None:
        self._usable = False
        print(ENDED, file=sys.stderr)


def main(connection: int) -> None:
    """Import, and serve the run at the other end of a socket; run in a process of its own.

    Args:
        connection: number of the socket's file descriptor.
    """
    os.close(os.pidfd_open(os.getpid()))  # raises OSError under a Linux that is too old
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run and for its jobs
    for name in [*MODULES, *_library()]:
        importlib.import_module(name)
    gc.freeze()  # a garbage collection in a fork would copy the memory that the fork shares with the server
    requests = socket.socket(fileno=connection)
    with contextlib.suppress(ConnectionError):  # the run has ended, or was killed
        requests.send(READY)
        _serve(requests)
    os._exit(0)  # to tidy up all modules would take a second


def _library() -> list[str]:
    """Return the names of the library's modules, without those for the run itself and those for a GPU."""
    modules = pkgutil.walk_packages(covidseg.__path__, "covidseg.")
    return [
        module.name
        for module in modules
        if not module.name.startswith("covidseg.runs") and module.name not in GPU_MODULES
    ]


def _serve(requests: socket.socket) -> None:
    """Fork for each request, and answer with the exit status when the job has ended, until the run ends."""
    with selectors.DefaultSelector() as events:
        events.register(requests, selectors.EVENT_READ)
        while True:
            for event, _ in events.select():
                if event.fileobj is requests:
                    script, answers, _, _ = socket.recv_fds(requests, LONGEST_PATH, 1)
                    if not script:
                        return
                    job = os.fork() or _run(script.decode())
                    os.write(answers[0], f"{job}\n".encode())
                    events.register(os.pidfd_open(job), selectors.EVENT_READ, (job, answers[0]))
                else:
                    events.unregister(event.fd)
                    os.close(event.fd)
                    _report(*event.data)


def _report(job: int, answer: int) -> None:
    """Write the exit status of a job that has ended."""
    _, status = os.waitpid(job, 0)
    os.write(answer, str(os.waitstatus_to_exitcode(status)).encode())
    os.close(answer)


def _run(script: str) -> NoReturn:
    """Be the job: run the script as Python does, and end this process."""
    status = 1
    try:
        os.closerange(3, 1000)  # the server's connections, and answers to other jobs
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # when the server dies
        libc.prctl(PR_SET_NAME, script.split(".")[-2].encode())  # `top` shows tmpabc.train.py as `train`
        signal.signal(signal.SIGINT, signal.default_int_handler)
        runpy.run_path(script, run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
