"""The printed pages of a table, in three formats: Markdown, LaTeX and HTML."""

from pathlib import Path

import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.files import write_text
from covidseg.paper.artefact import Artefact
from covidseg.paper.cells import Page
from covidseg.paper.latex import write_latex
from covidseg.paper.layout import ELSEWHERE, Printer, lay_out
from covidseg.paper.markdown import write_markdown
from covidseg.paper.tables import TIME
from covidseg.paper.web import Links, links_of, write_html

MISPRINTS = "Published numbers stand as printed; known misprints are listed in config/published_errata.md."
PAPERS_TIME = (
    "The papers' seconds per epoch include the 50 validation batches of nnU-Net's epoch, beside its 250 "
    "training batches; ours are of the training batches alone."
)
NOT_COMPARED = (
    "The data are not the papers': ours and published cannot be compared, and no difference is printed."
)
LEGENDS = {
    "all": "bold: best, underlined: second of our means in the column",
    "method": "bold: best of our means of a method in the column",
}
UNITS = {"fraction": "fractions", "percent": "percent"}
COMPARED = {"all": "best and second per column", "method": "best per method and column"}


def write_pages(base: Path, title: str, page: Page, links: Links | None = None) -> None:
    """Write the pages <base>.md, <base>.tex and <base>.html.

    Args:
        base: path of the files without suffix.
        title: title of the table.
        page: notes and tables.
        links: what the HTML page links to.
    """
    label = f"{base.parent.name}-{base.name}"
    write_text(base.with_suffix(".md"), write_markdown(title, *page))
    write_text(base.with_suffix(".tex"), write_latex(title, *page, label))
    write_text(base.with_suffix(".html"), write_html(title, *page, links))


def write_artefact(artefact: Artefact, page: Page, title: str = "") -> None:
    """Write the pages of a table of a paper.

    Args:
        artefact: the table.
        page: notes and tables.
        title: if it is not the title of the artefact's entry.
    """
    links = links_of(artefact.paper, artefact.base.name, artefact.tables, artefact.files)
    write_pages(artefact.base, title or artefact.entry["title"], page, links)


def scored_title(artefact: ArtefactEntry) -> str:
    """Return the title of a table of scores, with the unit of its numbers and what its marks compare."""
    unit, best = artefact.get("unit", "fraction"), artefact.get("best", "all")
    return f"{artefact['title']} ({UNITS[unit]}; {COMPARED[best]})"


def score_page(
    artefact: ArtefactEntry,
    cells: pd.DataFrame,
    intervals: pd.DataFrame,
    *,
    config_name: str,
    phantom: bool,
    confidence: float,
    devices: list[str],
    remarks: list[str],
) -> Page:
    """Return the notes and tables of a table of scores.

    Args:
        artefact: entry of artefacts.yaml.
        cells: table as returned by `table_cells`.
        intervals: table as returned by `interval_rows`.
        config_name: name of the configuration.
        phantom: whether the scores come from phantom data, so that no difference is printed.
        confidence: level of the confidence intervals, 0 to 1.
        devices: devices on which the trainings were timed.
        remarks: sentences to print below the tables.
    """
    best = artefact.get("best", "all")
    notes = [_note(config_name, phantom, confidence, LEGENDS[best]), *remarks]
    if TIME in artefact["metrics"]:
        notes += [_time_note(devices), PAPERS_TIME]
    if cells["published_in"].any():
        notes.append(
            f"{ELSEWHERE}: missing in this table of the paper, taken from Table {artefact['elsewhere']}."
        )
    printer = Printer.of(cells, intervals, best=best, differences=not phantom)
    return [*notes, MISPRINTS], lay_out(printer, artefact)


def _note(config_name: str, phantom: bool, confidence: float, legend: str) -> str:
    difference = "" if phantom else "Difference is ours minus published; "
    note = (
        f"Configuration: {config_name}. Each cell: ours, mean ± standard deviation over cases [published]; "
        f"{legend}. Avg pools the cases of all folds; {difference}CI is the "
        f"{confidence:.0%} bootstrap interval of our mean, which resamples patients with all their cases and "
        "folds; n is the number of patients whose value is defined."
    )
    return f"{note} {NOT_COMPARED}" if phantom else note


def _time_note(devices: list[str]) -> str:
    if not devices:
        return "No training was timed: a configuration with timed: false leaves times out."
    return (
        f"Trained on: {'; '.join(devices)}. The fewest seconds are best; their Avg and "
        "its deviation are over folds. Ratio is a row's Avg by the first row's: the number to compare with "
        "the published one."
    )
