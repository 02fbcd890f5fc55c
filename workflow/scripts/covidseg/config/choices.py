"""What the papers do not say: every value in config/*.yaml that is marked as ours or as somebody else's."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from covidseg.reading import read_text

MARKS = ("ours", "nnU-Net", "code")
MARK = re.compile(rf'(?<!")\(({"|".join(MARKS)})\b')  # a mark in quotes is the explanation of the mark itself
COMMENT = re.compile(r"(?:^|\s)#\s?(.*)$")
TABLE_LINE = re.compile(r"\S {3,}\S")  # of a table in a comment
LONGEST_COMMENT = 6  # lines; of a longer one, only the sentences with a mark are shown, and those before them
LONGEST_VALUE = 60  # characters
SETTINGS = "paper.yaml"

Key = tuple[str, ...]


class Choice(TypedDict):
    """A value that the papers do not give.

    Attributes:
        file: name of the file in config/.
        line: of the mark.
        key: where the value stands, such as training.restart; empty for a remark on the whole file.
        value: the value, empty if it is long.
        here: the value of this run if it differs, empty otherwise.
        text: what the file says of it.
        marks: whose value it is, out of MARKS.
    """

    file: str
    line: int
    key: str
    value: str
    here: str
    text: str
    marks: list[str]


def find_choices(folder: Path, sections: Mapping[str, Any]) -> list[Choice]:
    """Return every marked value of the files config/*.yaml; settings first.

    Args:
        folder: config/.
        sections: the chosen configuration. Its values stand beside those of config/paper.yaml.
    """
    files = sorted(folder.glob("*.yaml"), key=lambda path: (path.name != SETTINGS, path.name))
    return [choice for path in files for choice in _of_file(path, sections)]


def _of_file(path: Path, sections: Mapping[str, Any]) -> Iterator[Choice]:
    text = read_text(path)
    if not MARK.search(text):
        return
    content = yaml.load(text, Loader=yaml.CSafeLoader)  # checked by read_yaml, which takes longer
    keys: dict[int, Key] = {}
    passages = list(_comments(text.splitlines()))
    for key, line, node in _entries(yaml.compose(text, Loader=yaml.CSafeLoader)):
        keys.setdefault(line, key)
        if isinstance(node, ScalarNode) and MARK.search(node.value):
            passages.append((line, line, node.value))
    for line, below, passage in sorted(passages):
        key = keys.get(below, ())
        value = _shown(content, key)
        here = _shown(sections, key) if path.name == SETTINGS else value
        yield {
            "file": path.name,
            "line": line + 1,
            "key": ".".join(key),
            "value": "" if value == passage else value,
            "here": here if here != value else "",
            "text": passage,
            "marks": sorted(set(MARK.findall(passage)), key=MARKS.index),
        }


def _entries(node: Node | None, key: Key = ()) -> Iterator[tuple[Key, int, Node]]:
    """Yield key, line and value of every entry of a mapping, and of the mappings in it."""
    for name, value in node.value if isinstance(node, MappingNode) else ():
        yield (*key, name.value), name.start_mark.line, value
        if value.start_mark.line >= name.start_mark.line:  # not an alias
            yield from _entries(value, (*key, name.value))


def _comments(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the line of each mark, the line of the key that it is about, and the words around it."""
    comments = [COMMENT.search(line) for line in lines]
    whole = [line.lstrip().startswith("#") for line in lines]
    number = 0
    while number < len(lines):
        end = number + 1
        while whole[number] and end < len(lines) and whole[end]:
            end += 1
        block = [found[1] if (found := comments[place]) else "" for place in range(number, end)]
        for place, passage in _passages(block):
            yield number + place, end if whole[number] else number, passage
        number = end


def _passages(block: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the place of each mark in a comment, and the words around it."""
    marked = [place for place, line in enumerate(block) if MARK.search(line)]
    if len(block) <= LONGEST_COMMENT:
        marked = marked[:1]
    for place in marked:
        line = block[place]
        if len(block) <= LONGEST_COMMENT:
            yield place, " ".join(block)
        elif TABLE_LINE.search(line.strip()):
            yield place, re.sub(r" {3,}", " · ", line.strip())
        else:
            yield place, _sentences(block[max(0, place - 3) : place + 3])


def _sentences(lines: list[str]) -> str:
    """Return the sentence with the mark, and the sentence before it."""
    text = " ".join(line.strip() for line in lines)
    sentences = re.split(r"(?<=\.)\s+", text)
    place = next(number for number, sentence in enumerate(sentences) if MARK.search(sentence))
    return " ".join(sentences[max(0, place - 1) : place + 1])


def _shown(content: object, key: Key) -> str:
    """Return the value at a key as text; an empty text if there is none, or if it is long."""
    for name in key:
        content = content.get(name) if isinstance(content, dict) else None
    text = json.dumps(content, ensure_ascii=False).replace('"', "") if key else ""
    return text if len(text) <= LONGEST_VALUE else ""
