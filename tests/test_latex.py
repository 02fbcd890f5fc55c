"""Tables as LaTeX: every file compiles by itself, fits on its pages, and is not printed too small."""

import re
import shutil
import subprocess

import pandas as pd
import pytest
import yaml

from conftest import ROOT
from covidseg.archives.licences import licence_table
from covidseg.paper.cells import Cell
from covidseg.paper.latex import escape, write_latex
from covidseg.paper.latex_columns import GAP, PAGE_WIDTH, Column, blocks_of, widths_of
from hostile import CELLS, NAMES, SIGNS, tables

FAULTS = re.compile(
    r"^!.*|Overfull \\hbox.*|.*Float too large.*|LaTeX Font Warning.*|Missing character.*", re.M
)
SMALLEST = 6  # points of 1/72 in

needs_tex = pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="no pdflatex: apt-get install texlive-latex-recommended lmodern"
)


def compile_tex(path):
    """Compile a file, with its pages uncompressed; return the content of the PDF, after the log has no fault."""
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"-jobname={path.stem}"]
    run = subprocess.run(
        [*command, rf"\pdfcompresslevel=0\input{{{path.name}}}"], cwd=path.parent, capture_output=True
    )
    log = path.with_suffix(".log").read_text(errors="replace")
    assert run.returncode == 0, FAULTS.findall(log)
    assert FAULTS.findall(log) == []
    return path.with_suffix(".pdf").read_bytes()


def font_sizes(pdf):
    """Return the sizes of the type on the pages of an uncompressed PDF, in points; nothing may be scaled."""
    matrices = re.findall(rb"([\d.-]+) ([\d.-]+) ([\d.-]+) ([\d.-]+) [\d.-]+ [\d.-]+ cm", pdf)
    assert set(matrices) <= {(b"1", b"0", b"0", b"1")}
    return {float(size) for size in re.findall(rb"/F\d+ ([\d.]+) Tf", pdf)}


@needs_tex
def test_a_file_compiles_by_itself_whatever_the_names_are(tmp_path):
    """With words and numbers wider than a page, and a table that is longer than a page."""
    path = tmp_path / "table1.tex"
    path.write_text(
        write_latex(f"Title {SIGNS}", [f"Above {SIGNS}", f"Below {SIGNS}"], tables(), "wang2021-table1")
    )
    sizes = font_sizes(compile_tex(path))
    assert min(sizes) >= SMALLEST
    assert max(sizes) < 11, "no heading of an article's size"


@needs_tex
def test_a_table_that_is_too_wide_and_too_long_is_broken_into_pages_and_blocks(tmp_path):
    rows = {"Method": [f"Method {number}" for number in range(70)]}
    table = pd.DataFrame(rows | {f"Column {number}": [CELLS[0]] * 70 for number in range(14)})
    (tmp_path / "big.tex").write_text(write_latex("T", ["Note."], {"One": table, "Two": table[:2]}, "x"))
    compile_tex(tmp_path / "big.tex")
    assert (tmp_path / "big.tex").read_text().count(r"\begin{longtable}") == 2 + 2
    numbers = re.findall(r"newlabel{tab:x-(?:one|two)}{{(\d)}", (tmp_path / "big.aux").read_text())
    assert numbers == ["1", "2"], "the blocks of a table have one number"


@needs_tex
def test_every_letter_of_europe_is_printed_or_named(tmp_path):
    letters = [chr(code) for code in range(0x20, 0x180) if chr(code).isprintable()]
    (tmp_path / "letters.tex").write_text(write_latex("T", [" ".join(letters)], {}, "x"))
    compile_tex(tmp_path / "letters.tex")


@needs_tex
def test_the_table_of_licences_compiles(tmp_path):
    """Its addresses and citations have every special letter of LaTeX, and no number."""
    datasets = yaml.safe_load((ROOT / "config" / "datasets.yaml").read_text())
    table = licence_table(datasets, ["covid20"]).fillna("–")
    (tmp_path / "licences.tex").write_text(write_latex("Licences", ["Note."], {"All": table}, "licences"))
    assert min(font_sizes(compile_tex(tmp_path / "licences.tex"))) >= SMALLEST


