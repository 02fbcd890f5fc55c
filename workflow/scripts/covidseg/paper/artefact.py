"""One table or figure to make, as the module of its kind gets it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from covidseg.config.entries import ArtefactEntry


@dataclass(frozen=True)
class Artefact:
    """What a table or figure shows, what it is made from, and where its files go.

    Attributes:
        base: path of its files without their suffix.
        paper: the key of the paper.
        entry: of artefacts.yaml, reduced to what is run.
        config_name: name of the configuration, which every table and figure prints.
        remarks: sentences to print below.
        inputs: name -> files, as the kind's entry in the registry lists them.
        parameters: name -> value, likewise.
    """

    base: Path
    paper: str
    entry: ArtefactEntry
    config_name: str
    remarks: list[str]
    inputs: dict[str, list[Path]]
    parameters: dict[str, Any]

    def input(self, name: str) -> Path:
        """Return the one file or folder of that name."""
        (path,) = self.inputs[name]
        return path

    def own(self, key: str) -> Any:  # noqa: ANN401  (the schema in the registry of kinds says what it is)
        """Return the value of a key that the entries of this kind alone have."""
        return dict(self.entry)[key]
