"""The numbers of parameters in a model.json."""

from pathlib import Path

from covidseg.errors import InputError
from covidseg.training.description import Counts, Description

Parameters = dict[str, Counts]  # part of a network -> its numbers of parameters


def read_parameters(path: Path) -> Parameters:
    """Return part of the network -> its numbers of parameters, from a model.json.

    Raises:
        InputError: the file has no such numbers, since an older version of covidseg wrote it.
    """
    parameters = Description.read(path).parameters
    if not parameters:
        raise InputError(
            f"{path}: has no numbers of parameters; delete the file, and the model is trained anew"
        )
    return parameters
