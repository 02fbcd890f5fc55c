"""The bar on the start page: how many claims have each verdict."""

from typing import NamedTuple

from covidseg.evaluation.verdicts import FAILS, HOLDS, UNTOLD
from covidseg.paper.tables import NOT_RUN

# Verdict -> percent of the bar's width that a count with its words needs on a phone.
LABELS = {HOLDS: 17, FAILS: 31, UNTOLD: 35, NOT_RUN: 22}


class TallyPart(NamedTuple):
    """A part of the bar. Positions are percent of its width.

    Attributes:
        verdict: of the claims.
        claims: number of claims.
        start, width: of the part.
        label: where the count stands: under the start of the part, where the words have room.
    """

    verdict: str
    claims: int
    start: float
    width: float
    label: float


def tally(counts: dict[str, int]) -> list[TallyPart]:
    """Return the parts of the bar.

    Args:
        counts: verdict -> number of claims, without zeros.
    """
    total, gap = sum(counts.values()), 0.5
    parts: list[TallyPart] = []
    start, free, needed = 0.0, 0.0, sum(LABELS[verdict] for verdict in counts)
    for verdict, count in counts.items():
        share = 100 * count / total
        label = min(max(start, free), max(free, 100 - needed))
        parts.append(TallyPart(verdict, count, round(start, 2), round(share - gap, 2), round(label, 2)))
        start, free, needed = start + share, label + LABELS[verdict], needed - LABELS[verdict]
    return parts
