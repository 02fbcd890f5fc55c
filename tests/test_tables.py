"""The printed tables: marks of the best, the average alone, seconds per epoch, three formats."""

import dataclasses
import itertools
import math

import pandas as pd
import pytest
import yaml

from conftest import ROOT
from covidseg.config.loading import load_configuration
from covidseg.config.remarks import find_remarks
from covidseg.config.series import Series
from covidseg.evaluation.summary import read_scores
from covidseg.paper import latex
from covidseg.paper.artefact import Artefact
from covidseg.paper.cells import Cell
from covidseg.paper.formats import score_page, write_pages
from covidseg.paper.layout import Printer, lay_out
from covidseg.paper.markdown import write_cell
from covidseg.paper.scores_table import make
from covidseg.paper.tables import devices_of, read_published, select, table_cells
from covidseg.paper.uncertainty import Bootstrap, comparison_rows, interval_rows
from covidseg.paper.web import write_html

PUBLISHED = ROOT / "config" / "published.csv"
BOOTSTRAP = Bootstrap(resamples=100, confidence=0.95, seed=1, pixels={}, limits=(0.1, 0.4))
ARTEFACT = {
    "title": "Four strategies & more",
    "panels": [{"region": "infection", "split": "test"}],
    "across": "folds",
    "metrics": ["DSC"],
    "unit": "fraction",
}
ROWS = [
    Series("Train from scratch", "none", "infection", "test", "scratch"),
    Series("Continual Learning", "Multi-lesion", "infection", "test", "continual-multi"),
    Series("Body Fine-tuning", "Multi-lesion", "infection", "test", "body-finetune-multi"),
    Series("A_b <new> one", "none", "infection", "test", "new"),
]


def make_scores(tmp_path, values, metric="DSC"):
    """Return scores by experiment: a list per fold of the cases' values."""
    timed = metric == "time"
    rows = [
        {
            "experiment": experiment, "fold": fold, "split": "" if timed else "test",
            "case": "CPU, float32" if timed else f"case_{number}", "region": "" if timed else "infection",
            "patient": "" if timed else f"case_{number}", "metric": metric, "value": value, "dataset": "covid20",
        }
        for experiment, folds in values.items()
        for fold, cases in enumerate(folds)
        for number, value in enumerate(cases)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "scores.csv", index=False)
    return read_scores(tmp_path / "scores.csv")


def make_table(scores, metric, rows=ROWS, table="3", **changes):
    """Return the table of a metric, with its cells as Markdown."""
    artefact = ARTEFACT | {"metrics": [metric]} | changes
    cells = table_cells(rows, artefact, scores, read_published(PUBLISHED, "wang2021", table))
    intervals = interval_rows(rows, artefact, scores, BOOTSTRAP)
    return Printer.of(cells, intervals).by_fold(metric).map(write_cell)


DSC = {
    "scratch": [[0.4], [0.5004]],
    "continual-multi": [[0.6], [0.4996]],
    "body-finetune-multi": [[0.6], [math.nan]],
    "new": [[0.3], [0.2]],
}


def test_best_and_second_of_each_column_are_marked_and_ties_share_a_mark(tmp_path):
    """Fold 0: 0.4, 0.6, 0.6, 0.3; fold 1: two that both print 0.500, none, 0.2; Avg: 0.4502, 0.5498, 0.6, 0.25."""
    table = make_table(make_scores(tmp_path, DSC), "DSC")
    ours = table.map(lambda text: str(text).split(" [")[0])
    assert ours["Fold 0"].tolist() == ["<u>0.400</u>", "**0.600**", "**0.600**", "0.300"]
    assert ours["Fold 1"].tolist() == ["**0.500**", "**0.500**", "–", "<u>0.200</u>"]
    assert [text.split(" ±")[0] for text in ours["Avg"]] == ["0.450", "<u>0.550</u>", "**0.600**", "0.250"]
    assert table["Fold 0"][0].endswith(" [0.681 ± 0.205]"), "the published number bears no mark"


def test_one_row_bears_no_mark(tmp_path):
    table = make_table(make_scores(tmp_path, DSC), "DSC", rows=ROWS[:1])
    assert "*" not in table.to_string()
    assert "<u>" not in table.to_string()


