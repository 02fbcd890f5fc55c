"""Every broken or odd input of the campaign gives the right value or one plain line, and the README's table is true."""

import re
from collections import Counter
from pathlib import Path

import pytest

from malformed.campaign import FAMILIES, REFUSED, RIGHT, inputs_of, judge
from malformed.table import README, row

# pydicom and torch warn of what the inputs are meant to be.
pytestmark = pytest.mark.filterwarnings("ignore")

SLOW = ("dry_run", "leftovers", "sheets")  # start Snakemake, or load the whole configuration, for every input


@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in FAMILIES]
)
def test_every_input_of_the_family_is_read_or_refused_well(family, tmp_path):
    counts, faults = Counter(), []
    for number, one in enumerate(inputs_of(family)):
        folder = Path(tmp_path, str(number))
        folder.mkdir()
        verdict = judge(one, folder)
        counts[verdict] += 1
        if verdict not in (RIGHT, REFUSED):
            faults.append(f"{one.name}: {verdict}")
    assert not faults, "\n".join(faults)
    assert row(family, counts) in README.read_text(), "run python tests/malformed/table.py"


def test_the_table_has_every_family_and_no_fault():
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", README.read_text(), re.MULTILINE)
    assert [name for name, *_ in rows] == [*FAMILIES, "all"]
    numbers = [[int(number) for number in cells] for _, *cells in rows]
    assert [sum(column) for column in zip(*numbers[:-1], strict=True)] == numbers[-1]
    tried, right, refused, faults = numbers[-1]
    assert tried == right + refused > 150
    assert faults == 0
