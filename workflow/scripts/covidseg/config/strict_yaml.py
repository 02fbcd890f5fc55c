"""Read YAML and refuse what YAML 1.1 reads otherwise than an author means, such as 012 and a key twice."""

import re
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from covidseg.errors import InputError
from covidseg.reading import read_json, read_text

LARGEST_FILE = 10 * 2**20  # bytes; the largest sheet has 60 kB
LARGEST_CONTENT = 100_000  # keys and values, every alias written out; the largest sheet has 5,000
REMEDY = "correct the file"
# Part of a message of PyYAML -> what to do. PyYAML often finds an error one line too late.
ADVICE = {
    "found character '\\t'": "indent with spaces, not with tabs",
    "mapping values are not allowed": "a colon is missing in this line or the line above, or quotes around a "
    "text with a colon",
    "could not find expected ':'": "write a colon and a space after the key",
    "undefined alias": "define it before with &",
    "unexpected end of stream": "close the quotes or brackets",
    "expected a single document": "remove the line ---",
}
TAG = "tag:yaml.org,2002:"
NUMBERS, TEXT, MERGE, TIMESTAMP = (f"{TAG}int", f"{TAG}float"), f"{TAG}str", f"{TAG}merge", f"{TAG}timestamp"
PLAIN_NUMBER = re.compile(r"[-+]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][-+]?\d{1,2})?")
LONGEST_NUMBER = 40  # digits


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader, without dates: 2020-01-01 stays a text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the content of a YAML file, or of a JSON file with the suffix .json.

    Raises:
        InputError: the file cannot be read, is not YAML, has no keys at top level, has a key twice, a number
            that YAML reads otherwise than people do (012, 1:30, .inf), or too much content once its aliases
            are written out. The message has the file and the line.
    """
    if path.suffix == ".json":
        return read_json(path, REMEDY)
    text = read_text(path, largest=LARGEST_FILE)
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        if not isinstance(node, MappingNode):
            raise InputError(f"{path}: {'empty' if node is None else 'no keys at top level'}; {REMEDY}")
        _size(node, {}, str(path))
        _check(loader, node, set(), str(path))
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise InputError(_explain(error, str(path))) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(f"{path}: line {line}: character {chr(error.character)!r} is not allowed") from error
    except RecursionError as error:
        raise InputError(f"{path}: nested too deeply; {REMEDY}") from error


def _explain(error: yaml.MarkedYAMLError, name: str) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"{name}: line {mark.line + 1}" if mark else name
    problem = " ".join(str(error.problem).split())
    advice = next((advice for part, advice in ADVICE.items() if part in f"{error.context} {problem}"), REMEDY)
    return f"{where}: {problem}; {advice}"


def _size(node: Node, sizes: dict[int, int], name: str) -> int:
    """Return the number of keys and values below a node, every alias written out.

    Args:
        node: node of the YAML file.
        sizes: id of a node -> size, as far as the sizes are known; 0 while a node is being counted.
        name: name of the file, for messages.

    Raises:
        InputError: the node contains itself, or has more than LARGEST_CONTENT keys and values.
    """
    if id(node) in sizes:
        if not sizes[id(node)]:
            raise InputError(f"{name}: line {_line(node)}: the value contains itself by an alias; {REMEDY}")
        return sizes[id(node)]
    sizes[id(node)] = 0
    children = [] if isinstance(node, ScalarNode) else node.value
    if isinstance(node, MappingNode):
        children = [child for pair in node.value for child in pair]
    size = 1 + sum(_size(child, sizes, name) for child in children)
    if size > LARGEST_CONTENT:
        raise InputError(f"{name}: line {_line(node)}: more than {LARGEST_CONTENT} keys and values; {REMEDY}")
    sizes[id(node)] = size
    return size


def _check(loader: Loader, node: Node, seen: set[int], name: str) -> None:
    """Raise InputError for a tag, for a key that is there twice, and for a number in an unusual form."""
    if id(node) in seen:
        return
    seen.add(id(node))
    implied = loader.resolve(type(node), node.value, (not getattr(node, "style", None), True))
    if node.tag not in (implied, TEXT):
        raise InputError(f"{name}: line {_line(node)}: the tag {node.tag!r}; remove the tag")
    if isinstance(node, ScalarNode):
        _check_number(loader, node, name)
        return
    children = node.value
    if isinstance(node, MappingNode):
        _check_keys(loader, node, name)
        children = [child for pair in node.value for child in pair]
    for child in children:
        _check(loader, child, seen, name)


def _check_keys(loader: Loader, node: MappingNode, name: str) -> None:
    lines: dict[str | int, int] = {}
    for key_node, _ in node.value:
        merged = key_node.tag == MERGE
        key = "<<" if merged else loader.construct_object(key_node, deep=True)
        if isinstance(key, bool) or not isinstance(key, str | int):
            raise InputError(
                f"{name}: line {_line(key_node)}: YAML reads a key as {key!r}; write the key in quotes"
            )
        if key in lines:
            raise InputError(
                f"{name}: key {key!r} is there twice, in line {lines[key]} and in line {_line(key_node)}; "
                "remove one of them"
            )
        lines[key] = _line(key_node)


def _check_number(loader: Loader, node: ScalarNode, name: str) -> None:
    if node.tag not in NUMBERS or (PLAIN_NUMBER.fullmatch(node.value) and len(node.value) < LONGEST_NUMBER):
        return
    read = f"YAML reads {loader.construct_object(node)}" if len(node.value) < LONGEST_NUMBER else "too long"
    raise InputError(
        f"{name}: line {_line(node)}: {node.value[:LONGEST_NUMBER]}: {read}; write a number in plain digits, "
        "and a text in quotes"
    )


def _line(node: Node) -> int:
    return node.start_mark.line + 1
