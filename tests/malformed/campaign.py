"""Broken and odd inputs, each with what must come of it, and the judgement of what came of it.

Every module of INPUTS has a function `inputs` that yields the inputs of one family. An input is read through
the functions that the pipeline itself uses. Two results are right: the value that is known by hand, or one line
that names the file, the reason and, where one can help, the remedy. Everything else is a fault.
"""

import importlib
import re
import resource
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from covidseg.errors import InputError

FAMILIES = (
    "nifti",
    "masks",
    "dicom",
    "contours",
    "archives",
    "hosts",
    "pictures",
    "sheets",
    "dry_run",
    "tables",
    "models",
    "leftovers",
)
MEMORY_BYTES = 2 << 30  # address space that an input may take beyond what the interpreter has
SECONDS = 60  # that an input may take
LONGEST_LINE = 1000  # characters of a refusal, without the folder of the test
TEMPORARY = re.compile(r"\btmp\w{6,}|/\.[0-9a-f]{8}\.|Traceback")  # names that no user knows

RIGHT, REFUSED = "right", "refused"


@dataclass(frozen=True)
class Input:
    """A broken or odd input.

    Attributes:
        name: what is odd.
        run: makes the input in a folder, gives it to the project and returns what the project makes of it.
        check: asserts that the result is the right one; None if the input must be refused.
        says: texts that the refusal must contain: the file, the value and the remedy.
    """

    name: str
    run: Callable[[Path], Any]
    check: Callable[[Any], None] | None = None
    says: tuple[str, ...] = ()


def right(name: str, run: Callable[[Path], Any], check: Callable[[Any], None]) -> Input:
    """Return an input that must be read, with the value that `check` asserts."""
    return Input(name, run, check)


def refused(name: str, run: Callable[[Path], Any], *says: str) -> Input:
    """Return an input that must be refused in one line that contains all texts of `says`."""
    assert says, "a refusal names at least the file"
    return Input(name, run, says=says)


def inputs_of(family: str) -> list[Input]:
    """Return all inputs of a family; the names must differ."""
    found = list(importlib.import_module(f"malformed.{family}").inputs())
    assert len({one.name for one in found}) == len(found), f"{family}: two inputs have one name"
    return found


def judge(one: Input, folder: Path) -> str:
    """Give an input to the project; return RIGHT, REFUSED, or the fault in words.

    Args:
        one: the input.
        folder: an empty folder. The input and everything that is made of it lie in the folder `work` in it.
    """
    work, temporary = folder / "work", folder / "temporary"
    work.mkdir()
    temporary.mkdir()
    try:
        with temporary_files_in(temporary), bounded():
            verdict = _accept(one, one.run(work))
    except InputError as error:
        verdict = _accept_refusal(one, str(error).replace(str(folder), ""))
    except Exception as error:
        verdict = f"{type(error).__name__}: {error}"
    stray = sorted(
        path.name for path in [*folder.iterdir(), *temporary.iterdir()] if path not in (work, temporary)
    )
    return f"left behind or written elsewhere: {', '.join(stray)}" if stray else verdict


def _accept(one: Input, found: Any) -> str:
    if one.check is None:
        return f"taken as {type(found).__name__}, but must be refused with {', '.join(one.says)}"
    try:
        one.check(found)
    except AssertionError as error:
        return f"wrong: {error}"
    return RIGHT


def _accept_refusal(one: Input, line: str) -> str:
    if one.check is not None:
        return f"refused, but must be read: {line}"
    missing = [text for text in one.says if text not in line]
    if missing:
        return f"refused without {missing}: {line}"
    if not is_plain(line):
        return f"refused, but not in one plain line: {line!r}"
    return REFUSED


def is_plain(message: str) -> bool:
    """Return whether a message is one line, or a line for each of several faulty cases below a first line."""
    first, *lines = message.splitlines()
    faulty = re.search(r": (\d+) cases are wrong", first)
    within = all(len(line) < LONGEST_LINE and not TEMPORARY.search(line) for line in (first, *lines))
    return within and len(lines) == (int(faulty[1]) if faulty else 0)


@contextmanager
def bounded() -> Iterator[None]:
    """Raise MemoryError beyond MEMORY_BYTES of further address space, and TimeoutError after SECONDS."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGALRM, _time_is_up)
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY_BYTES, before[1]))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


def _time_is_up(*_: object) -> None:
    raise TimeoutError(f"took longer than {SECONDS} s")


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Let Python make its temporary files in a folder, so that one that is left behind is found."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
