"""Every message that the code can print as an error or a warning: of Python, of the rules and of the shell.

A message is written as the page of messages shows it: its fixed words, and … for what is filled in.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from conftest import ROOT

SCRIPTS = ROOT / "workflow" / "scripts"
HOLE = "…"
WARNINGS = ("warning", "warnings")
FAULTS = "_faults"  # end of the names of functions that yield messages
FEWEST_WORDS = 2  # of a message; with fewer it is passed on from somewhere else
PRINTF = re.compile(r"%(?:\.\d)?[sdfg]")
# In a shell script or the Makefile: an echo to the standard error, or before an exit. A long one has several parts.
ECHO = re.compile(r'\becho ((?:"[^"]*"|\$\w+|[ \\\n\t])+)(?:>&2|; exit 1)')
PYTHON_EXIT = re.compile(r'sys\.exit\(f"([^"]*)"')  # of a program within the Makefile
SHELL_HOLE = re.compile(r"\$\([^()]*\)|\$\{[^}]*\}|\$\w+|\$\$\w+")
RAISED = re.compile(r"^( *)raise (WorkflowError\((?:[^\n]*|\n.*?\n\1)\))$", re.MULTILINE | re.DOTALL)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def module_file(name: str) -> Path:
    return SCRIPTS / Path(*name.split(".")).with_suffix(".py")


class Module:
    """A module of the library: its functions, and the constants and functions that it imports."""

    def __init__(self, path: Path) -> None:
        self.tree = tree_of(path)
        self.functions = {node.name: node for node in ast.walk(self.tree) if isinstance(node, Function)}
        self.constants = {
            target.id: node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self.imported = {
            alias.asname or alias.name: (node.module, alias.name)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("covidseg")
            for alias in node.names
        }

    def texts(self, node: ast.AST | None, seen: frozenset[str] = frozenset()) -> list[str]:
        """Return what an expression can be, as texts with holes."""
        match node:
            case ast.Constant(value=str(text)):
                return [PRINTF.sub(HOLE, text)]
            case ast.JoinedStr(values=values):
                parts = (part.value if isinstance(part, ast.Constant) else HOLE for part in values)
                return ["".join(map(str, parts))]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                ends = self.texts(right, seen) or [HOLE]
                return [start + end for start in self.texts(left, seen) or [HOLE] for end in ends]
            case ast.BinOp(left=left, op=ast.Mult()):
                return self.texts(left, seen)
            case ast.IfExp(body=body, orelse=orelse):
                return self.texts(body, seen) + self.texts(orelse, seen)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return [text for element in elements for text in self.texts(element, seen)]
            case ast.ListComp(elt=element):
                return self.texts(element, seen)
            case ast.Starred(value=value):
                return self.texts(value, seen)
            case ast.Name(id=name) if name not in seen:
                return self.named(name, seen | {name})
            case ast.Call(func=ast.Name(id=name)) if name not in seen:
                return self.returned(name, seen | {name})
            case _:
                return []

    def named(self, name: str, seen: frozenset[str]) -> list[str]:
        if name in self.constants:
            return self.texts(self.constants[name], seen)
        if name in self.imported:
            module, there = self.imported[name]
            if module_file(module).exists():
                return Module(module_file(module)).named(there, seen)
        return []

    def returned(self, name: str, seen: frozenset[str]) -> list[str]:
        if name in self.imported:
            module, there = self.imported[name]
            return Module(module_file(module)).returned(there, seen) if module_file(module).exists() else []
        if name not in self.functions:
            return []
        inside = list(ast.walk(self.functions[name]))
        values = [node.value for node in inside if isinstance(node, ast.Return | ast.Yield)]
        return [text for value in values for text in self.texts(value, seen)]


def told(node: ast.AST) -> ast.AST | None:
    """Return the expression of the message that a statement or a call prints, None for other nodes."""
    match node:
        case ast.Raise(exc=ast.Call(args=[first, *_])):
            return first
        case ast.Call(
            func=ast.Name(id="InputError" | "InputErrors" | "Interrupted" | "WorkflowError"), args=[first, *_]
        ):
            return first
        case ast.Call(func=ast.Attribute(attr="warning" | "error"), args=[first, *_]):
            return first
        case ast.Call(func=ast.Attribute(value=ast.Name(id="sys"), attr="exit"), args=[first, *_]):
            return first
        case ast.Call(func=ast.Name(id="print"), args=[first, *_], keywords=[ast.keyword(arg="file"), *_]):
            return first
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"), args=[first, *_]):
            return first if name in WARNINGS else None
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="found"), attr="append"), args=[first, *_]):
            return first  # of the faults that are gathered before they are told
        case ast.AugAssign(target=ast.Attribute(attr="found"), value=value):
            return value
        case (
            ast.Assign(targets=[ast.Name(id=name), *_], value=value)
            | ast.AugAssign(target=ast.Name(id=name), value=value)
        ):
            return value if name in WARNINGS else None
        case ast.keyword(arg="warnings", value=value):
            return value
        case _:
            return None


def fixed_words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z]{2,}", text)


def of_module(path: Path) -> Iterator[str]:
    """Yield the messages of a module, with … for what is filled in."""
    module = Module(path)
    programs = [node.value for node in ast.walk(module.tree) if isinstance(node, ast.Constant)]
    trees = [ast.parse(text) for text in programs if isinstance(text, str) and text.startswith("\nimport ")]
    for tree in [module.tree, *trees]:
        for node in ast.walk(tree):
            yield from module.texts(told(node))
    for name in module.functions:
        if name.endswith(FAULTS):
            yield from module.returned(name, frozenset())


def of_rules(path: Path) -> Iterator[str]:
    """Yield the messages of a file of rules, which is no Python as a whole."""
    for _, raised in RAISED.findall(path.read_text()):
        for node in ast.walk(ast.parse(raised)):
            yield from Module(SCRIPTS / "segment.py").texts(told(node))


def of_shell(path: Path) -> Iterator[str]:
    """Yield the messages of a shell script or of the Makefile."""
    text = path.read_text()
    for parts in ECHO.findall(text):
        yield SHELL_HOLE.sub(HOLE, re.sub(r'["\\]', "", parts))
    for start in PYTHON_EXIT.findall(text):
        yield re.sub(r"\{[^}]*\}| $", lambda hole: HOLE if hole[0] != " " else f" {HOLE}", start)


def all_messages() -> dict[str, str]:
    """Return message -> the file that it stands in."""
    found: dict[str, str] = {}
    for pattern, reader in READERS.items():
        for path in sorted(ROOT.glob(pattern)):
            for text in reader(path):
                message = re.sub(r"\s+", " ", text).strip()
                if len(fixed_words(message)) >= FEWEST_WORDS:
                    found[message] = str(path.relative_to(ROOT))
    return found


# Files -> what reads their messages.
READERS = {
    "workflow/scripts/*.py": of_module,
    "workflow/scripts/covidseg/**/*.py": of_module,
    "benchmarks/gpu.py": of_module,
    "benchmarks/on_gpu/*.py": of_module,
    "envs/*.py": of_module,
    "tests/mutants/run.py": of_module,
    "tests/slurm/cluster.py": of_module,
    "workflow/rules/**/*.smk": of_rules,
    "Makefile": of_shell,
    ".ci/run": of_shell,
    "envs/*.sh": of_shell,
    "tests/*.sh": of_shell,
    "profiles/*/*.sh": of_shell,
}
