"""A user's own additions: the files config/local/*.yaml, merged into the sheets.

Git ignores these files, so that additions survive `git pull` and never meet changes of the tracked sheets.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from yaml.nodes import MappingNode, Node

from covidseg.config.strict_yaml import Loader, read_yaml
from covidseg.errors import Faults, InputError, InputErrors, faults_of
from covidseg.reading import read_text

# Section of a local file -> the keys above its place in the sheets; the first one names the sheet.
SECTIONS = {
    "datasets": ("datasets",),
    "splits": ("splits",),
    "sources": ("experiments", "sources"),
    "experiments": ("experiments", "experiments"),
    "weak": ("experiments", "weak"),
    "artefacts": ("artefacts",),
    "claims": ("claims",),
}
CHECKOUT = Path(__file__).resolve().parents[4]
Value = TypeVar("Value")
ENDS = (".", ":", " ", "-")  # what can follow the name of a key in a message
# A message may name a key, and then quote the key or the value below it that is wrong.
BELOW = re.compile(r"(?:top level|([^ ]+)): [^';]*'([^']+)'")
QUOTED = re.compile("'([^']+)'")
LONGEST = 60  # letters of a value in a message


def sheet_path(folder: Path, sheet: str) -> Path:
    """Return the path of a sheet in the folder config/."""
    return folder / ("splits.json" if sheet == "splits" else f"{sheet}.yaml")


class Places:
    """Where the additions are written: file and line of every key that was added to a sheet.

    Attributes:
        folder: the folder config/.
        lines: sheet -> keys that a message names, joined by points -> "<file>: line <number>".
        values: sheet -> text that was added as a value -> "<file>: line <number>".
    """

    def __init__(self, folder: Path) -> None:
        """Start without any addition."""
        self.folder = folder
        self.lines: dict[str, dict[str, str]] = {}
        self.values: dict[str, dict[str, str]] = {}

    def note(self, keys: tuple[str, ...], line: str, *values: object) -> None:
        """Remember the line of an added key and its values; the first of the keys names the sheet."""
        sheet, *rest = keys
        self.lines.setdefault(sheet, {})[".".join(rest)] = line
        for value in values:
            self.values.setdefault(sheet, {}).setdefault(str(value), line)

    def of(self, keys: tuple[str, ...]) -> str:
        """Return the file, and for an addition the line, that has a key."""
        sheet, *rest = keys
        return self._line(sheet, ".".join(rest)) or self._path(sheet)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Let the messages about additions name the file and line of the addition, and not the sheet."""
        try:
            yield
        except InputError as error:
            raise InputErrors([self.renamed(fault) for fault in faults_of(error)]) from error

    def renamed(self, fault: str) -> str:
        """Return a message about an addition with the file and line of the addition in place of the sheet."""
        for sheet in self.lines:
            start = f"{self._path(sheet)}: "
            if fault.startswith(start) and (line := self._line(sheet, fault.removeprefix(start))):
                return f"{line}: {fault.removeprefix(start)}"
        return fault

    def _path(self, sheet: str) -> str:
        return str(sheet_path(self.folder, sheet))

    def _line(self, sheet: str, text: str) -> str | None:
        """Return the line of the key that a message begins with, or of the value that it quotes first."""
        keys = self.lines.get(sheet, {})
        if (found := named_first(text, keys)) is not None:
            return keys[found]
        quoted = QUOTED.search(text)
        return self.values.get(sheet, {}).get(quoted[1]) if quoted else None


def named_first(text: str, keys: Iterable[str]) -> str | None:
    """Return the longest of the keys that the text of a message begins with, or None.

    Messages name an experiment also without the section that it is in, and a source as its pre-training.

    Args:
        text: the message, without the file at its beginning.
        keys: keys from the top level of the file down, joined by points.
    """
    if found := BELOW.match(text):
        text = f"{found[1]}.{found[2]}:" if found[1] else f"{found[2]}:"
    texts = (text, f"experiments.{text}", f"sources.{text.removeprefix('pretrain-')}")
    fitting = [key for key in keys if any(f"{one} ".startswith((*map(key.__add__, ENDS),)) for one in texts)]
    return max(fitting, key=len, default=None)


