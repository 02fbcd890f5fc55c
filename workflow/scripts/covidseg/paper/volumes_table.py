"""A table of volumes in mL, shares of the lungs, and lesions found: one row per method and source."""

from typing import cast

import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.config.series import Series
from covidseg.evaluation.sections import Lesions
from covidseg.evaluation.summary import read_scores
from covidseg.files import write_csv
from covidseg.paper.artefact import Artefact
from covidseg.paper.cells import Cell, Page
from covidseg.paper.formats import LEGENDS, scored_title, write_artefact
from covidseg.paper.layout import Printer, panel_title
from covidseg.paper.measures import measure_of
from covidseg.paper.tables import NOT_RUN, SERIES, table_cells
from covidseg.paper.uncertainty import Bootstrap, comparison_rows, interval_rows

# No paper prints these metrics.
UNPUBLISHED = ["published_mean", "published_std", "difference", "published_in"]


def make(artefact: Artefact) -> None:
    """Write the table: <base>.csv, <base>_intervals.csv, <base>_tests.csv and the printed pages."""
    base, parameters = artefact.base, artefact.parameters
    entry = cast("ArtefactEntry", {**artefact.entry, "folds": "average"})
    series = [Series(*fields) for fields in parameters["series"]]
    scores = read_scores(artefact.input("scores"))
    scores = scores[scores["metric"].isin(entry["metrics"])]  # a smaller table is searched faster
    cells = table_cells(series, entry, scores, published=pd.DataFrame())
    bootstrap = Bootstrap.of(parameters, pixels=[])
    intervals = interval_rows(series, entry, scores, bootstrap)
    write_csv(f"{base}.csv", cells.drop(columns=UNPUBLISHED), digits=9)
    write_csv(f"{base}_intervals.csv", intervals, digits=9)
    write_csv(f"{base}_tests.csv", comparison_rows(series, entry, scores, bootstrap), digits=9)
    notes = [_note(artefact), describe_rule(parameters["lesions"]), *artefact.remarks]
    write_artefact(artefact, volumes_page(cells, intervals, notes), scored_title(entry))


def volumes_page(cells: pd.DataFrame, intervals: pd.DataFrame, notes: list[str]) -> Page:
    """Return the notes and, per panel, a table of volumes and a table of lesions.

    A metric that no case of a panel has a value of has no column there.

    Args:
        cells: table as returned by `table_cells`.
        intervals: table as returned by `interval_rows`.
        notes: sentences above and below the tables.
    """
    first, *others = notes
    first += f" Marks, where one value is better than another: {LEGENDS['all']}."
    defined = cells.groupby("metric", sort=False)["n"].sum()
    empty = [heading(str(metric)) for metric in defined.index[defined == 0]]
    if empty:
        others.append(f"No case has a value of: {'; '.join(empty)}.")
    printer = Printer.of(cells, intervals)
    tables = {}
    for (region, split), panel in printer.cells.groupby(["region", "split"], sort=False):
        valued = panel[panel.groupby("metric")["n"].transform("any")]
        lesions = valued.metric.str.startswith("lesion_")
        for title, part in (("Volumes", valued[~lesions]), ("Lesions", valued[lesions])):
            if len(part):
                tables[f"{title}: {panel_title(str(region), str(split))}"] = by_metric(part, printer)
    return [first, *others], tables


def by_metric(cells: pd.DataFrame, printer: Printer) -> pd.DataFrame:
    """Return a table with one row per method and source, and one column per metric.

    A cell is our mean ± standard deviation and, in brackets, the confidence interval of the mean.

    Args:
        cells: the part of the printer's cells to print.
        printer: the cells with the texts, and the intervals.
    """
    cells = cells.drop(columns="n").merge(printer.intervals, how="left", on=[*SERIES, "metric"])
    lines: dict[tuple[str, str], dict[str, str | int | Cell]] = {}
    for cell in cells.to_dict("records"):
        ours, runs, metric = cell["ours"], cell["status"] != NOT_RUN, cell["metric"]
        line = lines.setdefault(
            (cell["row"], cell["source"]),
            {"Method": cell["row"], "Source": cell["source"], "n": int(cell["n"]) if runs else NOT_RUN},
        )
        limits = " to ".join(f"{cell[end]:.{printer.decimals[metric]}f}" for end in ("low", "high"))
        defined = runs and cell["n"] > 0
        line[heading(metric)] = Cell(ours, limits, cell["mark"]) if defined else ours
    return pd.DataFrame(lines.values()).fillna("–")


def heading(metric: str) -> str:
    """Return the heading of a metric's column."""
    return measure_of(metric).heading or metric


def _note(artefact: Artefact) -> str:
    parameters = artefact.parameters
    note = (
        f"Configuration: {artefact.config_name}. Each cell: mean ± standard deviation over the cases of all "
        f"folds [{parameters['confidence']:.0%} bootstrap interval of the mean, which resamples patients]; n "
        "is the number of patients. Error is prediction minus truth; the relative error is divided by the "
        f"truth, so that a small truth makes it large. Values without a unit: {artefact.own('unit')}."
    )
    if parameters["phantom"]:
        note += " The data are phantoms, so the volumes are no patients' volumes."
    return note


def describe_rule(rule: Lesions) -> str:
    """Return the sentences that say what counts as a lesion and when a lesion counts as found."""
    covered = f"at least {rule['overlap']:.0%} of its voxels" if rule["overlap"] else "one of its voxels"
    return (
        f"A lesion is a connected component (26 neighbours) of at least {rule['minimum_ml']:g} mL. A true "
        f"lesion is found, and a predicted lesion is right, if the other mask covers {covered}."
    )
