"""What every script does around its one call of the library: write a log, and report errors in one line."""

import errno
import logging
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from covidseg.errors import InputError, Interrupted
from covidseg.slurm import requeue

INTERRUPTED = 128 + 15  # what a shell reports for SIGTERM


@contextmanager
def job(log_file: str) -> Iterator[None]:
    """Log to `log_file`, print errors on the terminal too; report expected errors in one line.

    Warnings stay in the log, from which the run itself prints them (runs/terminal.py): each once, although
    many jobs may give it, and those of jobs on other machines too.

    The last line of the log gives the run time in seconds and the peak memory: of this process or of its
    largest worker, whichever is higher; then that of the GPU, if the job used one. (Snakemake's own
    `benchmark` asks the kernel for the first two values twice per second, which took a tenth of the time of a
    phantom run.) A job that is a fork (runs/fork_server.py) counts all modules that it shares with its
    server, 0.3 GiB; on its own it would import some of them.

    Bad input, a full disk and a requested stop end the process with a non-zero status and one line.
    Any other error is a fault of the program and keeps its traceback.
    """
    Path(log_file).parent.mkdir(parents=True, exist_ok=True)
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.ERROR)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
        handlers=[logging.FileHandler(log_file), terminal],
        force=True,
    )
    begun = time.monotonic()
    try:
        yield
        memory = max(
            resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        seconds = time.monotonic() - begun
        logging.info("done in %.2f s, peak memory %.2f GiB%s", seconds, memory / 2**20, _device_memory())
    except InputError as error:
        logging.error("%s", error)
        sys.exit(1)
    except Interrupted as error:
        logging.warning("%s", error)
        print(error, file=sys.stderr)
        if requeue():
            logging.warning("this SLURM job is queued again and will go on from here")
        sys.exit(INTERRUPTED)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            logging.error("%s: no space left on the disk; free some space and run again", error.filename)
        else:
            logging.exception("unexpected error")
        sys.exit(1)
    except Exception:
        logging.exception("unexpected error")
        sys.exit(1)


def _device_memory() -> str:
    """Return the peak memory that torch has reserved on a GPU, as the end of a log's last line."""
    torch = sys.modules.get("torch")  # to import torch takes longer than most jobs
    if not (torch and torch.cuda.is_initialized()):
        return ""
    return f", of the GPU {torch.cuda.max_memory_reserved() / 2**30:.2f} GiB"