def test_marks_are_bold_and_underlined_in_every_format(tmp_path):
    """Never by colour alone; only the mean bears the mark, and the published number stands below ours."""
    best, second = Cell("0.600 ± 0.100", "0.709 ± 0.209", "best"), Cell("0.4", "–", "second")
    assert write_cell(best) == "**0.600** ± 0.100 [0.709 ± 0.209]"
    assert write_cell(second) == "<u>0.4</u> [–]"
    assert latex.write_cell(best) == r"\textbf{0.600}\,$\pm$\,0.100\linebreak{}[0.709\,$\pm$\,0.209]"
    assert latex.write_cell(second) == r"\underline{0.4}\linebreak{}[--]"
    page = write_html("t", ["note"], {"DSC": pd.DataFrame({"Method": ["a", "b"], "Avg": [best, second]})})
    page = page.replace("\xa0", " ")
    assert '<b>0.600</b> ± 0.100<span class="other">[0.709 ± 0.209]</span></td>' in page
    assert '<u>0.4</u><span class="other">[–]</span></td>' in page


def test_the_average_alone_with_as_many_decimals_as_the_paper_prints(tmp_path):
    scores = make_scores(tmp_path, {"scratch": [[0.62]], "body-finetune-multi": [[0.6]]}, "Sensitivity")
    rows = [ROWS[0], ROWS[2]]
    table = make_table(scores, "Sensitivity", rows, table="2", folds="average")
    assert table.columns.tolist() == ["Method", "Source", "Avg", "Difference", "CI", "n"]
    assert table["Avg"][0] == "**0.6200** [0.6204 ± 0.2369]"
    assert table["Difference"][0] == "−0.0004"


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
    assert interval_rows(rows, artefact, scores, BOOTSTRAP).empty
    assert comparison_rows(rows, artefact, scores, BOOTSTRAP).empty
    table = make_table(scores, "time", rows)
    assert table.columns.tolist() == ["Method", "Source", "Fold 0", "Fold 1", "Avg", "Ratio"]
    assert table["Fold 0"].tolist() == ["<u>0.200</u> [224]", "**0.120** [194]", "12.3 [–]"]
    assert table["Fold 1"][2] == "1234 [–]"
    assert table["Avg"][0] == "<u>0.300</u> ± 0.141 [206 ± 16]"
    assert table["Ratio"].tolist() == ["1.00 [1.00]", "0.40 [0.97]", "2078.07 [–]"]
    assert devices_of(rows, scores) == ["CPU, float32"]


def test_times_that_the_configuration_leaves_out_are_said_to_be_left_out(tmp_path):
    scores = make_scores(tmp_path, {"scratch": [[0.4], [0.5]], "continual-multi": [[0.6], [0.7]]})
    rows = [dataclasses.replace(row, folds=2) for row in ROWS[:2]]
    artefact = ARTEFACT | {"metrics": ["DSC", "time"]}
    cells = table_cells(rows, artefact, scores, read_published(PUBLISHED, "wang2021", "3"))
    times = cells[cells.metric == "time"]
    assert times.fold.tolist() == 2 * ["0", "1", "avg"]
    assert set(times.status) == {"not timed"}
    assert times.ours_mean.isna().all()
    assert set(cells[cells.metric == "DSC"].status) == {"run"}
    intervals = interval_rows(rows, artefact, scores, BOOTSTRAP)
    table = Printer.of(cells, intervals).by_fold("time").map(write_cell)
    assert table["Fold 0"].tolist() == ["not timed [224]", "not timed [194]"]
    assert table["Avg"][0] == "not timed [206 ± 16]"
    assert table["Ratio"].tolist() == ["not timed [1.00]", "not timed [0.97]"]
    shown = {"config_name": "toy", "phantom": True, "confidence": 0.95, "remarks": []}
    page = score_page(artefact, cells, intervals, devices=devices_of(rows, scores), **shown)
    write_pages(tmp_path / "t", artefact["title"], page)
    for suffix in ("md", "tex", "html"):
        assert (
            "No training was timed: a configuration with timed: false"
            in (tmp_path / f"t.{suffix}").read_text()
        )


