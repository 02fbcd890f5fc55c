"""All faults of the configurations at once, for `snakemake check`."""

from collections.abc import Iterable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

from covidseg.config.case_checks import check_members
from covidseg.config.loading import SHEETS, Sheets, check_together, complete_sections, read_sheets
from covidseg.config.local import named_first, sheet_path
from covidseg.config.sheets import Sections
from covidseg.config.strict_yaml import read_yaml
from covidseg.errors import Faults, InputError, faults_of

EVERY = "*"
# Sheet -> the keys above its entries; EVERY stands for every key.
ENTRIES: dict[str, list[tuple[str, ...]]] = {
    "datasets": [()],
    "splits": [()],
    "experiments": [("sources",), ("experiments",), ("weak", "models"), ("weak", "localisers")],
    "artefacts": [(EVERY,)],
    "claims": [(EVERY,)],
}
SPARE = "paper.yaml"  # with this configuration the sheets are checked if the chosen one has a fault
Entry = tuple[str, ...]  # sheet and keys of an entry


def configurations(folder: Path) -> list[Path]:
    """Return the paths of the configurations in the folder config/, which are all files but the sheets."""
    return sorted(path for path in folder.glob("*.yaml") if path.stem not in SHEETS)


def refuse_faults(chosen: Iterable[str], folder: Path) -> None:
    """Check the chosen configurations, or all of the folder, with everything that they read.

    Raises:
        InputError: there are faults; there is one argument, which is one line, per fault.
    """
    if faults := find_faults([Path(path) for path in chosen] or configurations(folder), folder):
        raise InputError(*faults)


def find_faults(paths: Iterable[Path], folder: Path) -> list[str]:
    """Return one line per fault of the sheets, of config/local and of the configurations.

    What breaks a schema is found everywhere. The other checks are done in several steps, as most of them need
    what an earlier step has found right. The entries that have a fault are taken out after a step, and the
    rest is checked again, until no fault is left. Faults of what names such an entry are not told, since the
    entry may be their cause.

    Args:
        paths: the configurations.
        folder: the folder config/.
    """
    faults = Faults()
    sheets, places = read_sheets(folder, faults)
    rest = Rest(sheets, folder) if len(sheets) == len(SHEETS) else None
    if rest:
        rest.take_out(faults.found)
    spare: Sections | None = None
    with suppress(InputError):
        spare = complete_sections(read_yaml(folder / SPARE), SPARE, folder)
    for path in paths:
        sections = spare
        with faults.gathered():
            sections = complete_sections(read_yaml(path), str(path), folder)
        if rest and sections:
            faults.found += deepcopy(rest).faults(sections, str(path), spare)
    return list(dict.fromkeys(places.renamed(fault) for fault in faults.found))


class Rest:
    """The sheets without the entries that have a fault.

    Attributes:
        sheets: name of a sheet -> its content.
        folder: the folder config/.
        unsure: entries that name an entry that was taken out, directly or through others.
        whole: whether nothing was taken out, and nothing can be missing.
    """

    def __init__(self, sheets: Sheets, folder: Path) -> None:
        """Start with complete sheets, which are changed."""
        self.sheets, self.folder, self.unsure, self.whole = sheets, folder, set[Entry](), True

    def faults(self, sections: Sections, name: str, spare: Sections | None) -> list[str]:
        """Return the faults of a configuration together with the sheets.

        Args:
            sections: the configuration.
            name: the path of its file.
            spare: another configuration, with which the sheets are checked if this one has a fault.
        """
        found: list[str] = []
        while True:
            try:
                check_members(check_together(sections, name, self.sheets, self.folder))
                return found
            except InputError as error:
                told = [fault for fault in faults_of(error) if self._entry(fault) not in self.unsure]
                found += [fault for fault in told if not fault.startswith(SPARE)]
                if not self.take_out(faults_of(error)):
                    if not spare or name == SPARE:
                        return found
                    sections, name = spare, SPARE
            except (LookupError, AttributeError, TypeError):
                if self.whole:
                    raise
                return found  # the rest cannot be checked without what is faulty

    def take_out(self, faults: list[str]) -> bool:
        """Take the entries out that faults name; return whether every fault names an entry."""
        entries = dict.fromkeys(map(self._entry, faults))
        for entry in filter(None, entries):
            self._take_out(entry)
        self.whole = self.whole and not faults
        return None not in entries

    def _take_out(self, entry: Entry) -> None:
        sheet, *above, last = entry
        content: dict[str, Any] = self.sheets[sheet]
        for key in above:
            content = content[key]
        del content[last]
        waiting = [entry]
        while waiting:
            gone = waiting.pop()
            naming = {one for one, value in self._entries().items() if _names(value, gone)} - self.unsure
            self.unsure |= naming
            waiting += naming
            if gone == entry:
                self.sheets = {name: _without(content, gone) for name, content in self.sheets.items()}

    def _entry(self, fault: str) -> Entry | None:
        for sheet in self.sheets:
            start = f"{sheet_path(self.folder, sheet)}: "
            if fault.startswith(start):
                keys = {".".join(entry[1:]): entry for entry in self._entries() if entry[0] == sheet}
                found = named_first(fault.removeprefix(start), keys)
                return None if found is None else keys[found]
        return None

    def _entries(self) -> dict[Entry, object]:
        found: dict[Entry, object] = {}
        for sheet, places in ENTRIES.items():
            for above in places:
                parents: dict[Entry, dict[str, Any]] = {(sheet,): self.sheets[sheet]}
                for key in above:
                    parents = {
                        (*keys, one): content
                        for keys, parent in parents.items()
                        for one, content in parent.items()
                        if key in (one, EVERY)
                    }
                for keys, parent in parents.items():
                    # A text in place of a mapping is a fault that the schema has told.
                    inside = parent if isinstance(parent, dict) else {}
                    found |= {(*keys, one): value for one, value in inside.items()}
        return found


def _is_name_of(value: object, entry: Entry) -> bool:
    """Return whether a value names an entry, an archive of it, or an experiment that it is part of."""
    if not isinstance(value, str):
        return False
    sheet, *_, name = entry
    made = sheet == "experiments" and (value.startswith(f"{name}-") or value.endswith(f"-{name}"))
    return made or value == name or value.startswith(f"{name}/")


def _names(value: object, entry: Entry) -> bool:
    """Return whether a value, or anything in it, names an entry."""
    if isinstance(value, dict):
        return any(_names(one, entry) for pair in value.items() for one in pair)
    if isinstance(value, list):
        return any(_names(one, entry) for one in value)
    return _is_name_of(value, entry)


def _without(value: Any, entry: Entry) -> Any:  # noqa: ANN401
    """Return a value without the items of lists, and the keys, that name an entry."""
    if isinstance(value, list):
        return [_without(one, entry) for one in value if not _is_name_of(one, entry)]
    if isinstance(value, dict):
        return {key: _without(one, entry) for key, one in value.items() if not _is_name_of(key, entry)}
    return value
