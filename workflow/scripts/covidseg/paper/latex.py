"""Printed tables as LaTeX: a file that compiles by itself, and that another document can \\input."""

import re
from itertools import groupby

import pandas as pd

from covidseg.paper.cells import Cell, names_of, true_minus
from covidseg.paper.latex_columns import (
    BREAK,
    LINE,
    SIZE,
    Column,
    blocks_of,
    breakable,
    count_lines,
    lines_of,
    widths_of,
)

# After \begin{document}, LaTeX's own \@nodocument is \relax: then the preamble is skipped.
PREAMBLE = r"""% Compile this file by itself with pdflatex, or \input it in a document that loads the packages
% array, booktabs, longtable, and fontenc with T1. The tables are up to 7.1 in wide, as two columns of a
% journal. A longtable is only for documents with one column.
\expandafter\ifx\csname @nodocument\endcsname\relax
\def\endoftables{}
\else
\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage[a4paper, textwidth=7.1in, textheight=10in]{geometry}
\usepackage{array, booktabs, longtable}
\begin{document}
\def\endoftables{\end{document}}
\fi
"""
TYPE = rf"\fontsize{{{SIZE:g}}}{{{LINE:g}}}\selectfont"
LAYOUT = rf"{TYPE}\setlength{{\tabcolsep}}{{2pt}}\renewcommand{{\arraystretch}}{{1}}"
INDEXED = re.compile(r"([A-Z])\\_([a-z]+)\\textasciicircum\{\}([A-Z])")  # a relation loss, as in L_rc^G
INDEX = r"\\fontsize{6.1}{6.1}\\selectfont "
LONG = 50  # lines; a longer table may be broken between pages
ESCAPES = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
    "±": r"$\pm$", "−": "$-$", "–": "--", "—": "---", "×": r"$\times$", "≤": r"$\leq$", "≥": r"$\geq$",
    "†": r"\textdagger{}", "\xa0": "~", "\xad": "", BREAK: r"\allowbreak{}",
}  # fmt: skip
UNKNOWN = "¤¨¬¯²³´¸¹¼½¾ĈĉĊċĦħĬĭĸĿŀŉŦŧſ"  # Latin letters and signs that the font's encoding lacks
MARKS = {"best": r"\textbf{{{}}}", "second": r"\underline{{{}}}", "": "{}"}


def write_latex(title: str, notes: list[str], tables: dict[str, pd.DataFrame], label: str) -> str:
    """Return the text of a file with one table environment per table, and the notes around the tables.

    Args:
        title: title of the page; the captions begin with it.
        notes: the first is printed above the tables, the others below.
        tables: heading -> table, whose values are texts, numbers or `Cell`.
        label: the start of the tables' labels.
    """
    parts = [PREAMBLE, _paragraphs(notes[:1])]
    long = any(_is_long(table) for table in tables.values())
    for heading, table in tables.items():
        named = re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")
        caption = rf"\caption{{{escape(f'{title}: {heading}')}}}\label{{tab:{label}-{named}}}"
        parts.append(_environment(table, caption, long=long))
    return "\n".join([*parts, _paragraphs(notes[1:]), r"\endoftables", ""])


def escape(text: str) -> str:
    """Return a text that LaTeX shows as it stands; letters that its font lacks stand as [U+...]."""
    single = re.sub(r"([-',])(?=\1)", "\\1\0", " ".join(text.split()))  # -- and '' would be joined
    written = "".join(map(_letter, single)).replace("\0", "{}")
    return INDEXED.sub(rf"\1\\raisebox{{-1.5pt}}{{{INDEX}\2}}\\raisebox{{2.5pt}}{{{INDEX}\3}}", written)


def _letter(letter: str) -> str:
    if letter in ESCAPES:
        return ESCAPES[letter]
    known = letter == "\0" or (letter.isprintable() and ord(letter) < 0x180 and letter not in UNKNOWN)
    return letter if known else f"[U+{ord(letter):04X}]"


def _paragraphs(notes: list[str]) -> str:
    return "\n".join(rf"{{{TYPE}\noindent {escape(breakable(note))}\par}}" for note in notes)


