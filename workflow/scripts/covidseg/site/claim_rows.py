"""The claims of a paper with their verdicts, as the page of the paper shows them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from covidseg.paper.layout import SHORT
from covidseg.paper.measured import RELATIVE
from covidseg.reading import read_table
from covidseg.site.axis import Axis

VERDICTS = ("holds", "does not hold", "cannot be told", "not run")
NUMBERS = ("above", "below", "published", "ours", "low", "high", "n")
ENDS = (-1e9, 1e9)


@dataclass(frozen=True)
class Claim:
    """A claim with the comparison that supports it least.

    Numbers are in points (hundredths of a score), per cent or mL.

    Attributes:
        key: name of the claim.
        sentence: the claim in our words.
        place: section, and table or figure of the paper.
        verdict: one of VERDICTS.
        metric: what is compared, or "".
        compared: what is compared, in words.
        unit: "points", "%" or "mL".
        published, ours, low, high: the numbers; NaN if there is none.
        side: (from, to), the values that the claim allows; either may lie far outside of the axis.
        n: number of patients; NaN if the number is none of patients.
        reason: why it cannot be told.
        comparisons: number of comparisons that the claim is judged by.
    """

    key: str
    sentence: str
    place: str
    verdict: str
    metric: str
    compared: str
    unit: str
    published: float
    ours: float
    low: float
    high: float
    side: tuple[float, float]
    n: float
    reason: str
    comparisons: int

    @property
    def drawn(self) -> bool:
        """Whether the claim shares the axis of the paper's claims."""
        return self.unit == "points" and not (pd.isna(self.ours) and pd.isna(self.published))


def read_claims(path: Path) -> list[Claim]:
    """Read a claims.csv: one claim per claim of the paper, in the order of the paper."""
    table = read_table(path, ["claim"], keep_default_na=False, na_values={name: [""] for name in NUMBERS})
    counts = table.groupby("claim").size()
    return [_claim(row, int(counts[row["claim"]])) for _, row in table[table["shown"]].iterrows()]


def _claim(row: pd.Series, comparisons: int) -> Claim:
    unit = _unit(row["metric"])
    scale = 1 if unit == "mL" else 100
    numbers: dict[str, Any] = {name: scale * row[name] for name in ("published", "ours", "low", "high")}
    lowest, highest = (scale * row[name] for name in ("above", "below"))
    source = "" if row["source"] == "text" else f", {row['source']}"
    return Claim(
        key=row["claim"],
        sentence=row["sentence"],
        place=f"{row['section']}{source}",
        verdict=next(word for word in VERDICTS if row["claim_verdict"].startswith(word)),
        metric=SHORT.get(row["metric"], row["metric"]).replace("_", " "),
        compared=row["compared"],
        unit=unit,
        side=(ENDS[0] if pd.isna(lowest) else lowest, ENDS[1] if pd.isna(highest) else highest),
        n=row["n"],
        reason=row["reason"],
        comparisons=comparisons,
        **numbers,
    )


def _unit(metric: str) -> str:
    if metric in RELATIVE:
        return "%"
    return "mL" if metric.endswith("_mL") else "points"


def claims_axis(claims: list[Claim]) -> Axis:
    """Return the common axis of the claims that are drawn; 0 lies on it."""
    drawn = [claim for claim in claims if claim.drawn]
    return Axis.of([0, *(value for one in drawn for value in (one.published, one.ours, one.low, one.high))])


def tally(claims: list[Claim]) -> str:
    """Return how many claims have each verdict, such as "2 hold, 4 do not, 4 cannot be told"."""
    words = {"holds": "hold", "does not hold": "do not", "cannot be told": "cannot be told", "not run": "not run"}
    counts = {word: sum(claim.verdict == verdict for claim in claims) for verdict, word in words.items()}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)