@needs_tex
def test_a_document_of_two_columns_takes_tables_as_they_are(tmp_path):
    for name in ("one", "two"):
        table = pd.DataFrame({"Method": NAMES, "DSC": CELLS})
        (tmp_path / f"{name}.tex").write_text(write_latex(name, ["Note."], {"DSC": table}, name))
    (tmp_path / "paper.tex").write_text(
        r"\documentclass[twocolumn]{article}\usepackage[T1]{fontenc}\usepackage{lmodern}"
        r"\usepackage{array,booktabs,longtable}\usepackage[textwidth=7.1in]{geometry}\begin{document}"
        "Tables \\ref{tab:one-dsc} and \\ref{tab:two-dsc}.\n\\input{one}\n\\input{two}\nThe end.\\end{document}"
    )
    compile_tex(tmp_path / "paper.tex")
    written = (tmp_path / "paper.aux").read_text()
    assert [re.search(rf"newlabel{{tab:{name}-dsc}}{{{{(\d)}}", written)[1] for name in ("one", "two")] == [
        "1",
        "2",
    ]


@needs_tex
@pytest.mark.slow
def test_every_table_of_the_demo_compiles_and_is_legible(tmp_path):
    found = sorted((ROOT / "results" / "paper").rglob("*.tex"))
    if not found:
        pytest.skip("no results: run make demo")
    for path in found:
        copy = shutil.copy(path, tmp_path / f"{path.parent.name}-{path.name}")
        assert min(font_sizes(compile_tex(copy))) >= SMALLEST, path


def test_every_sign_of_latex_is_escaped():
    assert escape(r"a_b & 5% #1 $x {y} \z ^~") == (
        r"a\_b \& 5\% \#1 \$x \{y\} \textbackslash{}z \textasciicircum{}\textasciitilde{}"
    )
    assert escape("0.5 ± 0.1 – −1") == r"0.5 $\pm$ 0.1 -- $-$1"
    assert escape("two--one ''x''") == "two-{}-one '{}'x'{}'"
    assert escape("中\n\tx") == "[U+4E2D] x"
    assert escape("L_rc^G").startswith(r"L\raisebox{-1.5pt}{\fontsize{6.1}{6.1}\selectfont rc}\raisebox")


def test_columns_that_do_not_fit_go_into_a_second_block_with_the_names():
    table = pd.DataFrame({"Method": NAMES, **{f"Fold {number}": CELLS for number in range(12)}})
    blocks = blocks_of(table)
    assert len(blocks) > 1
    assert [block[0].key for block in blocks] == ["Method"] * len(blocks)
    numbers = [column.key for block in blocks for column in block[1:]]
    assert numbers == list(table.columns[1:]), "every column once, in order"
    for block in blocks:
        assert sum(widths_of(block)) + GAP * len(block) <= PAGE_WIDTH + 0.1


def test_only_columns_of_words_become_narrower_than_their_longest_line():
    long, short = Column("a", True, 900.0, 40.0), Column("b", True, 60.0, 30.0)
    number = Column("c", False, 100.0, 100.0)
    widths = widths_of([long, short, number])
    assert widths == pytest.approx([PAGE_WIDTH - 3 * GAP - 160, 60, 100], abs=0.01)
    assert widths_of([short, number]) == [60, 100]


def test_a_cell_stands_on_two_lines_and_a_method_once_above_its_rows():
    table = pd.DataFrame({"Method": ["A", "A", "B"], "DSC": [Cell("0.5", "0.6")] * 3})
    text = write_latex("T", ["Note."], {"DSC": table}, "x")
    rows = re.findall(r"^(.*) & 0\.5\\linebreak\{\}\[0\.6\] \\\\$", text, re.M)
    assert rows == ["A", "", "B"]
    assert r"\label{tab:x-dsc}" in text
