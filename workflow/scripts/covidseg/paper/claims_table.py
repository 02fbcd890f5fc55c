"""The table of a paper's claims: each with the published number, ours, its interval and the verdict."""

from collections import Counter
from collections.abc import Iterator
from math import isnan

import pandas as pd

from covidseg.config.entries import ClaimParameters
from covidseg.evaluation.summary import read_scores
from covidseg.evaluation.verdicts import FAILS, FEWEST_PATIENTS, HOLDS
from covidseg.files import write_csv
from covidseg.paper.artefact import Artefact
from covidseg.paper.cells import Page
from covidseg.paper.claims import ON_BOTH_SIDES, VERDICTS, judge_claims
from covidseg.paper.formats import MISPRINTS, write_artefact
from covidseg.paper.measured import RELATIVE, Evidence, read_numbers
from covidseg.paper.tables import NOT_RUN
from covidseg.paper.uncertainty import Bootstrap

PLURALS = {HOLDS: "hold", FAILS: "do not hold"}
PHANTOM = " (phantom)"
PHANTOM_NOTE = (
    "The data are not the papers': every verdict is the phantom's and says nothing about the paper. "
)
SHORT_RULE = (
    "A claim holds if the {confidence:.0%} interval over patients lies wholly on the claimed side, does "
    "not hold if it lies wholly on the other side, and cannot be told otherwise; the rule in full is "
    "below."
)
RULE = (
    "How a verdict is reached. Each comparison has a number: the mean of a score over patients, or the "
    "mean of one model minus that of another over the patients whom both segmented. The {confidence:.0%} "
    "bootstrap interval draws patients, each with all scans and folds. The claim says that the number "
    "lies above a limit (0 for a difference), below a limit, or between two limits. The claim holds if the "
    "whole interval lies there, does not hold if the whole interval lies beyond a limit, and cannot be told "
    "otherwise or with fewer than {fewest} patients. An end of an interval close to the limit means a weak "
    "verdict. A claim about several comparisons holds if it holds in all of them (about most: in more than "
    "half), and does not hold as soon as that is out of reach. Its line shows the comparison that supports "
    "it least; the CSV file has every comparison."
)
SIZES = (
    "Only the side of a difference is judged; the published size stands beside ours. Where a paper says "
    '"at most" or "up to", the models compared are those in which the paper finds this size; they were '
    "chosen before our scores were known. (ours) marks a limit that the paper does not give."
)
MULTIPLE = (
    "The intervals are not corrected for the number of claims, since the verdict on a claim must not "
    "depend on how many others its paper makes. So chance alone gives a verdict to about 1 in 20 claims "
    "without a true difference. A claim that must hold in all of several comparisons needs no "
    "correction to hold, but the more comparisons it has, the more often it fails by chance. The tests "
    "beside the tables have Holm's correction."
)
UNITS = (
    "Numbers are percent, and differences percentage points. Seconds per epoch and relations are relative "
    "changes in percent, with the lowest and the highest fold in place of an interval. n counts patients; of "
    "two groups with other patients, those of the smaller one. "
    "A dash stands for a number that the paper does not print, or that we do not have."
)


def make(artefact: Artefact) -> None:
    """Write <base>.csv with one row per comparison, and the printed pages with one line per claim."""
    parameters = artefact.parameters
    claims: list[ClaimParameters] = parameters["claims"]
    evidence = Evidence(
        {str(name): rows for name, rows in read_scores(artefact.input("scores")).groupby("experiment")},
        artefact.inputs["models"] + artefact.inputs["logs"],
        Bootstrap.of(parameters, artefact.inputs["pixels"]),
    )
    published = read_numbers(artefact.input("published"), artefact.paper, claims)
    rows = judge_claims(claims, evidence, published)
    if parameters["phantom"]:
        for column in ("verdict", "claim_verdict"):
            rows[column] += rows[column].map(lambda verdict: "" if verdict == NOT_RUN else PHANTOM)
    write_csv(f"{artefact.base}.csv", rows, digits=9)
    page = claims_page(artefact, rows)
    write_artefact(artefact, page)


def claims_page(artefact: Artefact, rows: pd.DataFrame) -> Page:
    """Return the notes, and per section of the paper a table with one line per claim.

    Args:
        artefact: the table.
        rows: as returned by `judge_claims`.
    """
    confidence = artefact.parameters["confidence"]
    phantom = PHANTOM_NOTE if artefact.parameters["phantom"] else ""
    short, rule = (text.format(confidence=confidence, fewest=FEWEST_PATIENTS) for text in (SHORT_RULE, RULE))
    first = f"{tally(rows)}. {phantom}Configuration: {artefact.config_name}. {short}"
    remarks = [*artefact.parameters["remarks"], *artefact.remarks]
    notes = [first, rule, SIZES, MULTIPLE, UNITS, *remarks, MISPRINTS]
    tables = {
        f"Section {section}, {tally(part)}": pd.DataFrame(
            [_line(claim) for _, claim in part.groupby("claim", sort=False)]
        )
        for section, part in rows.groupby("section", sort=False)
    }
    return notes, tables


def tally(rows: pd.DataFrame) -> str:
    """Return the number of claims, and how many of them have each verdict, in words."""
    verdicts = rows.drop_duplicates("claim").claim_verdict.str.removesuffix(PHANTOM)
    counts = Counter(verdicts)
    listed = ", ".join(
        f"{counts[verdict]} {PLURALS.get(verdict, verdict) if counts[verdict] != 1 else verdict}"
        for verdict in VERDICTS
        if counts[verdict]
    )
    return f"{len(verdicts)} claim{'s' if len(verdicts) != 1 else ''}: {listed}"


def _line(claim: pd.DataFrame) -> dict[str, str]:
    """Return the line of a claim, whose rows are its comparisons."""
    shown = claim[claim.shown].iloc[0]
    signed = bool(shown.b) or shown.metric in RELATIVE
    decimals = _decimals(shown[["published", "ours"]].tolist())
    published, ours, low, high = (
        _percent(shown[key], decimals, signed=signed) for key in ("published", "ours", "low", "high")
    )
    return {
        "Verdict": shown.claim_verdict,
        "Claim": " ".join(_sentences(shown)),
        "Shown in": shown.source,
        "Compared": _compared(claim, shown),
        "Published": published,
        "This run": ours,
        "Interval": "–" if isnan(shown.low) or shown.low == shown.high else f"{low} to {high}",
        "n": "–" if isnan(shown.n) else f"{shown.n:.0f}",
    }


def _sentences(shown: pd.Series) -> Iterator[str]:
    yield shown.sentence
    if shown.remark:
        yield f"Remark: {shown.remark}"
    if shown.reason not in ("", ON_BOTH_SIDES):
        yield f"{shown.verdict.removesuffix(PHANTOM).capitalize()}: {shown.reason.removesuffix('.')}."


def _compared(claim: pd.DataFrame, shown: pd.Series) -> str:
    if not shown.compared:
        return "–"
    if len(claim) == 1:
        return shown.compared
    holding = claim.verdict.str.startswith(HOLDS).sum()
    return f"{shown.compared} (weakest of {len(claim)} comparisons, {holding} hold)"


def _decimals(numbers: list[float]) -> int:
    """Return 1, or 2 if one decimal of a number in percent would show it as 0."""
    return 2 if any(0 < abs(number) < 0.0005 for number in numbers) else 1


def _percent(number: float, decimals: int, *, signed: bool) -> str:
    if isnan(number):
        return "–"
    return f"{100 * number:{'+' if signed else ''}.{decimals}f}"
