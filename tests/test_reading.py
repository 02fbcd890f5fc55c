"""A damaged, odd or missing file of a run is named in one line, with the reason and a remedy."""

import numpy as np
import pytest

from conftest import refused_in_one_line
from covidseg.reading import read_array, read_json, read_rows, read_table, read_text

AGAIN = "delete the file and run again$"


def write(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "read",
    [read_text, read_json, read_array, lambda path: read_rows(path, []), lambda path: read_table(path, [])],
)
def test_a_missing_file_and_a_folder_are_named(tmp_path, read):
    for path in (tmp_path, tmp_path / "gone"):
        with refused_in_one_line(str(path)):
            read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"damaged: Expecting value"),
        ('{"a": 1', r"damaged: Expecting"),
        ("[1]", r"a list, expected keys and values"),
        ('{"a": NaN}', r"NaN is no finite number"),
        ('{"a": -Infinity}', r"-Infinity is no finite number"),
        ('{"a": 1e999}', r"1e999 is no finite number"),
        ('{"a": {"b": 1, "b": 2}}', r"key 'b' is there twice"),
        ('{"a": ' + 5000 * "9" + "}", r"damaged: Exceeds the limit"),
        ('{"a": ' + 100_000 * "[", r"damaged: "),
        (b"\xff\xfe{", r"in UTF-16"),
        (b'{"a": "\xe9"}', r"line 1: byte 0xe9 is no UTF-8"),
    ],
)
def test_json_that_is_wrong_is_refused(tmp_path, content, message):
    path = write(tmp_path, content)
    with refused_in_one_line(message) as raised:
        read_json(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert str(raised.value).endswith("run again")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"no column a, b"),
        ("a,c\n1,2\n", r"no column b"),
        ("a,b,a\n1,2,3\n", r"column a is there twice"),
        ("a,b\n1,2\n3\n", r"row 2 has not the 2 cells"),
        ("a,b\n1,2,3\n", r"row 1 has not the 2 cells"),
        ('a,b\n1,"2\n', r"line \d: unexpected end of data"),
        ("a,b\n" + 200_000 * "x" + ",2\n", r"field larger than field limit"),
        (b"a,b\n\xff,2\n", r"line 2: byte 0xff"),
    ],
)
def test_a_table_of_texts_that_is_wrong_is_refused(tmp_path, content, message):
    path = write(tmp_path, content)
    with refused_in_one_line(f"{message}.*; {AGAIN}"):
        read_rows(path, ["a", "b"])


def test_a_table_of_texts_may_have_a_byte_order_mark_and_carriage_returns(tmp_path):
    path = write(tmp_path, "\ufeffa,b\r\n1,\r\n")
    assert read_rows(path, ["a", "b"]) == [{"a": "1", "b": ""}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"No columns to parse"),
        ("a\n1\n", r"no column b"),
        ("a,b\n1,x\n", r"could not convert string to float: 'x'"),
        ("a,b\n1,2,3,4\n1\n5,6,7,8,9\n", r"Error tokenizing data"),
    ],
)
def test_a_table_of_numbers_that_is_wrong_is_refused(tmp_path, content, message):
    with refused_in_one_line(f"{message}.*; {AGAIN}"):
        read_table(write(tmp_path, content), ["a", "b"], dtype={"b": float})


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize(
    "damage",
    [
        lambda all: b"",
        lambda all: all[:40],
        lambda all: all[:-3],
        lambda all: b"x" + all,
        lambda all: all.replace(b"<f8", b"|O8"),
    ],
)
def test_an_array_that_is_cut_or_of_objects_is_refused(tmp_path, damage, mapped):
    np.save(tmp_path / "whole.npy", np.arange(5.0))
    path = write(tmp_path, damage((tmp_path / "whole.npy").read_bytes()))
    with refused_in_one_line(f"damaged: .*; {AGAIN}"):
        read_array(path, mapped=mapped)
