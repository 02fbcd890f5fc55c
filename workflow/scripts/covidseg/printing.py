"""The papers' tables in print: Markdown, LaTeX and HTML, the best two means of every column marked."""

import html
from dataclasses import dataclass
from math import floor, log10
from pathlib import Path

import numpy as np
import pandas as pd

from covidseg.files import write_text
from covidseg.tables import TIME

DIGITS = {"fraction": 3, "percent": 1}  # decimals where the paper prints no number
HEADINGS = {TIME: "Seconds per training epoch"}
MISPRINTS = "Published numbers stand as printed; known misprints are listed in config/published_errata.md."


@dataclass(frozen=True)
class Markup:
    """How a format sets a cell.

    Attributes:
        marks: what surrounds a column's best and second best of our numbers, and all others ("").
        cell: our number and the published one.
        legend: the marks in words.
    """

    marks: dict[str, str]
    cell: str
    legend: str


MARKDOWN = Markup(
    {"best": "**{}**", "second": "*{}*", "": "{}"},
    "{} [{}]",
    "**bold**: best, *italic*: second",
)
LATEX = Markup(
    {"best": r"\textcolor{{red}}{{{}}}", "second": r"\textcolor{{blue}}{{{}}}", "": "{}"},
    "{} [{}]",
    "red: best, blue: second",
)
HTML = Markup(
    {"best": '<span class="best">{}</span>', "second": '<span class="second">{}</span>', "": "{}"},
    '{}<br><span class="published">[{}]</span>',
    "red: best, blue: second",
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


def printed(cells: pd.DataFrame, intervals: pd.DataFrame, metric: str, markup: Markup) -> pd.DataFrame:
    """Lay a metric's cells out as the papers do: one row a strategy and source, one column a fold."""
    part = cells[cells.metric == metric]
    decimals = _decimals(part)
    part = part.assign(mark=_marks(part, decimals))
    averages = part[part.fold == "avg"]
    lines = []
    for (row, source), own in part.groupby(["row", "source"], sort=False):
        line = {"Strategy": row, "Source": source}
        for cell in own.itertuples():
            ours = markup.marks[cell.mark].format(_number(cell.ours_mean, cell.ours_std, decimals))
            published = _number(cell.published_mean, cell.published_std, decimals)
            line["Avg" if cell.fold == "avg" else f"Fold {cell.fold}"] = markup.cell.format(ours, published)
        average = own[own.fold == "avg"].iloc[0]
        if metric == TIME:
            line["Ratio"] = markup.cell.format(*_ratios(average, averages.iloc[0]))
        else:
            line |= _beyond_the_paper(average, intervals, decimals)
        lines.append(line)
    return pd.DataFrame(lines)


def _decimals(part: pd.DataFrame) -> int | None:
    """Return how many decimals the paper prints of a metric; None: three significant digits."""
    unit = part.unit.iloc[0]
    if unit == "seconds":
        return None
    known = part.published_mean.dropna()
    return max((len(repr(mean).partition(".")[2]) for mean in known.tolist()), default=DIGITS[unit])


def _marks(part: pd.DataFrame, decimals: int | None) -> pd.Series:
    """Return "best", "second" or "" for every cell; means that print the same share the mark."""
    texts = part.ours_mean.map(lambda mean: _number(mean, np.nan, decimals))
    column = pd.to_numeric(texts, errors="coerce").groupby(part.fold)
    places = column.rank(method="dense", ascending=part.metric.iloc[0] == TIME)
    return places.map({1: "best", 2: "second"}).where(column.transform("count") > 1).fillna("")


def _number(mean: float, std: float, decimals: int | None) -> str:
    if np.isnan(mean):
        return "–"
    if decimals is None:
        decimals = max(0, 2 - floor(log10(mean)))
    return f"{mean:.{decimals}f}" + ("" if np.isnan(std) else f" ± {std:.{decimals}f}")


def _ratios(average: pd.Series, first: pd.Series) -> tuple[str, str]:
    return (
        _number(average.ours_mean / first.ours_mean, np.nan, 2),
        _number(average.published_mean / first.published_mean, np.nan, 2),
    )


def _beyond_the_paper(average: pd.Series, intervals: pd.DataFrame, decimals: int) -> dict:
    """Return the columns that no paper has: difference, interval and number of cases of an average."""
    row = ["row", "source", "metric"]
    interval = intervals[(intervals[row] == average[row]).all(axis=1)].iloc[0]
    difference = average.difference
    return {
        "Difference": "–" if np.isnan(difference) else f"{difference:+.{decimals}f}",
        "CI": f"{interval.low:.{decimals}f} to {interval.high:.{decimals}f}",
        "n": int(average.n),
    }


def write_printed(
    base: Path,
    artefact: dict,
    cells: pd.DataFrame,
    intervals: pd.DataFrame,
    *,
    configuration: str,
    confidence: float,
    devices: list[str],
) -> None:
    """Write <base>.md, .tex and .html, one table a metric; a caption names configuration and marks."""
    for suffix, (markup, write) in FORMATS.items():
        tables = {metric: printed(cells, intervals, metric, markup) for metric in artefact["metrics"]}
        note = _note(configuration, confidence, markup)
        write_text(base.with_suffix(suffix), write(artefact["title"], note, tables, _time_note(devices)))


def _note(configuration: str, confidence: float, markup: Markup) -> str:
    note = (
        f"Configuration: {configuration}. Each cell: ours, mean ± standard deviation over cases [published]; "
        f"{markup.legend} of our means in the column. Avg pools the cases of all folds; Difference is ours "
        f"minus published; CI is the {confidence:.0%} bootstrap interval of our mean; n counts the cases "
        "whose value is defined."
    )
    if configuration != "paper":
        note += " The data are not the papers': ours and published cannot be compared."
    return note


def _time_note(devices: list[str]) -> str:
    return (
        f"Trained on: {'; '.join(devices) or 'not timed yet'}. Lowest is best. Avg and its deviation are "
        "over folds. Ratio is a row's Avg by the first row's: the number to compare with the published one."
    )


def _markdown(title: str, note: str, tables: dict[str, pd.DataFrame], time_note: str) -> str:
    lines = [f"# {title}", "", note]
    for metric, table in tables.items():
        # Else +0.010 became the number 0.01.
        text = table.to_markdown(index=False, disable_numparse=True)
        lines += ["", f"## {HEADINGS.get(metric, metric)}", "", text]
        lines += ["", time_note] if metric == TIME else []
    return "\n".join([*lines, "", MISPRINTS, ""])


def _latex(title: str, note: str, tables: dict[str, pd.DataFrame], time_note: str) -> str:
    blocks = [r"% Needs \usepackage{booktabs} and \usepackage{xcolor}."]
    for metric, table in tables.items():
        caption = f"{title}: {HEADINGS.get(metric, metric)}. {note}{f' {time_note}' * (metric == TIME)}"
        text = table.style.hide(axis="index").format(escape="latex", subset=["Strategy", "Source"])
        block = text.to_latex(
            column_format="ll" + "r" * (len(table.columns) - 2),
            hrules=True,
            caption=caption.replace("%", r"\%"),
        )
        blocks.append(block.replace("±", r"$\pm$").replace("–", "--"))
    return "\n".join(blocks)


def _html(title: str, note: str, tables: dict[str, pd.DataFrame], time_note: str) -> str:
    parts = [f"<p>{html.escape(note)}</p>"]
    for metric, table in tables.items():
        text = table.style.hide(axis="index").format(escape="html", subset=["Strategy", "Source"])
        parts += [f"<h2>{HEADINGS.get(metric, metric)}</h2>", text.to_html(exclude_styles=True)]
        parts += [f"<p>{html.escape(time_note)}</p>"] if metric == TIME else []
    parts.append(f"<p>{MISPRINTS}</p>")
    return PAGE.format(title=html.escape(title), body="\n".join(parts))


FORMATS = {".md": (MARKDOWN, _markdown), ".tex": (LATEX, _latex), ".html": (HTML, _html)}