def local_files(folder: Path) -> list[Path]:
    """Return the paths of the files in config/local, sorted by name.

    A workflow that imports this one, and a run in another folder, may have a folder config/local too.

    Args:
        folder: the folder config/.

    Raises:
        InputError: a file ends with .yml, which would not be read.
    """
    places = [folder / "local"]
    if folder.resolve() == CHECKOUT / "config" != Path("config").resolve():
        places.append(Path("config/local"))
    if wrong := [path for place in places for path in sorted(place.glob("*.yml"))]:
        raise InputError(f"{wrong[0]}: expected the suffix .yaml; rename the file")
    found = [path for place in places for path in sorted(place.glob("*.yaml"))]
    return [path for path in found if not path.name.startswith(".")]


def add_local(sheets: dict[str, Any], folder: Path, faults: Faults) -> Places:
    """Merge the files of config/local into the sheets: mappings are merged, and lists are appended.

    A file that cannot be read, an unknown section, and a value that differs from the one in a sheet or in an
    earlier file are faults; each message names the file and the line.

    Args:
        sheets: name of a sheet -> its content, which is changed.
        folder: the folder config/.
        faults: where the faults are gathered.

    Raises:
        InputError: a file ends with .yml, as `local_files` says.
    """
    places = Places(folder)
    for path in local_files(folder):
        content, lines = {}, {}
        with faults.gathered():
            content, lines = read_yaml(path), dict(_key_lines(Loader(read_text(path)).get_single_node()))
        for section, own in content.items():
            at = {keys[1:]: f"{path}: line {line}" for keys, line in lines.items() if keys[0] == section}
            if section not in SECTIONS:
                faults.found.append(f"{at[()]}: unknown section {section!r}; allowed: {', '.join(SECTIONS)}")
                continue
            *above, last = SECTIONS[section]
            sheet = sheets[above[0]] if above else sheets
            merge = _Merge(SECTIONS[section], at, places, faults)
            sheet[last] = merge.merged(sheet[last], own, ())
    return places


def _key_lines(node: Node | None, *above: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield keys, from the top level down, and the line of the last one."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield (*above, str(key.value)), key.start_mark.line + 1
            yield from _key_lines(value, *above, str(key.value))


@dataclass(frozen=True)
class _Merge:
    """The merge of one section of a local file; it changes no value in place, as YAML's aliases share values.

    Attributes:
        above: keys above the section's place in the sheets.
        lines: keys below the section -> "<file>: line <number>".
        places: where the additions are noted.
        faults: where the faults are noted.
    """

    above: tuple[str, ...]
    lines: dict[tuple[str, ...], str]
    places: Places
    faults: Faults

    def merged(self, known: object, own: object, keys: tuple[str, ...]) -> object:
        """Return the known value below `keys` with the user's own addition."""
        if isinstance(known, dict) and isinstance(own, dict):
            return known | {
                key: self.merged(known[key], value, (*keys, str(key)))
                if key in known
                else self._noted(value, (*keys, str(key)))
                for key, value in own.items()
            }
        if isinstance(known, list) and isinstance(own, list) and self._may_join((*known, *own)):
            new = self._noted([one for one in own if one not in known], keys)
            for one in new:  # in `sources` of an experiment: this makes another experiment, of this name
                self.places.note((*self.above, f"{keys[0]}-{one}"), self._line(keys))
            return [*known, *new]
        if own != known:
            other = self.places.of((*self.above, *keys))
            name = ".".join((*self.above[1:], *keys)) or self.above[0]
            self.faults.found.append(
                f"{self._line(keys)}: {name}: {_short(own)}; {other} has {_short(known)}; "
                "remove the key here, or choose another name"
            )
        return known

    def _may_join(self, values: tuple[object, ...]) -> bool:
        """Return whether lists of these values can be joined: a split is one value, and so is a spacing."""
        return self.above != SECTIONS["splits"] and all(isinstance(one, str | dict) for one in values)

    def _noted(self, value: Value, keys: tuple[str, ...]) -> Value:
        """Return an added value, whose lines are noted."""
        line = self._line(keys)
        if isinstance(value, dict):
            self.places.note((*self.above, *keys), line)
            for key, one in value.items():
                self._noted(one, (*keys, str(key)))
        else:
            self.places.note((*self.above, *keys), line, *(value if isinstance(value, list) else [value]))
        return value

    def _line(self, keys: tuple[str, ...]) -> str:
        """Return the line of keys, or of those above them: keys from a merge key (<<) have no line here."""
        return self.lines[keys] if keys in self.lines else self._line(keys[:-1])


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
