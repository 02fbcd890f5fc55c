"""The page of a paper: claims, every table and figure, every patient, and where each number comes from."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.config.series import Series
from covidseg.config.titles import full_title, label_of
from covidseg.evaluation.summary import read_scores
from covidseg.site import downloads
from covidseg.site.agreements import agreement_axes, agreements_of
from covidseg.site.citations import read_citation
from covidseg.site.claims import Claim, claims_axis, count_verdicts, read_claims
from covidseg.site.looks import Look, look_of
from covidseg.site.losses import loss_panels
from covidseg.site.measures import PANEL
from covidseg.site.networks import in_words
from covidseg.site.origins import Origin, origin_of, read_models
from covidseg.site.part import Entry, Part
from covidseg.site.patients import Patient, patients_of
from covidseg.site.plain_tables import read_plain_table
from covidseg.site.rankings import read_ranks
from covidseg.site.score_rows import Cell, Row, ScoreTable
from covidseg.site.score_sheets import read_score_table
from covidseg.site.violins import violin_panels

DRAWN_HERE = ("violin", "ranking", "bland_altman")  # kinds of figures that the page draws itself
FIRST = 3  # claims that are shown at once
PLAIN = ("settings", "datasets", "layers", "parameters", "volumes")


class Shown(NamedTuple):
    """An artefact on the page.

    Attributes:
        name: its key, and the anchor on the page.
        label: such as "Table 1".
        entry: entry of artefacts.yaml.
        files: label -> name of each file to download.
        remarks: sentences below it.
        content: what the template draws, if it is not a picture.
    """

    name: str
    label: str
    entry: ArtefactEntry
    files: dict[str, str]
    remarks: list[str]
    content: Any = None


def make(part: Part) -> list[Entry]:
    """Write the page of a paper and copy the files to download; return what the search finds in it."""
    page = PaperPage(part)
    files = part.inputs["artefacts"]
    downloads.copy_files(files, part.path / "files")
    for kind in ("csv", "tex"):
        packed = [path for path in files if path.suffix == f".{kind}"]
        downloads.pack(packed, part.path / "files" / f"{page.paper}-{kind}.zip")
    downloads.write_scores(page.table_scores, part.path / "files" / "scores")
    part.site.write(page.path, "paper.html", title=page.citation.title, paper=page)
    return list(page.entries())


class PaperPage:
    """What the template of the page shows."""

    def __init__(self, part: Part) -> None:
        """Read what all sections share; each section is read when the template comes to it."""
        self._part = part
        self._parameters = part.parameters
        self.paper: str = part.parameters["paper"]
        self.path = f"{part.folder}/index.html"
        self.slices: list[str] = part.parameters["slices"]
        self.systems: dict[str, Any] = part.parameters["systems"]
        self.phantom = part.site.phantom
        self.confidence = f"{part.parameters['confidence']:.0%}"
        self.citation = read_citation(part.input("citation"), self.paper)
        scores = read_scores(part.input("scores"))
        scores = scores[scores["experiment"].isin(part.parameters["scored"])]
        self.scores = {str(name): own for name, own in scores.groupby("experiment", sort=False)}
        self.models = read_models(part.inputs["descriptions"])

    @cached_property
    def looks(self) -> dict[str, Look]:
        """Experiment or localiser -> its colour and shape."""
        methods, systems = self._parameters["methods"], self._parameters["systems"]
        return {name: look_of(name, methods, systems) for name in (*methods, *systems)}

    def shown(self, *kinds: str) -> list[Shown]:
        """Return the artefacts of some kinds, in the order of artefacts.yaml."""
        files = self._part.inputs["artefacts"]
        return [
            Shown(
                name,
                label_of(self.paper, name),
                entry,
                downloads.labelled(name, files),
                self._parameters["remarks"][name],
            )
            for name, entry in self._parameters["artefacts"].items()
            if entry["kind"] in kinds
        ]

    def _base(self, name: str) -> Path:
        """Return the path of an artefact's files without suffix."""
        return next(path.parent for path in self._part.inputs["artefacts"]) / name

    def _series(self, name: str) -> list[Series]:
        return [Series(*fields) for fields in self._parameters["series"][name]]

    @cached_property
    def claims(self) -> list[Shown]:
        """The claims: some with a number of this run, the others, and the axis that they share."""
        found = []
        for one in self.shown("claims"):
            claims = read_claims(self._base(one.name).with_suffix(".csv"))
            first = [claim for claim in claims if claim.measured][:FIRST]
            others = [claim for claim in claims if claim not in first]
            found.append(one._replace(content=(first, others, claims_axis(claims))))
        return found

    def tally(self, claims: list[Claim]) -> str:
        """Return how many claims have each verdict, such as "2 hold, 4 do not hold"."""
        words = {"holds": "hold", "does not hold": "do not hold"}
        return ", ".join(
            f"{n} {words.get(verdict, verdict)}" for verdict, n in count_verdicts(claims).items()
        )

    def place(self, claim: Claim) -> str:
        """Return the anchor of the table or figure that shows a claim; the top of the page without one."""
        names = {label_of(self.paper, name): name for name in self._parameters["artefacts"]}
        return names.get(claim.source, "content")

    @cached_property
    def score_tables(self) -> list[Shown]:
        """The tables of scores."""
        tolerances = self._parameters["tolerances"]
        return [
            one._replace(content=read_score_table(self._base(one.name), one.entry, self.looks, tolerances))
            for one in self.shown("table")
        ]

    @cached_property
    def plain_tables(self) -> list[Shown]:
        """All other tables."""
        return [
            one._replace(
                content=read_plain_table(self._base(one.name).with_suffix(".csv"), one.entry["kind"])
            )
            for one in self.shown(*PLAIN)
        ]

    @property
    def tables(self) -> list[Shown]:
        """All tables, in the order of artefacts.yaml."""
        order = list(self._parameters["artefacts"])
        return sorted(self.score_tables + self.plain_tables, key=lambda one: order.index(one.name))

    @cached_property
    def violins(self) -> list[Shown]:
        """Every patient of the models that are run."""
        return [
            one._replace(
                content=violin_panels(self._series(one.name), one.entry["metrics"], self.scores, self.looks)
            )
            for one in self.shown("violin")
        ]

    @cached_property
    def ranks(self) -> dict[str, Any]:
        """Title -> models from the best to the worst."""
        files = (Path(f"{self._base(one.name)}_ranks.csv") for one in self.shown("table"))
        return read_ranks(list(files), self.looks)

    @cached_property
    def agreements(self) -> list[Shown]:
        """Volumes against their errors, with the axes that all panels share."""
        found = []
        for one in self.shown("bland_altman"):
            agreements = agreements_of(self._series(one.name), self.scores, self.looks)
            found.append(one._replace(content=(agreements, *agreement_axes(agreements))))
        return found

    @cached_property
    def losses(self) -> list[Any]:
        """Losses of the weakly supervised systems."""
        systems = reversed(self._parameters["systems"].items())
        looks = {one["model"]: self.looks[name] for name, one in systems}
        return loss_panels(self._part.inputs["logs"], looks)

    @cached_property
    def figures(self) -> list[Shown]:
        """Pictures, without those that the page draws itself unless they are figures of the paper."""
        return [
            one
            for one in self.shown(*{entry["kind"] for entry in self._parameters["artefacts"].values()})
            if "SVG" in one.files and (one.entry["kind"] not in DRAWN_HERE or one.label.startswith("Figure"))
        ]

    @cached_property
    def table_scores(self) -> dict[str, pd.DataFrame]:
        """Experiment -> its scores that the tables average."""
        keys = {measure.key for one in self.score_tables for measure in one.content.measures}
        shown = pd.DataFrame(sorted(keys), columns=PANEL)
        unsaid = ["paper", "strategy", "source"]
        return {name: own.drop(columns=unsaid).merge(shown) for name, own in self.scores.items()}

    def patients(self, cell: Cell, table: ScoreTable) -> list[Patient]:
        """Return the patients of a cell from the best to the worst."""
        other = table.reference_cell(cell.measure)
        return patients_of(self.scores, cell, other, self._parameters["slices"])

    def origins(self, row: Row) -> list[Origin]:
        """Return where the numbers of a row come from."""
        known = self._parameters["methods"] | self._parameters["systems"]
        found = []
        for name in (name for name in row.experiments if name in self.scores):
            model = known[name]["model"]
            pretrained = self.models[model].pretrained if model in self.models else ""
            found.append(origin_of(name, model, self.table_scores[name], pretrained))
        return found

    def parts(self, row: Row) -> tuple[Any, str]:
        """Return the parts of a row's network, and their states in words."""
        known = self._parameters["methods"] | self._parameters["systems"]
        model = self.models.get(known[row.experiments[0]]["model"])
        return (model.parts, in_words(model.parts)) if model and model.parts else ([], "")

    def entries(self) -> Iterator[Entry]:
        """Yield what the search finds: the paper, its tables and figures, and strategies in its tables."""
        yield {"title": f"{self.paper}: {self.citation.title}", "kind": "paper", "page": self.path}
        for one in self.shown(*{entry["kind"] for entry in self._parameters["artefacts"].values()}):
            title = full_title(self.paper, one.name, one.entry["title"])
            yield {"title": title, "kind": _kind(one), "page": f"{self.path}#{one.name}"}
        for one in self.score_tables:
            for title in dict.fromkeys(block.title for block in one.content.blocks if block.title):
                title = f"{title}: {one.label} of {self.paper}"
                yield {"title": title, "kind": "strategy", "page": f"{self.path}#{one.name}"}


def _kind(shown: Shown) -> str:
    """Return "table 4" also of Table IV, so that the search finds both; without a number the bare kind."""
    kind = "figure" if "SVG" in shown.files else "table"
    number = shown.name.removeprefix(kind)
    return f"{kind} {number}" if number.isdecimal() else kind
