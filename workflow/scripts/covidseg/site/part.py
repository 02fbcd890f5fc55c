"""One part of the site: a folder of pages that one job makes, and that is made anew only when it changes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from covidseg.site.pages import Site


class Entry(TypedDict):
    """What the search finds.

    Attributes:
        title: words to find, such as "Table 1 of wang2021".
        kind: of the thing, such as "table"; found too.
        page: path below the site's folder, with an anchor if there is one.
    """

    title: str
    kind: str
    page: str


@dataclass(frozen=True)
class Part:
    """What a module of pages gets.

    Attributes:
        site: what all pages share.
        folder: the part's folder below the site's folder, such as papers/wang2021.
        inputs: name -> files or folders to read.
        parameters: name -> value; the rule says which.
    """

    site: Site
    folder: str
    inputs: dict[str, list[Path]]
    parameters: dict[str, Any]

    def input(self, name: str) -> Path:
        """Return the input of this name, which must be a single file or folder."""
        (path,) = self.inputs[name]
        return path

    @property
    def path(self) -> Path:
        """The part's folder."""
        return self.site.folder / self.folder
