"""Every message that the code can print as an error or a warning, found in its syntax trees.

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
FEWEST_WORDS = 2  # of a message; with fewer it is passed on from somewhere else
PRINTF = re.compile(r"%(?:\.\d)?[sdfg]")
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
        case ast.Call(func=ast.Name(id="InputError" | "Interrupted" | "WorkflowError"), args=[first, *_]):
            return first
        case ast.Call(func=ast.Attribute(attr="warning"), args=[first, *_]):
            return first
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"), args=[first, *_]):
            return first if name in WARNINGS else None
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="found"), attr="append"), args=[first, *_]):
            return first  # of the faults that are gathered before they are told
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
    for node in ast.walk(module.tree):
        for text in module.texts(told(node)):
            message = re.sub(r"\s+", " ", text).strip()
            if len(fixed_words(message)) >= FEWEST_WORDS:
                yield message


def all_messages() -> dict[str, str]:
    """Return message -> the module that it stands in."""
    paths = [*sorted(SCRIPTS.glob("*.py")), *sorted((SCRIPTS / "covidseg").rglob("*.py"))]
    return {text: str(path.relative_to(SCRIPTS)) for path in paths for text in of_module(path)}