def test_the_three_formats_hold_the_same_and_escape_names(tmp_path):
    scores = pd.concat([make_scores(tmp_path, DSC), make_scores(tmp_path, TIMES, "time")])
    artefact = ARTEFACT | {"metrics": ["DSC", "time"]}
    cells = table_cells(ROWS, artefact, scores, read_published(PUBLISHED, "wang2021", "3"))
    intervals = interval_rows(ROWS, artefact, scores, BOOTSTRAP)
    page = score_page(
        artefact,
        cells,
        intervals,
        config_name="toy",
        phantom=True,
        confidence=0.95,
        devices=["CPU, float32"],
        remarks=["One patient is everywhere."],
    )
    write_pages(tmp_path / "t", artefact["title"], page)
    texts = {suffix: (tmp_path / f"t.{suffix}").read_text() for suffix in ("md", "tex", "html")}
    for text in texts.values():
        assert "Configuration: toy." in text
        assert "Trained on: CPU, float32. The fewest seconds are best;" in text
        assert "One patient is everywhere." in text
        assert "Seconds per training epoch" in text
        assert "bold: best, underlined: second of our means" in text
    assert r"A_b \<new\> one" in texts["md"]
    assert r"A\_b \textless{}new\textgreater{} one" in texts["tex"]
    assert r"\caption{Four strategies \& more: DSC}" in texts["tex"]
    assert texts["tex"].count(r"\begin{tabular}") == texts["tex"].count(r"\end{tabular}") == 2
    assert "A_b &lt;new&gt; one" in texts["html"]
    assert "<title>Four strategies &amp; more</title>" in texts["html"]
    assert texts["html"].count("<table>") == 2


def test_numbers_keep_their_sign_and_their_zeros(tmp_path):
    """A difference of +0.010 stays so in Markdown."""
    scores = make_scores(tmp_path, {"scratch": [[0.683]]})
    artefact = ARTEFACT | {"folds": "average"}
    cells = table_cells(ROWS[:1], artefact, scores, read_published(PUBLISHED, "wang2021", "3"))
    intervals = interval_rows(ROWS[:1], artefact, scores, BOOTSTRAP)
    page = score_page(
        artefact,
        cells,
        intervals,
        config_name="toy",
        phantom=False,
        confidence=0.95,
        devices=[],
        remarks=[],
    )
    write_pages(tmp_path / "t", artefact["title"], page)
    assert "| +0.010 " in (tmp_path / "t.md").read_text()


@pytest.mark.parametrize(
    ("ours", "text"), [(0.6726, "-0.0004"), (0.673, "0.000"), (0.6735, "+0.0005"), (0.7, "+0.027")]
)
def test_a_small_difference_keeps_its_sign(tmp_path, ours, text):
    """The published mean is 0.673."""
    scores = make_scores(tmp_path, {"scratch": [[ours]]})
    table = make_table(scores, "DSC", ROWS[:1], folds="average")
    assert table["Difference"][0] == text.replace("-", "−")


def panel_scores(values):
    """Return scores.csv of (experiment, region, split) -> a list per fold of the cases' values."""
    rows = [
        {
            "experiment": experiment, "fold": str(fold), "split": split, "case": f"case_{number}",
            "patient": f"case_{number}", "region": region, "metric": metric, "value": value,
        }
        for (experiment, region, split), folds in values.items()
        for metric in ("DSC", "Sensitivity")
        for fold, cases in enumerate(folds)
        for number, value in enumerate(cases)
    ]  # fmt: skip
    return pd.DataFrame(rows)


PANELS = ARTEFACT | {
    "panels": [{"region": "left_lung", "split": "test"}, {"region": "infection", "split": "mosmed"}],
    "across": "panels",
    "metrics": ["DSC", "Recall", "Sensitivity"],
    "unit": "percent",
}
PANEL_SERIES = [
    Series("Task1-Separate", "none", "left_lung", "test", "task1-lung"),
    Series("Task1-Separate", "none", "infection", "mosmed", "scratch"),
    Series("Task2-MSD", "MSD", "infection", "mosmed", "task2-msd"),
]
PANEL_SCORES = {
    ("task1-lung", "left_lung", "test"): [[0.8, 0.9], [0.7]],
    ("scratch", "infection", "mosmed"): [[0.2, 0.4], [0.6, 0.8]],
    ("task2-msd", "infection", "mosmed"): [[0.3, 0.9]],
}


