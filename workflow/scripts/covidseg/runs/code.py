"""The code behind a job: its script and the library modules that the script imports, with checksums.

A checksum is computed from the syntax tree without docstrings. An edit of a comment, of a docstring or of the
layout therefore leaves the checksum unchanged.

Snakemake reads the rules at every start, and on a cluster at the start of every job. What was read of a
module is therefore kept from one start to the next (`recall`, `remember`); else this took half of a start.
"""

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from covidseg.files import write_json

# Modules without effect on a result. These modules stay out of every job's code, so that an edit of one of
# them reruns no job and restarts no training.
WITHOUT_EFFECT = (
    # Error texts, logs, SLURM, and the lock of a training.
    *("covidseg/errors", "covidseg/job", "covidseg/slurm", "covidseg/training/lease"),
    *("covidseg/training/gpu_memory", "covidseg/training/epoch_log"),
    # Shapes of the sheets and sections: types alone, which Python does not check when a job runs.
    *("covidseg/archives/dataset", "covidseg/config/entries", "covidseg/config/sheets"),
    *("covidseg/training/sections", "covidseg/weak/sections", "covidseg/evaluation/sections"),
)

Code = tuple[list[str], str]  # names that a module imports from the library, checksum of its code
_known: dict[str, Code] = {}  # checksum of a module's text -> what was read of it
_recalled: set[str] = set()  # checksums of the texts that an earlier start has read
_used: set[str] = set()  # checksums of the texts that were asked for since the start
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_of(folder: Path, scripts: Iterable[str]) -> list[str]:
    """Return one line per file that scripts run, with the path and the checksum of the file.

    The arguments and the error are those of `imported`.
    """
    return [f"{path.relative_to(folder)} {_read(text_of(path))[1]}" for path in imported(folder, scripts)]


def imported(folder: Path, scripts: Iterable[str]) -> list[Path]:
    """Return the paths of scripts and of the library modules that the scripts import, sorted.

    Modules that are imported through another module are included. The `__init__.py` of a package is not
    included: registries are there, and a new entry of a registry changes no earlier result. The modules of
    WITHOUT_EFFECT are not included either.

    Args:
        folder: folder of the scripts and of the package `covidseg`.
        scripts: paths of the scripts, relative to `folder`, without suffix.

    Raises:
        LookupError: an imported module of the library has no file.
    """
    found, waiting = set(), {folder / f"{script}.py" for script in scripts}
    while waiting:
        path = waiting.pop()
        found.add(path)
        waiting |= _counted_imports(text_of(path), path, folder) - found
    return sorted(found)


def page_files(folder: Path, module: str) -> list[str]:
    """Return one line per template that a module of pages uses, with its name and checksum.

    A template is used if a module, or another template that is used, has its name in quotes. The module that
    copies the styles and scripts uses these too.

    Args:
        folder: folder of the package `covidseg`.
        module: path of the module, relative to `folder`, without suffix.
    """
    site, modules = folder / "covidseg" / "site", imported(folder, [module])
    templates = {path: path.read_text(encoding="utf-8") for path in site.glob("templates/*")}
    used: set[Path] = set()
    waiting = [path.read_text(encoding="utf-8") for path in modules]
    while waiting:
        text = waiting.pop()
        found = {path for path in templates if f'"{path.name}"' in text} - used
        waiting += [templates[path] for path in found]
        used |= found
    if site / "assets.py" in modules:
        used |= set(site.glob("static/*"))
    return [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}" for path in sorted(used)]


def imports_of(path: Path, folder: Path) -> set[Path]:
    """Return the files of the library that a file imports when the file runs.

    Raises:
        LookupError: an imported module of the library has no file.
    """
    names, _ = _read(text_of(path))
    return {_resolve(name, folder, path) for name in names}


def text_of(path: Path) -> str:
    """Return the text of a file, which is read once as long as nobody changes the file."""
    stat = path.stat()
    return _text(path, stat.st_mtime_ns, stat.st_size)


@cache
def _text(path: Path, _time: int, _size: int) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _counted_imports(_text: str, path: Path, folder: Path) -> frozenset[Path]:
    return frozenset(module for module in imports_of(path, folder) if _counts(module, folder))


def _counts(module: Path, folder: Path) -> bool:
    name = module.relative_to(folder).with_suffix("").as_posix()
    return module.name != "__init__.py" and name not in WITHOUT_EFFECT


def _resolve(name: str, folder: Path, path: Path) -> Path:
    """Return the file of a module, of a package, or of the module that defines a name."""
    place = folder.joinpath(*name.split("."))
    for module in (place, place.parent):
        for candidate in (module.with_suffix(".py"), module / "__init__.py"):
            if candidate.is_file():
                return candidate
    raise LookupError(f"{path}: no file for its import of {name}")


def recall(path: Path) -> None:
    """Take over what an earlier start has read of modules, if `path` has it; see `remember`."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["reader"] == _reader():
            _known.update({key: (list(names), str(code)) for key, (names, code) in content["known"].items()})
            _recalled.update(content["known"])


def remember(path: Path) -> None:
    """Keep what was read of modules for the next start; a folder that cannot be written to keeps nothing."""
    if not _used <= _recalled:
        with suppress(OSError):
            write_json(path, {"reader": _reader(), "known": {key: _known[key] for key in sorted(_used)}})


def _reader() -> str:
    """Return the checksum of this module, which decides what is read of others."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


@cache
def _read(text: str) -> Code:
    """Return the names that a module imports from the library, and the checksum of its code."""
    key = hashlib.sha256(text.encode()).hexdigest()
    _used.add(key)
    if key not in _known:
        _known[key] = _parse(text)
    return _known[key]


def _parse(text: str) -> Code:
    tree = ast.parse(text)
    names = list(_imported_names(tree))
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return names, hashlib.sha256(repr(_plain(tree)).encode()).hexdigest()


def _imported_names(node: ast.AST) -> Iterator[str]:
    """Yield the names imported from the library, without imports that only type checkers read."""
    if isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "covidseg")
    elif isinstance(node, ast.ImportFrom) and node.level:
        raise LookupError(f"line {node.lineno}: a relative import; write covidseg.<room>.<module>")
    elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "covidseg":
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imported_names(child)


def _plain(node: object) -> object:
    """Return a syntax tree as tuples, without empty fields: later versions of Python add empty fields."""
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
        return (type(node).__name__, *((name, _plain(value)) for name, value in fields))
    return [_plain(item) for item in node] if isinstance(node, list) else node
