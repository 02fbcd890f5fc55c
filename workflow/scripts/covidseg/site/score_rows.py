"""The rows of a table of scores, as the page of a paper shows them."""

from dataclasses import dataclass
from itertools import groupby

from covidseg.paper.tables import TIME
from covidseg.site.looks import Look
from covidseg.site.measures import Measure
from covidseg.weak.evaluation import WHOLE


@dataclass(frozen=True)
class Fold:
    """A cell of a single fold: our mean and the published one."""

    name: str
    ours: float
    published: float


@dataclass(frozen=True)
class Cell:
    """What a row has of a measure.

    Attributes:
        measure: of the column.
        experiment: key of the experiment that is scored.
        mean, std: ours; NaN if the row is not run.
        low, high: interval of our mean.
        published, published_std: as printed in the paper.
        elsewhere: another table of the paper that the published number is taken from, or "".
        mark: "best", "second" or "".
        status: "run", "not run" or "not timed".
        left_out: what the row needs and the configuration leaves out.
        n: number of patients.
        folds: one per fold; empty if the paper prints the average alone.
    """

    measure: Measure
    experiment: str
    mean: float
    std: float
    low: float
    high: float
    published: float
    published_std: float
    elsewhere: str
    mark: str
    status: str
    left_out: str
    n: int
    folds: list[Fold]

    def fold(self, name: str) -> Fold | None:
        """Return the cell of a fold, or None."""
        return next((fold for fold in self.folds if fold.name == name), None)

    @property
    def highest_fold(self) -> float:
        """The highest of our means of a fold; 0 without any."""
        return max((fold.ours for fold in self.folds if fold.ours == fold.ours), default=0.0)


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        key: unique within the page; part of an id.
        name: what the paper calls the row.
        source: what the paper calls the source.
        look: colour and shape.
        cells: measure -> cell; a measure that the row does not have is missing.
    """

    key: str
    name: str
    source: str
    look: Look
    cells: dict[Measure, Cell]

    @property
    def experiments(self) -> list[str]:
        """The experiments behind the cells."""
        return list(dict.fromkeys(cell.experiment for cell in self.cells.values()))

    @property
    def runs(self) -> bool:
        """Whether any cell of the row has a number of ours."""
        return any(cell.status == "run" for cell in self.cells.values())

    @property
    def fold_names(self) -> list[str]:
        """The folds that any cell has."""
        return list(dict.fromkeys(fold.name for cell in self.cells.values() for fold in cell.folds))

    @property
    def left_out(self) -> str:
        """What the row needs and the configuration leaves out."""
        return next((cell.left_out for cell in self.cells.values() if cell.left_out), "")


@dataclass(frozen=True)
class Block:
    """Rows of one strategy that follow each other in the printed order."""

    title: str
    rows: list[Row]

    @property
    def look(self) -> Look:
        """The look of the block's first row."""
        return self.rows[0].look

    def label(self, row: Row) -> str:
        """Return the name of a row below the block's heading, which need not be said again."""
        if row.name != self.title:
            return row.name
        return "no source" if row.source == "none" else row.source


@dataclass(frozen=True)
class ScoreTable:
    """A table of scores.

    Attributes:
        name: name of the artefact.
        measures: of the columns.
        blocks: the rows by strategy.
        reference: the row that others are compared with, or None.
        tests: (region, split, metric, a, b) -> low, difference and high of a minus b.
    """

    name: str
    measures: list[Measure]
    blocks: list[Block]
    reference: Row | None
    tests: dict[tuple[str, ...], tuple[float, float, float]]

    @property
    def rows(self) -> list[Row]:
        """All rows in the printed order."""
        return [row for block in self.blocks for row in block.rows]

    @property
    def has_folds(self) -> bool:
        """Whether the table prints every fold."""
        return any(row.fold_names for row in self.rows)

    @property
    def strategies(self) -> list[tuple[str, Look, str]]:
        """(key, look, title) of each strategy, or of each system."""
        found = {row.look.strategy: row for row in reversed(self.rows)}
        return [(key, row.look, row.look.title or row.name) for key, row in reversed(found.items())]

    @property
    def sources(self) -> list[tuple[str, Look, str]]:
        """(name, look, title) of each source."""
        found = {row.source: row for row in reversed(self.rows)}
        titles = {"none": "no source"}
        return [(name, row.look, titles.get(name, name)) for name, row in reversed(found.items())]

    @property
    def label_heading(self) -> str:
        """Heading of the column with the labels of the rows."""
        if not self.blocks[0].title:
            return "System"
        named = any(row.name != block.title for block in self.blocks for row in block.rows)
        return "Method" if named else "Source"

    def batches(self, most: int) -> list[list[Measure]]:
        """Return the measures that are shown at a time: at most `most`, of one region and split."""
        panels = [list(group) for _, group in groupby(self.measures, key=lambda one: (one.region, one.split))]
        return [panel[start : start + most] for panel in panels for start in range(0, len(panel), most)]

    @property
    def by_patient(self) -> list[Measure]:
        """The first measure of each region and split that patients have values of."""
        firsts: dict[tuple[str, str], Measure] = {}
        for one in self.measures:
            if one.metric not in (*WHOLE, TIME):
                firsts.setdefault((one.region, one.split), one)
        return list(firsts.values())

    def reference_cell(self, measure: Measure) -> Cell | None:
        """Return the reference's cell of a measure, or None."""
        return self.reference.cells.get(measure) if self.reference else None

    def against_reference(self, cell: Cell) -> tuple[float, float, float] | None:
        """Return low end, mean and high end of a cell's number minus the reference's, by patient."""
        other, where = self.reference_cell(cell.measure), cell.measure
        if other is None:
            return None
        if found := self.tests.get((*where.key, cell.experiment, other.experiment)):
            return found
        found = self.tests.get((*where.key, other.experiment, cell.experiment))
        return (-found[2], -found[1], -found[0]) if found else None