def test_one_column_per_panel_and_metric_and_one_row_per_method_and_fold():
    """By hand: folds 85 and 70, pooled 80; 30 and 70, pooled 50; 60."""
    scores = panel_scores(PANEL_SCORES)
    published = read_published(PUBLISHED, "ma2021", "IX")
    cells = table_cells(PANEL_SERIES, PANELS, scores, published)
    intervals = interval_rows(PANEL_SERIES, PANELS, scores, BOOTSTRAP)
    tables = lay_out(Printer.of(cells, intervals), PANELS)
    tables = {heading: table.map(write_cell) for heading, table in tables.items()}
    assert list(tables) == ["DSC and Recall", "Sensitivity", "Averages"]
    table = tables["DSC and Recall"]
    assert table.columns.tolist() == [
        ("", "Method"), ("", "Fold"), ("Left lung (test)", "DSC"), ("Left lung (test)", "Recall"),
        ("Infection (MosMed)", "DSC"), ("Infection (MosMed)", "Recall"),
    ]  # fmt: skip
    assert table["", "Method"].tolist() == ["Task1-Separate"] * 3 + ["Task2-MSD"] * 2
    assert table["", "Fold"].tolist() == ["Fold 0", "Fold 1", "Avg", "Fold 0", "Avg"]
    lungs = [text.split(" ")[0] for text in table["Left lung (test)", "DSC"]]
    assert lungs == ["85.0", "70.0", "80.0", "–", "–"], "Task2-MSD segments no lung"
    infection = [text.split(" [")[0] for text in table["Infection (MosMed)", "DSC"]]
    assert infection[:2] == ["<u>30.0</u> ± 14.1", "70.0 ± 14.1"], "fold 1 has one mean, which is not marked"
    assert infection[2:] == ["<u>50.0</u> ± 25.8", "**60.0** ± 42.4", "**60.0** ± 42.4"]
    averages = tables["Averages"]
    assert averages["Panel"].tolist() == ["Left lung (test)"] * 3 + ["Infection (MosMed)"] * 6
    first = averages.iloc[3]
    assert (first["Metric"], first["n"]) == ("DSC", "2")
    assert first["Avg"] == "<u>50.0</u> ± 25.8 [58.8 ± 20.6]"
    assert first["Difference"] == "−8.8"
    assert [20 <= float(part) <= 80 for part in first["CI"].split(" to ")] == [True, True]


def test_a_series_has_the_scores_of_its_own_experiment_metric_region_and_split():
    """Of three each, which come before and after it in the alphabet."""
    columns = {
        "experiment": ["scratch", "a", "z"],
        "metric": ["DSC", "Accuracy", "NSD"],
        "region": ["infection", "effusion", "left_lung"],
        "split": ["mosmed", "a", "test"],
    }
    rows = pd.DataFrame(itertools.product(*columns.values()), columns=list(columns))
    (one,) = select(rows, PANEL_SERIES[1], "DSC").itertuples(index=False)
    assert tuple(one) == ("scratch", "DSC", "infection", "mosmed")


def test_recall_is_sensitivity_under_its_other_name():
    cells = table_cells(
        PANEL_SERIES, PANELS, panel_scores(PANEL_SCORES), read_published(PUBLISHED, "ma2021", "X")
    )
    recall, sensitivity = (
        cells[cells.metric == metric].reset_index(drop=True) for metric in ("Recall", "Sensitivity")
    )
    assert recall.ours_mean.tolist() == sensitivity.ours_mean.tolist()
    published = recall[(recall.row == "Task2-MSD") & (recall.fold == "avg")].iloc[0]
    assert (published.published_mean, published.published_std) == (13.1, 22.9)


def test_a_model_without_folds_is_compared_by_patient_as_well():
    """Means over folds 0.4 and 0.6, against the one model's 0.3 and 0.9."""
    tests = comparison_rows(
        PANEL_SERIES, PANELS | {"metrics": ["DSC"]}, panel_scores(PANEL_SCORES), BOOTSTRAP
    )
    assert len(tests) == 1, "within a panel, and the lungs have one method"
    row = tests.iloc[0]
    assert (row.region, row.split, row.a, row.b, row.n) == ("infection", "mosmed", "scratch", "task2-msd", 2)
    assert (row.difference, row.median_difference) == pytest.approx((-10, -10)), "per cent"


