"""YAML is read as its author means it, or refused in one line that names file and line."""

import datetime

import pytest
import yaml

from conftest import ROOT, refused_in_one_line
from covidseg.config import strict_yaml
from covidseg.config.strict_yaml import read_yaml

FILES = sorted([*(ROOT / "config").glob("*.yaml"), *(ROOT / "config" / "schemas").glob("*.yaml")])
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(8 * [f'*{old}'])}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_projects_own_files_mean_what_any_yaml_reader_says(path):
    assert read_yaml(path) == yaml.safe_load(path.read_text())


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("\ufeffa: 1\r\nb: [2, 0.5]\r\n", {"a": 1, "b": [2, 0.5]}),
        ("a: &x {c: 1, d: 2}\nb: {<<: *x, c: 3}\n", {"a": {"c": 1, "d": 2}, "b": {"c": 3, "d": 2}}),
        ("a: &x {c: 1}\nb: &y {c: 2, e: 4}\nd: {<<: [*x, *y], e: 5}\n", {"a": {"c": 1}, "b": {"c": 2, "e": 4}, "d": {"c": 1, "e": 5}}),
        ("a: 2020-01-01\n2020-01-01: 12:30:x\n", {"a": "2020-01-01", "2020-01-01": "12:30:x"}),
        ("a: '012'\nb: .5\nc: -3\nd: 1.0e-3\n", {"a": "012", "b": 0.5, "c": -3, "d": 0.001}),
        ("1: x\n'1': y\n", {1: "x", "1": "y"}),
        ('{"a": 1, "b": [true, null]}', {"a": 1, "b": [True, None]}),
    ],
)  # fmt: skip
def test_what_is_right_is_read(tmp_path, text, content):
    path = tmp_path / "mine.yaml"
    path.write_bytes(text.encode())
    found = read_yaml(path)
    assert found == content
    assert not any(isinstance(value, datetime.date) for value in found.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n\tb: 2\n", r"line 2: found character '\\t' .*; indent with spaces, not with tabs"),
        ("a:\n  b: 1\n  c 2\n  d: 3\n", r"line 4: .*; (a colon is missing|write a colon)"),
        ("a 1\nb: 2\n", r"line 2: .*; (a colon is missing|write a colon)"),
        ("a: one: two\n", r"line 1: mapping values .* quotes around a text with a colon"),
        ("a: 'x\nb: 2\n", r"line 3: found unexpected end of stream; close the quotes"),
        ("a: [1, 2\nb: 3\n", r"line 2: expected ',' or '\]'"),
        ("a: 1\nb: 2\na: 3\n", r"key 'a' is there twice, in line 1 and in line 3; remove one"),
        ("a:\n  b:\n    - {c: 1}\n    - {d: 1, e: 2,\n       d: 3}\n", r"key 'd' is there twice, in line 4 and in line 5"),
        ("a: &x {b: 1}\nc: {<<: *x, <<: *x}\n", r"key '<<' is there twice"),
        ("1: a\n02: b\n", r"line 2: 02: YAML reads 2"),
        ("no: a\n", r"line 1: YAML reads a key as False; write the key in quotes"),
        ("~: a\n", r"line 1: YAML reads a key as None"),
        ("? [a]\n: b\n", r"line 1: YAML reads a key as \['a'\]"),
        ("a: 012\n", r"line 1: 012: YAML reads 10; write a number in plain digits"),
        ("a: 1:30\n", r"1:30: YAML reads 90"),
        ("a: 1_000\n", r"1_000: YAML reads 1000"),
        ("a: 0x1F\n", r"0x1F: YAML reads 31"),
        ("a: .inf\n", r"YAML reads inf"),
        ("a: .nan\n", r"YAML reads nan"),
        ("a: 1.0e+999\n", r"YAML reads inf"),
        (f"a: {'9' * 5000}\n", r"line 1: 9+: too long"),
        ("", r"empty; correct the file"),
        ("# nothing\n", r"empty"),
        ("- a\n- b\n", r"no keys at top level"),
        ("text\n", r"no keys at top level"),
        ("a: 1\n---\nb: 2\n", r"line 2: .*another document; remove the line ---"),
        ("a: *b\n", r"line 1: found undefined alias 'b'; define it before"),
        ("a: &a [*a]\n", r"line 1: the value contains itself"),
        ("a: &a {b: {c: *a}}\n", r"line 1: the value contains itself"),
        ("a: &x {<<: *x}\n", r"contains itself"),
        (BOMB, r"line \d+: more than 100000 keys and values"),
        ("a: " + 5000 * "[", r"nested too deeply"),
        ("a: !!python/object/apply:os.system [ls]\n", r"line 1: the tag .*os\.system'; remove the tag"),
        ("a: !!timestamp 2020-01-01\n", r"the tag .*timestamp"),
        ("a: !!binary '%'\n", r"the tag .*binary"),
        ("a: {<<: 3}\n", r"line 1: expected a mapping"),
        ("a: 1\nb: \x07\n", r"line 2: character '\\x07' is not allowed"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_file_and_line(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with refused_in_one_line(message) as raised:
        read_yaml(path)
    assert str(raised.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: \xff\n", r"line 2: byte 0xff is no UTF-8; save the file as UTF-8"),
        ("a: 1\n".encode("utf-16"), r"its text is in UTF-16, expected UTF-8; save the file as UTF-8"),
        (b"a: 1\n\0", r"line 2: character '\\x00' is not allowed"),
        (b"x" * (strict_yaml.LARGEST_FILE + 1), r"more than 10485760 bytes"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, content, message):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with refused_in_one_line(message):
        read_yaml(path)


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    with refused_in_one_line(r"cannot be read: Is a directory"):
        read_yaml(tmp_path)
    with refused_in_one_line(r"mine\.yaml: cannot be read: No such file"):
        read_yaml(tmp_path / "mine.yaml")


def test_json_may_have_tabs_and_exponents_but_no_key_twice(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{\n\t"a": 1e-3\n}')
    assert read_yaml(path) == {"a": 0.001}
    path.write_text('{"a": 1, "a": 2}')
    with refused_in_one_line(r"mine\.json: damaged: key 'a' is there twice; correct the file"):
        read_yaml(path)
