"""The claims of a paper with their verdicts: one row per comparison, and what is compared in words."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from math import isnan

import pandas as pd

from covidseg.config.entries import CellParameters, ClaimParameters, ComparisonParameters
from covidseg.config.series import Series
from covidseg.evaluation.verdicts import FAILS, HOLDS, UNTOLD, judge, overall
from covidseg.paper.layout import SHORT, panel_title
from covidseg.paper.measured import (
    NAN,
    NOTHING,
    OF_TRAININGS,
    Evidence,
    Published,
    measure,
    published_number,
)
from covidseg.paper.tables import NOT_RUN

VERDICTS = (HOLDS, FAILS, UNTOLD, NOT_RUN)
ON_BOTH_SIDES = "the interval lies on both sides of a limit"
SUPPORT = (FAILS, NOT_RUN, UNTOLD, HOLDS)  # from the verdict that supports a claim least


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A comparison with its numbers and verdict; the fields are columns of claims.csv.

    Attributes:
        a, b: names of the experiments of each side.
        metric, region, split, fold: what side `a` is measured in.
        compared: what is compared, in words.
        side: where our number is claimed to lie: "higher" or "lower" than a limit, or "within" two.
        above, below: the limits.
        published: the published number.
        ours, low, high: our number and its interval.
        n: number of patients; NaN for numbers that are not means over patients.
        verdict: one of VERDICTS.
        reason: why the verdict is UNTOLD or NOT_RUN.
    """

    a: str = ""
    b: str = ""
    metric: str = ""
    region: str = ""
    split: str = ""
    fold: str = ""
    compared: str = ""
    side: str = ""
    above: float | None = None
    below: float | None = None
    published: float = NAN
    ours: float = NAN
    low: float = NAN
    high: float = NAN
    n: float = NAN
    verdict: str = UNTOLD
    reason: str = ""

    @property
    def support(self) -> tuple[int, float]:
        """A pair that is the smaller, the less the comparison supports its claim."""
        margins = [self.ours - self.above] if self.above is not None else []
        margins += [self.below - self.ours] if self.below is not None else []
        return SUPPORT.index(self.verdict), min((m for m in margins if not isnan(m)), default=0.0)


COLUMNS = [
    *("claim", "section", "source", "sentence", "most", "remark", "claim_verdict", "shown"),
    *(column.name for column in fields(Judged)),
]


def judge_claims(claims: list[ClaimParameters], evidence: Evidence, published: Published) -> pd.DataFrame:
    """Return one row per comparison, and one row for a claim without comparisons.

    Args:
        claims: as returned by `claim_parameters`.
        evidence: our scores and files.
        published: as returned by `read_numbers`.

    Returns:
        The columns COLUMNS: the claim, the verdict on the whole claim, whether the comparison is the one of
        its claim that supports the claim least, and the fields of `Judged`.
    """
    return pd.DataFrame(
        [row for claim in claims for row in _rows(claim, evidence, published)], columns=COLUMNS
    )


def _rows(claim: ClaimParameters, evidence: Evidence, published: Published) -> Iterator[dict[str, object]]:
    judged = [judge_comparison(one, evidence, published) for one in claim["comparisons"]]
    judged = judged or [Judged(reason=claim["untold"])]
    verdicts = [one.verdict for one in judged]
    whole = overall(verdicts, most=claim["most"])
    shown = min(judged, key=lambda one: one.support)
    for one in judged:
        yield {
            "claim": claim["name"],
            "section": claim["section"],
            "source": claim["source"],
            "sentence": claim["claim"],
            "most": claim["most"],
            "remark": claim["remark"],
            "claim_verdict": NOT_RUN if whole == UNTOLD and NOT_RUN in verdicts else whole,
            "shown": one is shown,
            **asdict(one),
        }


def judge_comparison(comparison: ComparisonParameters, evidence: Evidence, published: Published) -> Judged:
    """Return a comparison with its numbers and its verdict."""
    first, above, below = comparison["a"][0], comparison["above"], comparison["below"]
    interval, verdict, reason = NOTHING, NOT_RUN, _missing(comparison)
    if not reason:
        interval, reason = measure(comparison, evidence)
        verdict = judge(interval, above, below)
    if verdict == UNTOLD and not reason:
        reason = ON_BOTH_SIDES
    series = Series(*first["series"])
    return Judged(
        a=_experiments(comparison["a"]),
        b=_experiments(comparison["b"]),
        metric=first["metric"],
        region=series.region,
        split=series.split,
        fold=first["fold"],
        compared=describe(comparison),
        side="higher" if below is None else "lower" if above is None else "within",
        above=above,
        below=below,
        published=published_number(comparison, published),
        ours=interval.mean,
        low=interval.low,
        high=interval.high,
        n=NAN if first["metric"] in OF_TRAININGS or verdict == NOT_RUN else interval.n,
        verdict=verdict,
        reason=reason,
    )


def _missing(comparison: ComparisonParameters) -> str:
    """Return which experiment of a comparison the configuration does not run and why, or an empty text."""
    series = [Series(*cell["series"]) for cell in comparison["a"] + comparison["b"]]
    reasons = {
        one.experiment: one.left_out or "all experiments, not a rehearsal" for one in series if not one.runs
    }
    return next((f"{name} needs {reason}" for name, reason in reasons.items()), "")


def _experiments(side: list[CellParameters]) -> str:
    return "; ".join(dict.fromkeys(Series(*cell["series"]).experiment for cell in side))


def describe(comparison: ComparisonParameters) -> str:
    """Return what is compared, in words: the names of both sides, and the scores that are compared."""
    sides = [side for side in (comparison["a"], comparison["b"]) if side]
    places = [_place(side[0]) for side in sides]
    if len(set(places)) == 1:
        return f"{' minus '.join(map(_title, sides))}: {places[0]}"
    return " minus ".join(f"{_title(side)}, {place}" for side, place in zip(sides, places, strict=True))


def _place(cell: CellParameters) -> str:
    if cell["metric"] in OF_TRAININGS:
        return OF_TRAININGS[cell["metric"]]
    series, metric = Series(*cell["series"]), SHORT.get(cell["metric"], cell["metric"])
    panel = panel_title(series.region, series.split)
    return f"{metric.replace('_', ' ')} of {panel[0].lower()}{panel[1:]}"


def _title(side: list[CellParameters]) -> str:
    titles = list(dict.fromkeys(cell["title"] for cell in side))
    folds = list(dict.fromkeys(cell["fold"] for cell in side))
    if len(titles) > 1:
        return f"Range of {', '.join(titles)}"
    if len(folds) > 1:
        return f"Range over the folds of {titles[0]}"
    return titles[0] if folds == ["avg"] else f"{titles[0]} in fold {folds[0]}"
