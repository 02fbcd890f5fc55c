"""The errors that are no fault of the program: bad input, several at once, and a request to stop."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class InputError(Exception):
    """Bad input or a bad setting. The message is one line: which file or key, which value, what to do.

    Only the message about several faulty cases has more lines: one line per case.
    """


class InputErrors(InputError):
    """Several faults that were found together; the message is the first one.

    Attributes:
        faults: one line per fault.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        """Take the faults, of which there is at least one."""
        super().__init__(faults[0])
        self.faults = list(faults)


class Faults:
    """Faults that are gathered, so that all of them can be told together.

    Attributes:
        found: one line per fault.
    """

    def __init__(self) -> None:
        """Start without a fault."""
        self.found: list[str] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Gather the faults for which the block is left, and go on after the block."""
        try:
            yield
        except InputError as error:
            self.found += faults_of(error)

    def refuse(self) -> None:
        """Raise InputErrors if there are faults."""
        if self.found:
            raise InputErrors(self.found)


@contextmanager
def told_together() -> Iterator[Faults]:
    """Gather the faults of the parts of a block, and raise them together at the end of the block."""
    faults = Faults()
    yield faults
    faults.refuse()


def faults_of(error: InputError) -> list[str]:
    """Return one line per fault."""
    return error.faults if isinstance(error, InputErrors) else [str(error)]


class Interrupted(Exception):
    """The work was asked to stop. Before it stopped, it wrote the state from which the next start goes on."""
