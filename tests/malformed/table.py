"""Tries every input of the campaign and writes the table of the results into README.md.

Usage: python tests/malformed/table.py [family ...]   (with families: only prints their faults and numbers)
"""

import logging
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "workflow" / "scripts")]

from malformed.campaign import FAMILIES, REFUSED, RIGHT, inputs_of, judge  # noqa: E402

README = Path(__file__).with_name("README.md")
HEAD = "| Family | Tried | Right | Refused well | Faults |\n| --- | --- | --- | --- | --- |"


def row(family: str, verdicts: Counter[str]) -> str:
    """Return the row of a family: numbers of tried inputs, right values, good refusals and faults."""
    right, refused = verdicts[RIGHT], verdicts[REFUSED]
    numbers = (verdicts.total(), right, refused, verdicts.total() - right - refused)
    return f"| {family} | {' | '.join(map(str, numbers))} |"


def try_family(family: str) -> Counter[str]:
    """Give every input of a family to the project; print the faults and return verdict -> number."""
    verdicts: Counter[str] = Counter()
    for one in inputs_of(family):
        with tempfile.TemporaryDirectory() as folder:
            verdict = judge(one, Path(folder))
        verdicts[verdict] += 1
        if verdict not in (RIGHT, REFUSED):
            print(f"{family}: {one.name}: {verdict}")
    return verdicts


def main(families: list[str]) -> None:
    """Try the given families; without families try all, and write the table."""
    warnings.simplefilter("ignore")
    logging.lastResort = None
    found = {family: try_family(family) for family in families or FAMILIES}
    rows = [
        row(family, verdicts)
        for family, verdicts in (found | {"all": sum(found.values(), Counter())}).items()
    ]
    table = "\n".join([HEAD, *rows])
    print(table)
    if not families:
        text = README.read_text(encoding="utf-8")
        README.write_text(text[: text.index(HEAD)] + table + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
