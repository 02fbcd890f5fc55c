"""The printed pages of a table, in three formats: Markdown, LaTeX and HTML."""

import html
import re
from collections.abc import Callable, Hashable
from pathlib import Path

import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.files import write_text
from covidseg.paper.layout import ELSEWHERE, Markup, Printer, lay_out
from covidseg.paper.tables import TIME

MISPRINTS = "Published numbers stand as printed; known misprints are listed in config/published_errata.md."
PAPERS_TIME = (
    "The papers' seconds per epoch include the 50 validation batches of nnU-Net's epoch, beside its 250 "
    "training batches; ours are of the training batches alone."
)
# Shrinks a table that is too wide or too long for a page.
SHRUNK = r"\begin{adjustbox}{max width=\textwidth, max totalheight=0.75\textheight}"
# Columns that contain words, and those of them whose words need several lines.
WORDS = (
    *("Method", "Source", "Fold", "Panel", "Metric", "Data set", "Labels", "Task", "Training", "Validation"),
    *("In-domain testing", "Testing", "Testing 1", "Testing 2", "Part", "Feature size", "Name", "Layer"),
    *("Verdict", "Shown in"),
)
SENTENCES = ("Claim", "Compared")
SENTENCE = '<div class="sentence">{}</div>'

MARKDOWN = Markup(
    {"best": "**{}**", "second": "*{}*", "": "{}"},
    "{} [{}]",
    {
        "all": "**bold**: best, *italic*: second of our means in the column",
        "method": "**bold**: best of our means of a method in the column",
    },
)
COLOURS = {
    "all": "red: best, blue: second of our means in the column",
    "method": "red: best of our means of a method in the column",
}
LATEX = Markup(
    {"best": r"\textcolor{{red}}{{{}}}", "second": r"\textcolor{{blue}}{{{}}}", "": "{}"},
    "{} [{}]",
    COLOURS,
)
HTML = Markup(
    {"best": '<span class="best">{}</span>', "second": '<span class="second">{}</span>', "": "{}"},
    '{}<br><span class="published">[{}]</span>',
    COLOURS,
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 14px/1.45 system-ui, sans-serif; color: #222; margin: 2em; }}
p {{ max-width: 60em; }}
table {{ border-collapse: collapse; border-top: 2px solid #222; border-bottom: 2px solid #222; }}
th {{ border-bottom: 1px solid #222; text-align: left; }}
th, td {{ padding: 0.3em 0.9em 0.3em 0; white-space: nowrap; vertical-align: top; }}
td {{ font-variant-numeric: tabular-nums; }}
.sentence {{ white-space: normal; width: 27em; }}
tr:hover td {{ background: #f3f3f3; }}
.best {{ color: #c00000; font-weight: bold; }}
.second {{ color: #0040d0; }}
.published {{ color: #666; font-size: 88%; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


# Notes, and heading -> table. The first note is printed above the tables, all other notes below the tables.
Page = tuple[list[str], dict[str, pd.DataFrame]]


def write_pages(base: Path, title: str, page: Callable[[Markup], Page]) -> None:
    """Write the pages <base>.md, <base>.tex and <base>.html.

    Args:
        base: path of the files without suffix.
        title: title of the table.
        page: function that returns the notes and tables, written in the markup that the function gets.
    """
    for suffix, (markup, write) in FORMATS.items():
        write_text(base.with_suffix(suffix), write(title, *page(markup)))


def score_page(
    artefact: ArtefactEntry,
    cells: pd.DataFrame,
    intervals: pd.DataFrame,
    markup: Markup,
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
        markup: templates of the format.
        config_name: name of the configuration.
        phantom: whether the scores come from phantom data, so that a note warns of comparisons.
        confidence: level of the confidence intervals, 0 to 1.
        devices: devices on which the trainings were timed.
        remarks: sentences to print below the tables.
    """
    best = artefact.get("best", "all")
    notes = [_note(config_name, phantom, confidence, markup.legends[best]), *remarks]
    if TIME in artefact["metrics"]:
        notes += [_time_note(devices), PAPERS_TIME]
    if cells["published_in"].any():
        notes.append(
            f"{ELSEWHERE}: missing in this table of the paper, taken from Table {artefact['elsewhere']}."
        )
    return [*notes, MISPRINTS], lay_out(Printer.of(cells, intervals, markup, best=best), artefact)


def _note(config_name: str, phantom: bool, confidence: float, legend: str) -> str:
    note = (
        f"Configuration: {config_name}. Each cell: ours, mean ± standard deviation over cases [published]; "
        f"{legend}. Avg pools the cases of all folds; Difference is ours minus published; CI is the "
        f"{confidence:.0%} bootstrap interval of our mean, which resamples patients with all their cases and "
        "folds; n is the number of patients whose value is defined."
    )
    if phantom:
        note += " The data are not the papers': ours and published cannot be compared."
    return note


def _time_note(devices: list[str]) -> str:
    if not devices:
        return "No training was timed: a configuration with timed: false leaves times out."
    return (
        f"Trained on: {'; '.join(devices)}. The fewest seconds are best; their Avg and "
        "its deviation are over folds. Ratio is a row's Avg by the first row's: the number to compare with "
        "the published one."
    )


def _markdown(title: str, notes: list[str], tables: dict[str, pd.DataFrame]) -> str:
    lines = [f"# {title}", "", notes[0], ""]
    for heading, table in tables.items():
        if table.columns.nlevels > 1:
            table.columns = [": ".join(filter(None, column)) for column in table.columns]
        # Without disable_numparse the text +0.010 would be printed as the number 0.01.
        lines += [f"## {heading}", "", table.to_markdown(index=False, disable_numparse=True), ""]
    return "\n".join([*lines, *(f"{note}\n" for note in notes[1:])])


def _latex(title: str, notes: list[str], tables: dict[str, pd.DataFrame]) -> str:
    """Return one table environment per table; the caption of the first table has all notes."""
    blocks = [r"% Needs \usepackage{booktabs}, \usepackage{xcolor} and \usepackage{adjustbox}."]
    for place, (heading, table) in enumerate(tables.items()):
        words = _words(table)
        said = " ".join(notes[:1] if place else notes)
        text = (
            table.style.hide(axis="index")
            .format(escape="latex", subset=words)
            .format_index(escape="latex", axis=1)
        )
        block = text.to_latex(
            column_format="".join(_latex_column(column, words) for column in table.columns),
            multicol_align="c",
            hrules=True,
            caption=re.sub(r"([&%$#_{}])", r"\\\1", f"{title}: {heading}. {said}"),
        )
        block = block.replace(r"\begin{tabular}", f"{SHRUNK}\n\\begin{{tabular}}")
        block = block.replace(r"\end{tabular}", "\\end{tabular}\n\\end{adjustbox}")
        blocks.append(block.replace("±", r"$\pm$").replace("–", "--").replace(ELSEWHERE, r"$^\dagger$"))
    return "\n".join(blocks)


def _latex_column(column: Hashable, words: list[Hashable]) -> str:
    return "p{6cm}" if column in SENTENCES else "l" if column in words else "r"


def _words(table: pd.DataFrame) -> list[Hashable]:
    """Return the columns that contain words.

    A column is its name, or the pair (panel, name) if the table has panels.
    """
    return [
        column
        for column in table.columns
        if (column if isinstance(column, str) else column[-1]) in WORDS + SENTENCES
    ]


def _html(title: str, notes: list[str], tables: dict[str, pd.DataFrame]) -> str:
    parts = [f"<p>{html.escape(notes[0])}</p>"]
    for heading, table in tables.items():
        words = _words(table)
        text = (
            table.style.hide(axis="index")
            .format(escape="html", subset=words)
            .format(SENTENCE, escape="html", subset=[column for column in words if column in SENTENCES])
            .format_index(escape="html", axis=1)
        )
        parts += [f"<h2>{heading}</h2>", text.to_html(exclude_styles=True)]
    parts += [f"<p>{html.escape(note)}</p>" for note in notes[1:]]
    return PAGE.format(title=html.escape(title), body="\n".join(parts))


FORMATS = {".md": (MARKDOWN, _markdown), ".tex": (LATEX, _latex), ".html": (HTML, _html)}
