"""Tries every input of the campaign and writes the table of the results into README.md.

Usage: python tests/malformed/table.py [family ...]   (with families: prints only their faults)
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
COLUMNS = ("Family", "Tried", "Right", "Refused well", "Faults")


def try_family(family: str) -> Counter[str]:
    """Give every input of a family to the project; print the faults and return the numbers of the results."""
    counts: Counter[str] = Counter()
    for one in inputs_of(family):
        with tempfile.TemporaryDirectory() as folder:
            verdict = judge(one, Path(folder))
        if verdict not in (RIGHT, REFUSED):
            print(f"{family}: {one.name}: {verdict}")
        counts[verdict if verdict in (RIGHT, REFUSED) else "fault"] += 1
    return counts


def table(results: dict[str, Counter[str]]) -> str:
    """Return the table as Markdown, with a last row of sums."""
    rows = [
        [family, counts.total(), counts[RIGHT], counts[REFUSED], counts["fault"]]
        for family, counts in {**results, "all": sum(results.values(), Counter())}.items()
    ]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in [COLUMNS, ["---"] * len(COLUMNS), *rows])


def main(families: list[str]) -> None:
    """Try the given families, or all; with all, write the table."""
    warnings.simplefilter("ignore")
    logging.lastResort = None
    results = {family: try_family(family) for family in families or FAMILIES}
    print(table(results))
    if not families:
        head, _, tail = README.read_text(encoding="utf-8").partition("\n| Family")
        after = tail.partition("\n\n")[2]
        README.write_text(f"{head}\n{table(results)}\n" + (f"\n{after}" if after else ""), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
