"""Scores of cases, all of them joined, and the papers' tables and figures made of them."""

import csv
import json
import math
import re
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT, make_volume
from covidseg.config.series import Series
from covidseg.errors import InputError
from covidseg.evaluation.metrics import METRICS
from covidseg.evaluation.score_table import COLUMNS, ScoreRow, collect
from covidseg.evaluation.scoring import Score, score_cases, time_scores
from covidseg.evaluation.summary import read_scores
from covidseg.files import write_csv
from covidseg.paper.figures import save_figure
from covidseg.paper.formats import score_page, write_pages
from covidseg.paper.layout import Printer
from covidseg.paper.palette import look_of
from covidseg.paper.tables import read_published, table_cells
from covidseg.paper.uncertainty import Bootstrap, comparison_rows, interval_rows
from covidseg.paper.violin import draw_violins, read_values
from covidseg.training.description import Description
from covidseg.volumes import write_volume

PUBLISHED = ROOT / "config" / "published.csv"
ARTEFACT = {
    "title": "A table of 100 %",
    "published": "1",
    "panels": [{"region": "infection", "split": "test"}],
    "across": "folds",
    "metrics": ["DSC", "NSD"],
    "unit": "fraction",
}
ROWS = [
    Series("Train from scratch", "none", "infection", "test", "scratch"),
    Series("Body Fine-tuning", "MSD", "infection", "test", "body-finetune-msd"),
]
LESIONS = {"minimum_ml": 0.0, "overlap": 0.1}
BOOTSTRAP = Bootstrap(resamples=500, confidence=0.95, seed=1, pixels={}, limits=(0.1, 0.4))


def write_case(folder, name, marked, **geometry):
    array = np.zeros((4, 6, 8), np.uint8)
    array[marked] = 1
    write_volume(folder / f"{name}.nii.gz", make_volume(array, **geometry))


def test_cases_are_scored_against_the_label_of_the_same_name(tmp_path):
    truth, predicted = tmp_path / "labels", tmp_path / "predictions"
    write_case(truth, "a", np.s_[:, :3])
    write_case(truth, "b", np.s_[:0])
    write_case(truth, "untested", np.s_[:])
    write_case(predicted, "a", np.s_[:, :2])
    write_case(predicted, "b", np.s_[:0])
    rows = score_cases(
        predicted, truth, regions={1: "infection"}, classes={1: 1}, tolerance_mm={"infection": 3}, lesions=LESIONS
    )  # fmt: skip
    values = {(row.case, row.metric): row.value for row in rows}
    assert {case for case, _ in values} == {"a", "b"}
    assert values["a", "DSC"] == pytest.approx(2 * 2 / (2 + 3))
    assert values["a", "Sensitivity"] == pytest.approx(2 / 3)
    assert values["a", "Precision"] == 1.0
    assert values["a", "NSD"] == 1.0, "1.5 mm apart, 3 mm tolerated"
    assert values["a", "volume_truth_mL"] == pytest.approx(4 * 3 * 8 * 4.5 / 1000)
    assert math.isnan(values["b", "DSC"])
    assert values["b", "volume_prediction_mL"] == 0.0
    assert {row.region for row in rows} == {"infection"}


def test_a_network_of_several_regions_is_scored_on_those_the_truth_has(tmp_path):
    """Class 3 of the network is the truth's 1; its lungs, 1 and 2, do not count."""
    truth, predicted = np.zeros((4, 6, 8), np.uint8), np.zeros((4, 6, 8), np.uint8)
    truth[:, :3], predicted[:, :2], predicted[:, 2:4], predicted[:, 4:] = 1, 3, 1, 2
    write_volume(tmp_path / "labels" / "a.nii.gz", make_volume(truth))
    write_volume(tmp_path / "predictions" / "a.nii.gz", make_volume(predicted))
    rows = score_cases(
        tmp_path / "predictions", tmp_path / "labels",
        regions={1: "infection", 2: "lesion"}, classes={1: 3}, tolerance_mm={"infection": 3}, lesions=LESIONS,
    )  # fmt: skip
    assert {row.region for row in rows} == {"infection"}
    values = {row.metric: row.value for row in rows}
    assert values["DSC"] == pytest.approx(2 * 2 / (2 + 3))
    assert values["Precision"] == 1.0


def write_lungs(folder, left, right, infection):
    """A label map of both lungs and infection: the number of rows of each, of 6."""
    array = np.zeros((4, 6, 8), np.uint8)
    rows = np.repeat([1, 2, 3], [left, right, infection])
    array[:, : len(rows)] = rows[:, None]
    write_volume(folder / "a.nii.gz", make_volume(array))


