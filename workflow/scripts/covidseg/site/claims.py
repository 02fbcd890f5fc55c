"""The claims of the papers, as the pages show them: from results/paper/<paper>/claims.csv."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, isnan
from pathlib import Path

import pandas as pd

from covidseg.paper.claims import VERDICTS
from covidseg.paper.claims_table import PHANTOM
from covidseg.paper.layout import SHORT
from covidseg.paper.measured import RELATIVE
from covidseg.reading import read_table
from covidseg.site.axes import Axis
from covidseg.site.pages import number, signed

FARTHEST = 60  # points: an axis ends there, so that one large effect does not hide all others
TEXTS = [
    *("claim", "section", "source", "sentence", "remark", "claim_verdict"),
    *("a", "b", "metric", "compared", "side", "verdict", "reason"),
]
NUMBERS = ["above", "below", "published", "ours", "low", "high", "n"]


@dataclass(frozen=True)
class Comparison:
    """A comparison that a claim is judged by. Numbers are percent, or percentage points.

    Attributes:
        metric: such as DSC.
        compared: what is compared, in words.
        a, b: the experiments of each side.
        side: "higher", "lower" or "within"; empty if there is nothing to compare.
        limit: the number that the claim sets, or the middle of two; 0 for a difference.
        width: half the distance between two limits, 0 for one.
        published, ours, low, high: None if there is no number.
        signed: whether the numbers are differences.
        relative: whether the numbers are relative changes in percent, and no points.
        n: number of patients, None for a number that is no mean over patients.
        verdict: one of VERDICTS.
        reason: why the verdict is neither "holds" nor "does not hold".
    """

    metric: str
    compared: str
    a: str
    b: str
    side: str
    limit: float
    width: float
    published: float | None
    ours: float | None
    low: float | None
    high: float | None
    signed: bool
    relative: bool
    n: int | None
    verdict: str
    reason: str

    def text(self, value: float | None) -> str:
        """Return a number as printed."""
        if value is None:
            return "–"
        return signed(value) if self.signed else number(value, 1)

    @property
    def interval(self) -> str:
        """The interval as printed, an empty text if there is none."""
        return "" if self.low is None else f"{self.text(self.low)} to {self.text(self.high)}"

    def from_limit(self, value: float | None) -> float | None:
        """Return the distance of a number from the limit; on the axis, the limit is 0."""
        return None if value is None else value - self.limit

    @property
    def range(self) -> tuple[float, float] | None:
        """Where the number is claimed to lie, as distances from the limit."""
        ranges = {"higher": (0.0, inf), "lower": (-inf, 0.0), "within": (-self.width, self.width)}
        return ranges.get(self.side)


@dataclass(frozen=True)
class Claim:
    """A claim of a paper.

    Attributes:
        paper: key of the paper.
        name: key of the claim.
        section, source: where the paper claims it.
        sentence: the claim in our words.
        remark: what the reader must know.
        verdict: one of VERDICTS.
        shown: the comparison that supports the claim least.
        comparisons: all of them.
    """

    paper: str
    name: str
    section: str
    source: str
    sentence: str
    remark: str
    verdict: str
    shown: Comparison
    comparisons: tuple[Comparison, ...]

    @property
    def measured(self) -> bool:
        """Whether this run has a number for the claim."""
        return self.shown.ours is not None


def read_claims(path: Path) -> list[Claim]:
    """Return the claims of a paper.

    Args:
        path: results/paper/<paper>/claims.csv.

    Raises:
        InputError: the table cannot be read, or lacks a column.
    """
    rows = read_table(path, [*TEXTS, *NUMBERS, "shown"], dtype=dict.fromkeys(TEXTS, str))
    rows[TEXTS] = rows[TEXTS].fillna("")
    return [_claim(path.parent.name, part) for _, part in rows.groupby("claim", sort=False)]


def count_verdicts(claims: Iterable[Claim]) -> dict[str, int]:
    """Return verdict -> number of claims, without verdicts that no claim has."""
    counts = Counter(claim.verdict for claim in claims)
    return {verdict: counts[verdict] for verdict in VERDICTS if counts[verdict]}


def claims_axis(claims: Iterable[Claim]) -> Axis:
    """Return the axis that the claims of a paper share: distances from the claimed limit, in points.

    Relative changes, such as of times, are no points. They are drawn, but the axis does not follow them.
    """
    shown = [claim.shown for claim in claims if not claim.shown.relative]
    values = [
        value
        for one in shown
        for value in map(one.from_limit, (one.published, one.ours, one.low, one.high))
        if value is not None
    ]
    return Axis.over(values, limit=FARTHEST)


def _claim(paper: str, rows: pd.DataFrame) -> Claim:
    first = rows.iloc[0]
    comparisons = [_comparison(row) for _, row in rows.iterrows()]
    shown = comparisons[rows.shown.tolist().index(True)]
    return Claim(
        paper=paper,
        name=first.claim,
        section=first.section,
        source=first.source,
        sentence=first.sentence,
        remark=first.remark,
        verdict=first.claim_verdict.removesuffix(PHANTOM),
        shown=shown,
        comparisons=tuple(comparisons),
    )


def _comparison(row: pd.Series) -> Comparison:
    limits = [100 * limit for limit in (row.above, row.below) if not isnan(limit)]
    numbers = {
        key: None if isnan(row[key]) else 100 * row[key] for key in ("published", "ours", "low", "high")
    }
    if numbers["low"] == numbers["high"]:
        numbers |= {"low": None, "high": None}
    return Comparison(
        metric=SHORT.get(row.metric, row.metric).replace("_", " "),
        compared=row.compared,
        a=row.a,
        b=row.b,
        side=row.side,
        limit=sum(limits) / len(limits) if limits else 0.0,
        width=(limits[-1] - limits[0]) / 2 if limits else 0.0,
        **numbers,
        signed=bool(row.b) or row.metric in RELATIVE,
        relative=row.metric in RELATIVE,
        n=None if isnan(row.n) else int(row.n),
        verdict=row.verdict.removesuffix(PHANTOM),
        reason=row.reason,
    )
