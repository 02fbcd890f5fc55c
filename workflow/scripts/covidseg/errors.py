"""The two errors that are no fault of the program: bad input, and a request to stop."""


class InputError(Exception):
    """Bad input or a bad setting. The message is one line: which file or key, which value, what to do.

    Only the message about several faulty cases has more lines: one line per case.
    """


class Interrupted(Exception):
    """The work was asked to stop. Before it stopped, it wrote the state from which the next start goes on."""