@pytest.mark.parametrize(
    ("classes", "shares"),
    [
        # The infection is one label of three: 1 row of 4 is true, 2 rows of 5 are predicted.
        ({1: 1, 2: 2, 3: 3}, {"lung_share_truth": 1 / 4, "lung_share_prediction": 2 / 5}),
        ({3: 3}, {}),  # a model of infection alone
        ({1: 1, 3: 3}, {}),  # one lung is not enough
    ],
)
def test_the_share_of_the_lungs_needs_both_lungs_in_truth_and_prediction(tmp_path, classes, shares):
    write_lungs(tmp_path / "labels", 2, 1, 1)
    write_lungs(tmp_path / "predictions", 1, 2, 2)
    names = {1: "left_lung", 2: "right_lung", 3: "infection"}
    rows = score_cases(
        tmp_path / "predictions", tmp_path / "labels",
        regions=names, classes=classes, tolerance_mm=dict.fromkeys(names.values(), 1), lesions=LESIONS,
    )  # fmt: skip
    found = {row.metric: row.value for row in rows if row.metric.startswith("lung_share")}
    assert found == pytest.approx(shares)
    of_lungs = {row.metric for row in rows if row.region != "infection"}
    assert of_lungs <= set(METRICS), "a lung has no lesions"


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        ({"spacing": (3.0, 1.5, 1.1)}, r"spacing \(3\.0, 1\.5, 1\.0\) and \(3\.0, 1\.5, 1\.1\) mm"),
        ({"origin": (0.0, 0.0, 0.0)}, "position or direction"),
    ],
)
def test_truth_and_prediction_on_different_grids_are_refused(tmp_path, geometry, message):
    write_case(tmp_path / "labels", "a", np.s_[:])
    write_case(tmp_path / "predictions", "a", np.s_[:], **geometry)
    with pytest.raises(InputError, match=rf"a\.nii\.gz: truth and prediction differ in {message}"):
        score_cases(
            tmp_path / "predictions",
            tmp_path / "labels",
            regions={1: "x"},
            classes={1: 1},
            tolerance_mm={"x": 3},
            lesions=LESIONS,
        )


def score_row(experiment, fold, case, metric, value):
    return ScoreRow(
        experiment=experiment, paper="wang2021", strategy="s", source="none", fold=fold,
        dataset="covid20", split="test", case=case, patient=case, region="infection", metric=metric,
        value=value,
    )  # fmt: skip


@pytest.fixture
def scores(tmp_path):
    """Two experiments, two folds, three cases each; one value of the second is undefined."""
    generator = np.random.default_rng(0)
    rows = []
    for experiment, shift in (("scratch", 0.0), ("body-finetune-msd", 0.1)):
        for fold in (0, 1):
            for case in ("a", "b", "c"):
                for metric in ("DSC", "NSD"):
                    value = 0.5 + shift + 0.2 * generator.random()
                    undefined = (experiment, fold, case) == ("body-finetune-msd", 1, "c")
                    rows.append(score_row(experiment, fold, case, metric, math.nan if undefined else value))
    write_csv(tmp_path / "scores.csv", [row.to_csv() for row in rows], columns=COLUMNS)
    return read_scores(tmp_path / "scores.csv")


def test_the_file_has_the_contract_s_columns_and_an_empty_cell_for_undefined(tmp_path):
    row = score_row("scratch", 0, "a", "DSC", math.nan)
    write_csv(tmp_path / "x.csv", [row.to_csv()], columns=COLUMNS)
    header, row = (tmp_path / "x.csv").read_text().splitlines()
    assert header == "experiment,paper,strategy,source,fold,dataset,split,case,patient,region,metric,value"
    assert row == "scratch,wang2021,s,none,0,covid20,test,a,a,infection,DSC,"