@pytest.mark.parametrize("suffix", ["md", "tex", "html"])
def test_panels_stand_above_their_metrics_in_every_format(tmp_path, suffix):
    scores = panel_scores(PANEL_SCORES)
    cells = table_cells(PANEL_SERIES, PANELS, scores, read_published(PUBLISHED, "ma2021", "IX"))
    intervals = interval_rows(PANEL_SERIES, PANELS, scores, BOOTSTRAP)
    page = score_page(
        PANELS,
        cells,
        intervals,
        config_name="toy",
        phantom=True,
        confidence=0.95,
        devices=[],
        remarks=[],
    )
    write_pages(tmp_path / "t", PANELS["title"], page)
    text = (tmp_path / f"t.{suffix}").read_text()
    expected = {
        "md": ["| Method ", "| Left lung (test): DSC ", "| Infection (MosMed): Recall "],
        "tex": [r"\multicolumn{2}{c}{Left lung (test)} & \multicolumn{2}{c}{Infection (MosMed)}"],
        "html": ['colspan="2">Left lung (test)</th>', ">Recall</th>"],
    }
    for part in expected[suffix]:
        assert part in text


BY_METHOD = [
    Series("Train from scratch", "none", "infection", "test", "scratch"),
    Series("Body Fine-tuning", "MSD", "infection", "test", "body-finetune-msd"),
    Series("Body Fine-tuning", "Multi-lesion", "infection", "test", "body-finetune-multi"),
    Series("Hybrid-encoder", "Multi-lesion", "infection", "test", "hybrid-multi"),
]


def test_the_best_of_each_method_is_marked_alone(tmp_path):
    """As in wang2020 and wang2021: no mark for a method with one source, none for a second best."""
    values = {
        "scratch": [[0.9]],
        "body-finetune-msd": [[0.4]],
        "body-finetune-multi": [[0.5]],
        "hybrid-multi": [[0.7]],
    }
    scores = make_scores(tmp_path, values)
    artefact = ARTEFACT | {"best": "method", "folds": "average"}
    cells = table_cells(BY_METHOD, artefact, scores, read_published(PUBLISHED, "wang2021", "1"))
    intervals = interval_rows(BY_METHOD, artefact, scores, BOOTSTRAP)
    table = Printer.of(cells, intervals, best="method").by_fold("DSC").map(write_cell)
    ours = [text.split(" [")[0] for text in table["Avg"]]
    assert ours == ["0.900", "0.400", "**0.500**", "0.700"]
    assert table["CI"].tolist() == 4 * ["–"], "one patient has no interval"
    shown = {"config_name": "toy", "phantom": False, "confidence": 0.95, "devices": [], "remarks": []}
    notes, tables = score_page(artefact, cells, intervals, **shown)
    assert "bold: best of our means of a method in the column." in notes[0]
    assert tables["DSC"]["Avg"][3].mark == ""


@pytest.mark.parametrize("paper", ["wang2020", "wang2021"])
def test_wang_s_tables_of_sources_mark_the_best_of_each_strategy_and_zhang_s_of_all(config, paper):
    marked = {name: artefact.get("best", "all") for name, artefact in config.artefacts[paper].items()}
    assert [marked[f"table{number}"] for number in (1, 2, 3)] == ["method", "method", "all"]
    assert all("best" not in artefact for artefact in config.artefacts["zhang2021"].values())


FILLED = {  # published_errata.md, D: lost in the text of the table, but printed in another
    "table6": {("Task2-MSD", "DSC"): (25.2, 27.4, "IX"), ("Task2-MSD", "NSD"): (26.0, 28.5, "IX")},
    "table9": {("Task3-MSD", "DSC"): (62.3, 25.7, "VIII")},
}


def test_no_other_table_is_filled_from_elsewhere(config):
    filled = {
        (paper, name)
        for paper, artefacts in config.artefacts.items()
        for name, artefact in artefacts.items()
        if "elsewhere" in artefact
    }
    assert filled == {("ma2021", name) for name in FILLED}


