"""The titles of tables and figures: what the paper calls it, the paper, the unit, and what the marks compare."""

import pytest

from covidseg.config.titles import full_title, label_of, roman
from covidseg.paper.formats import scored_title


@pytest.mark.parametrize(
    ("paper", "name", "title"),
    [
        ("wang2021", "table1", "Table 1 of wang2021: Some"),
        ("ma2021", "table10", "Table X of ma2021: Some"),
        ("wang2020", "figure2", "Figure 2 of wang2020: Some"),
        ("zhang2021", "volumes", "zhang2021: Some"),
    ],
)
def test_a_title_has_the_paper_and_what_the_paper_calls_it(paper, name, title):
    assert full_title(paper, name, "Some") == title


def test_a_title_that_has_its_paper_stays():
    assert full_title("ma2021", "claims", "What ma2021 claims") == "What ma2021 claims"
    assert label_of("ma2021", "claims") == "Claims"


def test_roman_numerals():
    assert [roman(number) for number in (1, 4, 9, 10, 14, 39)] == ["I", "IV", "IX", "X", "XIV", "XXXIX"]


def test_labels_are_those_that_the_published_numbers_have(config):
    """An entry's `published` is the name of the table in the paper."""
    for paper, artefacts in config.artefacts.items():
        for name, artefact in artefacts.items():
            if name.startswith("table") and "published" in artefact:
                assert label_of(paper, name) == f"Table {artefact['published']}"


@pytest.mark.parametrize(
    ("entry", "title"),
    [
        ({"unit": "percent"}, "Some (percent; best and second per column)"),
        ({"unit": "fraction", "best": "method"}, "Some (fractions; best per method and column)"),
    ],
)
def test_a_table_of_scores_says_its_unit_and_what_its_marks_compare(entry, title):
    assert scored_title({"title": "Some"} | entry) == title
