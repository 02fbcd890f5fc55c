"""The printed tables: marks of the best, the average alone, seconds per epoch, three formats."""

import math

import pandas as pd
import pytest

from conftest import ROOT
from covidseg.printing import HTML, LATEX, MARKDOWN, printed, write_printed
from covidseg.tables import (
    TableRow,
    comparison_rows,
    devices_of,
    interval_rows,
    read_published,
    read_scores,
    table_cells,
)

PUBLISHED = ROOT / "config" / "published.csv"
EVALUATION = {"bootstrap": 100, "confidence": 0.95}
ARTEFACT = {
    "title": "Four strategies & more",
    "region": "infection",
    "split": "test",
    "metrics": ["DSC"],
    "unit": "fraction",
}
ROWS = [
    TableRow("Train from scratch", "none", "scratch"),
    TableRow("Continual Learning", "Multi-lesion", "continual-multi"),
    TableRow("Body Fine-tuning", "Multi-lesion", "body-finetune-multi"),
    TableRow("A_b <new> one", "none", "new"),
]


def make_scores(tmp_path, values, metric="DSC"):
    """Return scores by experiment: a list a fold of the cases' values."""
    timed = metric == "time"
    rows = [
        {
            "experiment": experiment, "fold": fold, "split": "" if timed else "test",
            "case": "CPU, float32" if timed else f"case_{number}", "region": "" if timed else "infection",
            "metric": metric, "value": value,
        }
        for experiment, folds in values.items()
        for fold, cases in enumerate(folds)
        for number, value in enumerate(cases)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "scores.csv", index=False)
    return read_scores(tmp_path / "scores.csv")


def make_table(scores, metric, markup, rows=ROWS, table="3", **changes):
    artefact = ARTEFACT | {"metrics": [metric]} | changes
    cells = table_cells(rows, artefact, scores, read_published(PUBLISHED, "wang2021", table))
    return printed(cells, interval_rows(rows, artefact, scores, EVALUATION, seed=1), metric, markup)


DSC = {
    "scratch": [[0.4], [0.5004]],
    "continual-multi": [[0.6], [0.4996]],
    "body-finetune-multi": [[0.6], [math.nan]],
    "new": [[0.3], [0.2]],
}


def test_best_and_second_of_each_column_are_marked_and_ties_share_a_mark(tmp_path):
    """Fold 0: 0.4, 0.6, 0.6, 0.3; fold 1: two that both print 0.500, none, 0.2; Avg: 0.4502, 0.5498, 0.6, 0.25."""
    table = make_table(make_scores(tmp_path, DSC), "DSC", MARKDOWN)
    ours = table.map(lambda text: str(text).split(" [")[0])
    assert ours["Fold 0"].tolist() == ["*0.400*", "**0.600**", "**0.600**", "0.300"]
    assert ours["Fold 1"].tolist() == ["**0.500**", "**0.500**", "–", "*0.200*"]
    assert [text.split(" ±")[0] for text in ours["Avg"]] == ["0.450", "*0.550", "**0.600**", "0.250"]
    assert table["Fold 0"][0].endswith(" [0.681 ± 0.205]"), "the published number bears no mark"


def test_one_row_bears_no_mark(tmp_path):
    table = make_table(make_scores(tmp_path, DSC), "DSC", MARKDOWN, rows=ROWS[:1])
    assert "*" not in table.to_string()


@pytest.mark.parametrize(
    ("markup", "best", "second"),
    [
        (LATEX, r"\textcolor{red}{0.600} [0.709 ± 0.209]", r"\textcolor{blue}{0.400} [0.681 ± 0.205]"),
        (
            HTML,
            '<span class="best">0.600</span><br><span class="published">[0.709 ± 0.209]</span>',
            '<span class="second">0.400</span><br><span class="published">[0.681 ± 0.205]</span>',
        ),
    ],
)
def test_marks_in_colour(tmp_path, markup, best, second):
    table = make_table(make_scores(tmp_path, DSC), "DSC", markup)
    assert (table["Fold 0"][1], table["Fold 0"][0]) == (best, second)