def test_time_is_the_median_epoch_and_its_case_the_device(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,seconds\n0,9.0\n1,2.0\n2,3.0\n")
    (tmp_path / "model.json").write_text(json.dumps(Description(device="a GPU, bfloat16").to_json()))
    rows = time_scores(tmp_path / "log.csv", tmp_path / "model.json")
    assert rows == [Score("a GPU, bfloat16", "", "time", 3.0)]


def test_a_training_that_was_not_timed_has_no_row_of_its_time(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,seconds\n0,\n1,\n")
    (tmp_path / "model.json").write_text(json.dumps(Description(device="a GPU, bfloat16").to_json()))
    assert time_scores(tmp_path / "log.csv", tmp_path / "model.json") == []


def test_collect_joins_and_refuses_other_columns(tmp_path):
    for number, value in enumerate((0.25, 0.5)):
        row = score_row("scratch", number, "a", "DSC", value)
        write_csv(tmp_path / f"{number}.csv", [row.to_csv()], columns=COLUMNS)
    collect([tmp_path / "0.csv", tmp_path / "1.csv"], tmp_path / "all.csv")
    with open(tmp_path / "all.csv", newline="") as file:
        joined = list(csv.DictReader(file))
    assert [row["value"] for row in joined] == ["0.25", "0.5"]
    assert list(joined[0]) == [column.name for column in fields(ScoreRow)]
    (tmp_path / "2.csv").write_text("experiment,value\nscratch,1\n")
    with pytest.raises(InputError, match=r"2\.csv: columns experiment,value"):
        collect([tmp_path / "0.csv", tmp_path / "2.csv"], tmp_path / "all.csv")


def test_cells_pool_folds_and_stand_beside_the_published(scores):
    published = read_published(PUBLISHED, "wang2021", "1")
    cells = table_cells(ROWS, ARTEFACT, scores, published)
    assert list(cells.columns) == [
        "row", "source", "fold", "region", "split", "metric", "unit",
        "ours_mean", "ours_std", "published_mean", "published_std", "difference", "n",
        "published_in", "status", "left_out", "experiment",
    ]  # fmt: skip
    assert (set(cells.status), set(cells.left_out)) == ({"run"}, {""})
    assert len(cells) == 2 * 2 * 3
    selected = scores[(scores.experiment == "scratch") & (scores.metric == "DSC")]
    first = cells[(cells.source == "none") & (cells.metric == "DSC")].set_index("fold")
    assert first.ours_mean["0"] == pytest.approx(selected[selected.fold == "0"].value.mean())
    assert first.ours_mean["avg"] == pytest.approx(selected.value.mean())
    assert first.ours_std["avg"] == pytest.approx(selected.value.std(ddof=1))
    assert first.n["avg"] == 3, "patients"
    assert (first.published_mean["0"], first.published_std["0"]) == (0.681, 0.205)
    assert (first.published_mean["avg"], first.published_std["avg"]) == (0.673, 0.223)
    assert first.difference["0"] == pytest.approx(first.ours_mean["0"] - 0.681)
    assert cells[(cells.source == "MSD") & (cells.fold == "1")].n.tolist() == [2, 2]


def test_percent_scales_ours(scores):
    cells = table_cells(
        ROWS, ARTEFACT | {"unit": "percent"}, scores, read_published(PUBLISHED, "ma2021", "IV")
    )
    assert 50 < cells.ours_mean.min() < 100
    assert cells.published_mean.isna().all()


def test_a_published_number_never_becomes_ours(scores):
    nothing = scores[scores.experiment == "none of them"]
    cells = table_cells(ROWS, ARTEFACT, nothing, read_published(PUBLISHED, "wang2021", "1"))
    assert cells.published_mean.notna().all()
    assert cells.ours_mean.isna().all()
    assert cells.ours_std.isna().all()
    assert cells.difference.isna().all()
    assert (cells.n == 0).all()


# Cells that stand in the paper and were lost in its text (published_errata.md, D).
LOST = {
    ("table6", "Task2-MSD", "in_domain", "DSC"),
    ("table6", "Task2-MSD", "in_domain", "NSD"),
    ("table6", "Task2-MSD", "test", "DSC"),
    ("table6", "Task2-MSD", "test", "NSD"),
    ("table9", "Task3-MSD", "test", "DSC"),
}


@pytest.mark.parametrize(
    ("paper", "table", "count"),
    [
        ("wang2021", "table1", 14 * 6 * 2),
        ("wang2021", "table2", 14 * 3),
        ("wang2021", "table3", 5 * 6 * 4),
        ("wang2020", "table1", 14 * 6 * 2),
        ("wang2020", "table2", 14 * 3),
        ("wang2020", "table3", 5 * 6 * 4),
        ("zhang2021", "table2", 4 * 6 * 2),
        ("zhang2021", "table3", 6 * 6 * 2),
        ("ma2021", "table4", 2 * 3 * 6 * 2),
        ("ma2021", "table5", 2 * 4 * 2),
        ("ma2021", "table6", 3 * 2 * 2),
        ("ma2021", "table7", 2 * 4 * 6 * 2),
        ("ma2021", "table8", 3 * 2 * 6 * 2),
        ("ma2021", "table9", (8 * 2 + 6 * 2) * 2),
        ("ma2021", "table10", (8 * 2 + 6 * 2) * 4),
    ],
)
def test_every_published_cell_has_its_place(config, paper, table, count):
    """Series x folds (and their average) x metrics: ours are the published ones, no more and no fewer."""
    artefact = config.artefacts[paper][table]
    folds = ["avg"] if artefact.get("folds") == "average" else ["0", "1", "2", "3", "4", "avg"]
    places = [
        (
            one.row, one.source, fold, one.region, one.split, metric,
            "seconds" if metric == "time" else artefact["unit"],
        )
        for one in config.series(artefact)
        for metric in artefact["metrics"]
        for fold in folds
        if (table, one.row, one.split, metric) not in (LOST if paper == "ma2021" else ())
    ]  # fmt: skip
    lost = [key for key in LOST if paper == "ma2021" and key[0] == table]
    assert len(places) == count - len(lost)
    assert sorted(places) == sorted(read_published(PUBLISHED, paper, artefact["published"]).index)


def test_every_published_number_of_the_localisers_has_its_place(config):
    """The text prints five; ours are more: VA-GAN has no printed number, nor has Dice at one threshold."""
    artefact = config.artefacts["yang2021"]["numbers"]
    places = {
        (one.row, one.source, "avg", one.region, one.split, metric, artefact["unit"])
        for one in config.series(artefact)
        for metric in artefact["metrics"]
    }
    published = read_published(PUBLISHED, "yang2021", artefact["published"])
    assert len(published) == 5
    assert set(published.index) <= places


def test_the_published_numbers_are_the_reference_s():
    reference = ROOT.parent / "shared" / "reference"
    if not reference.exists():
        pytest.skip("no reference beside the checkout")
    assert PUBLISHED.read_bytes() == (reference / "published.csv").read_bytes()
    ours, theirs = (
        (folder / "published_errata.md").read_text().splitlines() for folder in (ROOT / "config", reference)
    )
    rows = [line for line in theirs if line.startswith("|")]
    assert [line for line in ours if line.startswith("|")] == rows, "the tables of misprints"
    assert sum(one != other for one, other in zip(ours[5:], theirs[6:], strict=True)) == 4, "words alone"


def test_printed_table_is_laid_out_as_the_paper_s(scores):
    cells = table_cells(ROWS, ARTEFACT, scores, read_published(PUBLISHED, "wang2021", "1"))
    intervals = interval_rows(ROWS, ARTEFACT, scores, BOOTSTRAP)
    table = Printer.of(cells, intervals).by_fold("DSC")
    assert table.columns.tolist() == [
        "Method",
        "Source",
        "Fold 0",
        "Fold 1",
        "Avg",
        "Difference",
        "CI",
        "n",
    ]
    assert re.fullmatch(r"0\.\d{3} ± 0\.\d{3} \[0\.681 ± 0\.205\]", str(table["Fold 0"][0]))
    assert table["n"].tolist() == [3, 3], "patients"
    assert intervals["undefined"].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("name", ["phantom", "paper"])
def test_files_name_the_configuration(scores, tmp_path, name):
    cells = table_cells(ROWS, ARTEFACT, scores, read_published(PUBLISHED, "wang2021", "1"))
    intervals = interval_rows(ROWS, ARTEFACT, scores, BOOTSTRAP)
    page = score_page(
        ARTEFACT,
        cells,
        intervals,
        config_name=name,
        phantom=name == "phantom",
        confidence=0.95,
        devices=[],
        remarks=[],
    )
    write_pages(tmp_path / "table1", ARTEFACT["title"], page)
    for suffix in (".md", ".tex", ".html"):
        text = (tmp_path / f"table1{suffix}").read_text()
        assert f"Configuration: {name}." in text
        assert ("cannot be compared" in text) == (name == "phantom")
    latex = (tmp_path / "table1.tex").read_text()
    assert latex.count(r"\begin{table*}") == 2
    assert "±" not in latex
    assert not re.search(r"(?<!\\)%", latex.split(r"\fi", 1)[1])
    write_csv(tmp_path / "table1.csv", cells, digits=9)
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "table1.csv", keep_default_na=False, dtype={"fold": str}).astype(cells.dtypes),
        cells,
    )


def test_paired_tests_count_patients_and_not_folds(scores):
    rows = comparison_rows(ROWS, ARTEFACT, scores, BOOTSTRAP)
    assert rows["n"].tolist() == [3, 3]
    assert (rows["median_difference"] < 0).all()


def test_violins_show_every_patient_and_give_the_same_bytes(scores, tmp_path):
    """A patient's point is the mean over the folds that test the patient."""
    values = read_values(scores, ROWS, ARTEFACT["metrics"])
    assert [len(found) for found in values.values()] == [3, 3, 3, 3]
    looks = {one.experiment: look_of("scratch", "none") for one in ROWS}
    for name in ("one", "two"):
        artefact = ARTEFACT | {"title": "Violins"}
        figure = draw_violins(values, looks, artefact, config_name="phantom", remarks=[])
        assert "Configuration: phantom" in figure.get_supxlabel()
        save_figure(figure, tmp_path / name)
    for suffix in (".svg", ".png", ".pdf"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    assert (tmp_path / "one.svg").read_text().count(">n=3<") == 4, "n of each violin"
