"""The pages that need all parts: start, the papers, what is ours, errata, and the search."""

import json
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from covidseg.evaluation.verdicts import FEWEST_PATIENTS
from covidseg.files import write_text
from covidseg.paper.claims_table import MULTIPLE, RULE, SIZES
from covidseg.paper.errata import errata_html
from covidseg.reading import read_text
from covidseg.site.assets import write_assets
from covidseg.site.axes import Axis
from covidseg.site.choices import write_choices
from covidseg.site.claims import Claim, claims_axis, count_verdicts, read_claims
from covidseg.site.papers import Paper, paper_of
from covidseg.site.part import Entry, Part
from covidseg.site.pictures import draw_pictures
from covidseg.site.tally import tally

PAGES = {
    "index.html": "What the papers claim",
    "papers/index.html": "The papers",
    "cases/index.html": "All cases",
    "choices.html": "What is ours",
    "errata.html": "Misprints in the papers",
    "provenance.html": "Provenance and licences",
}


@dataclass(frozen=True)
class Shown:
    """A paper on the start page.

    Attributes:
        key: of the paper.
        words: how the pages name it.
        claims: its claims.
        counts: tables, figures and models -> number.
        places: what the paper calls a table or figure -> its key, the anchor on the paper's page.
    """

    key: str
    words: Paper
    claims: list[Claim]
    counts: dict[str, int]
    places: dict[str, str]

    def page(self, claim: Claim) -> str:
        """Return the address, from the start page, of the table or figure that shows a claim."""
        anchor = self.places.get(claim.source)
        return f"papers/{self.key}/index.html" + (f"#{anchor}" if anchor else "")

    @property
    def axis(self) -> Axis:
        """The axis that its claims share."""
        return claims_axis(self.claims)

    @property
    def verdicts(self) -> dict[str, int]:
        """Verdict -> number of its claims."""
        return count_verdicts(self.claims)


def make(part: Part) -> list[Entry]:
    """Write the pages, the shared files, and the index that the search reads."""
    write_assets(part.site.folder / "assets")
    papers = _papers(part)
    _write_start(part, papers)
    part.site.write("papers/index.html", "papers.html", title=PAGES["papers/index.html"], papers=papers)
    entries = [Entry(title=title, kind="page", page=page) for page, title in PAGES.items()]
    entries += [_entry(claim) for paper in papers for claim in paper.claims]
    entries += write_choices(part.site, part.parameters["choices"])
    misprints = Markup(errata_html(read_text(part.input("misprints"))))  # the page's own text, no data
    part.site.write("errata.html", "errata.html", title=PAGES["errata.html"], misprints=misprints)
    _write_index(part, entries)
    return entries


def _papers(part: Part) -> list[Shown]:
    claims = {path.parent.name: read_claims(path) for path in part.inputs["claims"] if path.suffix == ".csv"}
    return [
        Shown(key, paper_of(key), claims.get(key, []), counts, part.parameters["places"][key])
        for key, counts in part.parameters["papers"].items()
    ]


def _write_start(part: Part, papers: list[Shown]) -> None:
    drawn = draw_pictures(part) if part.parameters["pictures"] else None
    counts = count_verdicts(claim for paper in papers for claim in paper.claims)
    rule = RULE.format(confidence=part.parameters["confidence"], fewest=FEWEST_PATIENTS)
    part.site.write(
        "index.html",
        "start.html",
        title=PAGES["index.html"],
        papers=papers,
        counts=counts,
        claim_count=sum(counts.values()),
        tally=tally(counts),
        rule=[rule, SIZES, MULTIPLE],
        models=part.parameters["models"],
        case=drawn.case if drawn else "",
        viewer=drawn.viewer if drawn else "",
        pictures=drawn.pictures if drawn else [],
    )


def _entry(claim: Claim) -> Entry:
    title = f"{claim.sentence} {claim.section}, {claim.source} of {claim.paper}"
    return Entry(title=title, kind="claim", page=f"index.html#{claim.paper}-{claim.name}")


def _write_index(part: Part, own: list[Entry]) -> None:
    entries = [
        entry
        for folder in part.inputs["parts"]
        for entry in json.loads(read_text(Path(folder) / "search.json"))
    ]
    text = json.dumps([*own, *entries])
    write_text(part.site.folder / "assets" / "search-index.js", f"window.SEARCH = {text};\n")
