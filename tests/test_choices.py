"""The values that no paper gives: every mark in config/*.yaml, with its key, its value and its words."""

import re

import pytest

from conftest import ROOT
from covidseg.config.choices import find_choices
from covidseg.config.strict_yaml import read_yaml


@pytest.fixture(scope="module")
def choices():
    return find_choices(ROOT / "config", read_yaml(ROOT / "config" / "config.yaml"))


@pytest.mark.parametrize("mark", ["ours", "nnU-Net", "code"])
def test_every_mark_in_config_is_found(choices, mark):
    for path in sorted((ROOT / "config").glob("*.yaml")):
        marks = re.findall(rf'(?<!")\({mark}\b', path.read_text())
        shown = [one["text"] for one in choices if one["file"] == path.name]
        assert sum(text.count(f"({mark}") for text in shown) == len(marks), path


def test_a_choice_has_key_value_words_and_line(choices):
    by_key = {one["key"]: one for one in choices if one["file"] == "paper.yaml"}
    restart = by_key["training.restart"]
    assert restart["value"] == "{epochs: 100, momentum: null}"
    assert restart["here"] == "{epochs: 12, momentum: null}"
    assert restart["marks"] == ["ours", "nnU-Net"]
    assert "the papers do not mention this" in restart["text"]
    line = (ROOT / "config" / "paper.yaml").read_text().splitlines()[by_key["training.precision"]["line"] - 1]
    assert line.split(":")[0].strip() == "precision"


def test_a_comment_belongs_to_the_key_that_it_is_about(tmp_path):
    """Above a key, beside a key, in a flow mapping, in a text, in a table, and above the whole file."""
    (tmp_path / "sheet.yaml").write_text(
        "# A sheet. Its order is free (ours).\n\n"
        "one:\n  # (ours) because\n  two: {three: 3}   # not marked\n"
        'four: 4   # (code) beside\nfive: "a text (ours, so it is)"\n'
        "# one line\n# two lines\n# three\n# four\n# five\n#   six    7    8 (ours)\n# seven.\nsix: []\n"
    )
    found = find_choices(tmp_path, {})
    assert [(one["key"], one["line"], one["text"]) for one in found] == [
        ("", 1, "A sheet. Its order is free (ours)."),
        ("one.two", 4, "(ours) because"),
        ("four", 6, "(code) beside"),
        ("five", 7, "a text (ours, so it is)"),
        ("six", 13, "six · 7 · 8 (ours)"),
    ]
    assert [one["value"] for one in found] == ["", "{three: 3}", "4", "", "[]"]
