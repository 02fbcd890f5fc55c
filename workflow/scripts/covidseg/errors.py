"""The one exception that means: the input, not the program, is at fault."""


class InputError(Exception):
    """Bad input or a bad setting. The message is one line: which file or key, which value, what to do."""


class Interrupted(Exception):
    """The work was asked to stop and has written what it needs to go on."""