def write_cell(value: object, *, words: bool = False) -> str:
    """Return a value as LaTeX; our number is bold if it is the best, and underlined if the second best."""
    if isinstance(value, Cell):
        mean, spread = (_number(part.replace(" ± ", "±")) for part in value.parts)
        return rf"{MARKS[value.mark].format(mean)}{spread}\linebreak{{}}[{_number(value.other)}]"
    (line,) = lines_of(value)
    return escape(line) if words else _number(line)


def _number(text: str) -> str:
    """Return numbers as LaTeX; a line may end only before (, as in 26 (24 to 28)."""
    tight = escape(true_minus(text).replace(" ± ", "±")).replace("$\\pm$", r"\,$\pm$\,")
    return tight.replace(" ", "~").replace("~(", " (")


def _is_long(table: pd.DataFrame) -> bool:
    """Return whether a table may need more than a page."""
    return sum(count_lines(table, columns, widths_of(columns)) for columns in blocks_of(table)) > LONG


def _environment(table: pd.DataFrame, caption: str, *, long: bool) -> str:
    """Return a table environment, which stays on one page, or a longtable per block of columns."""
    blocks = [(columns, widths_of(columns)) for columns in blocks_of(table)]
    if long:
        return "\n".join(
            _longtable(table, *block, [] if place else [rf"{caption}\\"])
            for place, block in enumerate(blocks)
        )
    tabulars = [_tabular(table, *block) for block in blocks]
    return "\n".join(
        [r"\begin{table*}[!htbp]", rf"\centering{LAYOUT}", caption, r"\par\vspace{4pt}",
         "\n\\par\\vspace{6pt}\n".join(tabulars), r"\end{table*}"]
    )  # fmt: skip


def _tabular(table: pd.DataFrame, columns: list[Column], widths: list[float]) -> str:
    return "\n".join(
        [rf"\begin{{tabular}}{{{_format(columns, widths)}}}", r"\toprule", *_heading(columns), r"\midrule",
         *_lines(table, columns), r"\bottomrule", r"\end{tabular}"]
    )  # fmt: skip


def _longtable(table: pd.DataFrame, columns: list[Column], widths: list[float], caption: list[str]) -> str:
    """Return a longtable; one without a caption goes on with the table above, and takes no number."""
    heading = [r"\toprule", *_heading(columns), r"\midrule"]
    numbered = [] if caption else [r"\addtocounter{table}{-1}"]
    return "\n".join(
        [rf"{{{LAYOUT}\setlength{{\LTcapwidth}}{{\linewidth}}",
         rf"\begin{{longtable}}{{{_format(columns, widths)}}}", *caption,
         *heading, r"\endfirsthead", *heading, r"\endhead", r"\bottomrule", r"\endfoot",
         *_lines(table, columns), r"\end{longtable}", *numbered, "}"]
    )  # fmt: skip


def _format(columns: list[Column], widths: list[float]) -> str:
    sides = {True: "right", False: "left"}
    found = (
        rf">{{\ragged{sides[column.words]}\arraybackslash}}p{{{width:.1f}pt}}"
        for column, width in zip(columns, widths, strict=True)
    )
    return f"@{{}}{''.join(found)}@{{}}"


def _heading(columns: list[Column]) -> list[str]:
    """Return the rows of the heading: the panels, if the table has panels, and the columns' names."""
    panels, names = zip(*(names_of(column.key) for column in columns), strict=True)
    row = " & ".join(escape(name) for name in names) + r" \\"
    if not any(panels):
        return [row]
    above, rules, place = [], [], 1
    for panel, group in groupby(panels):
        count = len(list(group))
        above.append(rf"\multicolumn{{{count}}}{{c}}{{{escape(panel)}}}")
        rules += [rf"\cmidrule(lr){{{place}-{place + count - 1}}}"] if panel else []
        place += count
    return [" & ".join(above) + r" \\", "".join(rules), row]


def _lines(table: pd.DataFrame, columns: list[Column]) -> list[str]:
    """Return the rows; a method is printed once above its other rows."""
    rows: list[str] = []
    above = ""
    for values in table[[column.key for column in columns]].itertuples(index=False, name=None):
        written = [write_cell(value, words=one.words) for one, value in zip(columns, values, strict=True)]
        repeats = names_of(columns[0].key)[1] == "Method" and written[0] == above
        above = written[0]
        gap = [] if repeats or not rows else [r"\addlinespace[2pt]"]
        rows += [*gap, " & ".join(["" if repeats else written[0], *written[1:]]) + r" \\"]
    return rows