@pytest.mark.parametrize("name", FILLED)
def test_cells_that_the_paper_prints_elsewhere_are_filled_and_marked(config, name):
    artefact = config.artefacts["ma2021"][name]
    published = read_published(PUBLISHED, "ma2021", artefact["published"], artefact["elsewhere"])
    nothing = panel_scores(PANEL_SCORES).iloc[:0]
    cells = table_cells(config.series(artefact), artefact, nothing, published)
    filled = cells[cells.published_in != ""]
    found = {
        (cell.row, cell.metric): (cell.published_mean, cell.published_std, cell.published_in)
        for cell in filled.itertuples()
    }
    assert found == FILLED[name]
    assert set(zip(filled.region, filled.split, strict=True)) == {("infection", "test")}
    intervals = interval_rows([], artefact, nothing, BOOTSTRAP)
    shown = {"config_name": "toy", "phantom": False, "confidence": 0.95, "devices": [], "remarks": []}
    notes, tables = score_page(artefact, cells, intervals, **shown)
    text = tables["DSC and NSD"].to_string()
    assert text.count("†") == len(FILLED[name])
    for mean, std, table in FILLED[name].values():
        assert f"[{mean} ± {std}†]" in text
        assert f"†: missing in this table of the paper, taken from Table {table}." in notes


def test_pages_with_times_say_what_the_papers_times_are_of(tmp_path):
    scores = make_scores(tmp_path, TIMES, "time")
    artefact = ARTEFACT | {"metrics": ["time"]}
    cells = table_cells(ROWS, artefact, scores, read_published(PUBLISHED, "wang2021", "3"))
    assert cells[cells.fold == "avg"].n.tolist()[:2] == [2, 2], "folds"
    shown = {"config_name": "toy", "phantom": False, "confidence": 0.95, "devices": ["CPU"], "remarks": []}
    notes, _ = score_page(artefact, cells, interval_rows(ROWS, artefact, scores, BOOTSTRAP), **shown)
    assert any("include the 50 validation batches of nnU-Net's epoch" in note for note in notes)


def test_a_patch_that_the_network_cannot_take_is_told_only_where_it_is_so(config):
    """wang2021 4.2 states 50x160x192; the network halves z three times. The phantom's halves it once."""
    path = ROOT / "config" / "paper.yaml"
    paper = load_configuration(yaml.safe_load(path.read_text()), str(path), ROOT / "config")
    told = [
        f"{key} {name}"
        for key, artefacts in paper.artefacts.items()
        for name, artefact in artefacts.items()
        if any("patches of 50x160x192 voxels; the network's strides do not divide 50" in remark
               and "patches of 56x160x192" in remark for remark in find_remarks(paper, artefact))
    ]  # fmt: skip
    assert told == [f"{key} table{number}" for key in ("wang2021", "wang2020") for number in (1, 2, 3)]
    remarks = [find_remarks(config, artefact) for artefact in config.artefacts["wang2021"].values()]
    assert "patches" not in str(remarks)


def test_slices_say_who_counts_as_a_patient(config):
    for name, artefact in config.artefacts["yang2021"].items():
        told = any(
            "published slices do not tell the patient" in text for text in find_remarks(config, artefact)
        )
        assert told == (name in ("numbers", "ranking"))


@pytest.mark.parametrize("phantom", [True, False], ids=["phantom", "papers"])
def test_a_difference_is_printed_only_where_the_numbers_can_be_compared(tmp_path, phantom):
    """0.683 in the one case, 0.673 in the paper."""
    make_scores(tmp_path, {"scratch": [[0.683]]})
    inputs = {"scores": [tmp_path / "scores.csv"], "published": [PUBLISHED], "pixels": []}
    parameters = {"bootstrap": 100, "confidence": 0.95, "seed": 1, "threshold_range": [0.1, 0.4]}
    artefact = Artefact(
        base=tmp_path / "table1",
        paper="wang2021",
        entry=ARTEFACT | {"title": "Table 1 of wang2021: Some", "published": "1", "folds": "average"},
        config_name="toy",
        remarks=[],
        inputs=inputs,
        parameters=parameters | {"series": [dataclasses.astuple(ROWS[0])], "phantom": phantom},
        tables={"table1": "Table 1", "table2": "Table 2"},
        files=["table1.csv", "table1.html"],
    )
    make(artefact)
    sheet = pd.read_csv(tmp_path / "table1.csv")
    assert sheet["experiment"].tolist() == ["scratch"]
    assert sheet["difference"].isna().all() == phantom
    for suffix in ("md", "tex", "html"):
        text = (tmp_path / f"table1.{suffix}").read_text()
        assert "Table 1 of wang2021: Some (fractions; best and second per column)" in text
        assert ("+0.010" in text) != phantom
        assert ("Difference" in text) != phantom
        assert ("no difference is printed" in text) == phantom
    assert '<a href="table2.html">Table 2</a>' in text
    assert '<span aria-current="page">Table 1</span>' in text
