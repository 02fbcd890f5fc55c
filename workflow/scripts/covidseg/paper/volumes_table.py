"""A table of volumes in mL, shares of the lungs, and lesions found: one row per method and source."""

from functools import partial
from typing import cast

import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.config.series import Series
from covidseg.evaluation.sections import Lesions
from covidseg.evaluation.summary import read_scores
from covidseg.files import write_csv
from covidseg.paper.artefact import Artefact
from covidseg.paper.formats import Page, write_pages
from covidseg.paper.layout import Markup, Printer, panel_title
from covidseg.paper.measures import measure_of
from covidseg.paper.tables import comparison_rows, interval_rows, table_cells

UNPUBLISHED = ["published_mean", "published_std", "difference"]  # no paper prints these metrics


def make(artefact: Artefact) -> None:
    """Write the table: <base>.csv, <base>_intervals.csv, <base>_tests.csv and the printed pages."""
    base, parameters = artefact.base, artefact.parameters
    entry = cast("ArtefactEntry", {**artefact.entry, "folds": "average"})
    series = [Series(*fields) for fields in parameters["series"]]
    scores = read_scores(artefact.input("scores"))
    cells = table_cells(series, entry, scores, published=pd.DataFrame())
    sampling = {"resamples": parameters["bootstrap"], "seed": parameters["seed"]}
    intervals = interval_rows(series, entry, scores, confidence=parameters["confidence"], **sampling)
    write_csv(f"{base}.csv", cells.drop(columns=UNPUBLISHED), digits=9)
    write_csv(f"{base}_intervals.csv", intervals, digits=9)
    write_csv(f"{base}_tests.csv", comparison_rows(series, entry, scores), digits=9)
    notes = [_note(artefact), describe_rule(parameters["lesions"]), *artefact.remarks]
    write_pages(base, entry["title"], partial(volumes_page, cells, intervals, notes))


def volumes_page(cells: pd.DataFrame, intervals: pd.DataFrame, notes: list[str], markup: Markup) -> Page:
    """Return the notes and the table, without the columns of metrics that no case has a value of.

    Args:
        cells: table as returned by `table_cells`.
        intervals: table as returned by `interval_rows`.
        notes: sentences above and below the table.
        markup: templates of the format.
    """
    valued = cells.groupby("metric")["ours_mean"].transform("count") > 0
    empty = [measure_of(metric).heading or metric for metric in cells[~valued].metric.unique()]
    if empty:
        notes = [*notes, f"No case has a value of: {'; '.join(empty)}."]
    first, *others = notes
    first = f"{first} {markup.legend} of the means in the column, where one value is better than another."
    printer = Printer.of(cells[valued], intervals, markup)
    return [first, *others], {"Average of all folds": by_metric(printer)}


def by_metric(printer: Printer) -> pd.DataFrame:
    """Return a table with one row per method, source and panel, and one column per metric.

    A cell is our mean ± standard deviation and, in brackets, the confidence interval of the mean. The column
    "Panel" is left out if there is only one panel.
    """
    cells = printer.cells
    panels = cells[["region", "split"]].drop_duplicates()
    lines: dict[tuple[str, ...], dict[str, str | int]] = {}
    for _, cell in cells.iterrows():
        panel = {"Panel": panel_title(cell.region, cell.split)} if len(panels) > 1 else {}
        key = (cell.row, cell.source, cell.region, cell.split)
        line = lines.setdefault(key, {"Method": cell.row, "Source": cell.source, **panel})
        beyond = printer.beyond_the_paper(cell)
        line.setdefault("n", beyond["n"])
        both = cell.ours, beyond["CI"]
        text = printer.markup.cell.format(*both) if cell.n else cell.ours
        line[measure_of(cell.metric).heading or cell.metric] = text
    return pd.DataFrame(lines.values()).fillna("–")


def _note(artefact: Artefact) -> str:
    parameters = artefact.parameters
    note = (
        f"Configuration: {artefact.config_name}. Each cell: mean ± standard deviation over the cases of all "
        f"folds [{parameters['confidence']:.0%} bootstrap interval of the mean, which resamples patients]; n "
        "is the number of patients. Error is prediction minus truth; the relative error is divided by the "
        f"truth. Values without a unit: {artefact.own('unit')}."
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