def test_the_average_alone_with_as_many_decimals_as_the_paper_prints(tmp_path):
    scores = make_scores(tmp_path, {"scratch": [[0.62]], "body-finetune-multi": [[0.6]]}, "Sensitivity")
    rows = [ROWS[0], ROWS[2]]
    table = make_table(scores, "Sensitivity", MARKDOWN, rows, table="2", folds="average")
    assert table.columns.tolist() == ["Strategy", "Source", "Avg", "Difference", "CI", "n"]
    assert table["Avg"][0] == "**0.6200** [0.6204 ± 0.2369]"
    assert table["Difference"][0] == "-0.0004"


TIMES = {"scratch": [[0.2], [0.4]], "continual-multi": [[0.1204], [0.12]], "new": [[12.34], [1234.5]]}


def test_seconds_per_epoch(tmp_path):
    """Means 0.3, 0.1202 and 623.42 s; published 206 and 199 s in wang2021's Table 3."""
    rows = [ROWS[0], ROWS[1], ROWS[3]]
    scores = make_scores(tmp_path, TIMES, "time")
    artefact = ARTEFACT | {"metrics": ["time"]}
    cells = table_cells(rows, artefact, scores, read_published(PUBLISHED, "wang2021", "3"))
    assert (cells.unit == "seconds").all()
    assert (cells.split == "test").all()
    first = cells[cells.row == "Train from scratch"].set_index("fold")
    assert first.ours_mean.tolist() == pytest.approx([0.2, 0.4, 0.3])
    assert first.ours_std.isna().tolist() == [True, True, False]
    assert first.published_mean.tolist() == [224, 194, 206]
    assert interval_rows(rows, artefact, scores, EVALUATION, seed=1).empty
    assert comparison_rows(rows, artefact, scores).empty
    table = make_table(scores, "time", MARKDOWN, rows)
    assert table.columns.tolist() == ["Strategy", "Source", "Fold 0", "Fold 1", "Avg", "Ratio"]
    assert table["Fold 0"].tolist() == ["*0.200* [224]", "**0.120** [194]", "12.3 [–]"]
    assert table["Fold 1"][2] == "1234 [–]"
    assert table["Avg"][0] == "*0.300 ± 0.141* [206 ± 16]"
    assert table["Ratio"].tolist() == ["1.00 [1.00]", "0.40 [0.97]", "2078.07 [–]"]
    assert devices_of(rows, scores) == ["CPU, float32"]


def test_the_three_formats_hold_the_same_and_escape_names(tmp_path):
    scores = pd.concat([make_scores(tmp_path, DSC), make_scores(tmp_path, TIMES, "time")])
    artefact = ARTEFACT | {"metrics": ["DSC", "time"]}
    cells = table_cells(ROWS, artefact, scores, read_published(PUBLISHED, "wang2021", "3"))
    intervals = interval_rows(ROWS, artefact, scores, EVALUATION, seed=1)
    write_printed(
        tmp_path / "t",
        artefact,
        cells,
        intervals,
        configuration="toy",
        confidence=0.95,
        devices=["CPU, float32"],
    )
    texts = {suffix: (tmp_path / f"t.{suffix}").read_text() for suffix in ("md", "tex", "html")}
    for text in texts.values():
        assert "Configuration: toy." in text
        assert "Trained on: CPU, float32. Lowest is best." in text
        assert "Seconds per training epoch" in text
    assert "**bold**: best, *italic*: second of our means" in texts["md"]
    assert "A_b <new> one" in texts["md"]
    assert r"A\_b <new> one" in texts["tex"]
    assert "A_b &lt;new&gt; one" in texts["html"]
    assert "<title>Four strategies &amp; more</title>" in texts["html"]
    assert texts["html"].count("<table>") == 2


def test_numbers_keep_their_sign_and_their_zeros(tmp_path):
    """A difference of +0.010 stays so in Markdown."""
    scores = make_scores(tmp_path, {"scratch": [[0.683]]})
    artefact = ARTEFACT | {"folds": "average"}
    cells = table_cells(ROWS[:1], artefact, scores, read_published(PUBLISHED, "wang2021", "3"))
    intervals = interval_rows(ROWS[:1], artefact, scores, EVALUATION, seed=1)
    write_printed(
        tmp_path / "t", artefact, cells, intervals, configuration="toy", confidence=0.95, devices=[]
    )
    assert "| +0.010 " in (tmp_path / "t.md").read_text()
