"""The description of one table or figure, which the module of its kind gets."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from covidseg.config.entries import ArtefactEntry


@dataclass(frozen=True)
class Artefact:
    """What a table or figure shows, which files it is made from, and where its own files are written.

    Attributes:
        base: path of the files to write, without suffix.
        paper: the key of the paper.
        entry: the entry of artefacts.yaml; a figure's entry is without the models that are not run.
        config_name: name of the configuration; every table and figure prints this name.
        remarks: sentences to print below the table or figure.
        inputs: name -> files or folders to read; kinds.py says which names each kind has.
        parameters: name -> value; kinds.py says which names each kind has.
        tables: key of each table of the paper -> its label; the web page of a table links to these.
        files: names of the artefact's files.
    """

    base: Path
    paper: str
    entry: ArtefactEntry
    config_name: str
    remarks: list[str]
    inputs: dict[str, list[Path]]
    parameters: dict[str, Any]
    tables: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    def input(self, name: str) -> Path:
        """Return the input of this name, which must be a single file or folder."""
        (path,) = self.inputs[name]
        return path

    def own(self, key: str) -> Any:  # noqa: ANN401  (the schema of the kind in kinds.py gives the type)
        """Return the value of a key that only the entries of this kind have."""
        return dict(self.entry)[key]
