"""The table of volumes and lesions: units, marks, signs, columns without values, and the notes."""

import math

import pandas as pd
import pytest

from conftest import ROOT
from covidseg.config.schemas import read_schema
from covidseg.config.series import Series
from covidseg.evaluation.lesion_metrics import LESION_METRICS, LUNG_SHARES
from covidseg.evaluation.summary import read_scores
from covidseg.paper.artefact import Artefact
from covidseg.paper.measures import MEASURES, measure_of
from covidseg.paper.tables import table_cells
from covidseg.paper.uncertainty import Bootstrap, comparison_rows, interval_rows
from covidseg.paper.volumes_table import describe_rule, make, volumes_page

SERIES = [
    Series("A", "none", "infection", "test", "a"),
    Series("B", "MSD", "infection", "test", "b"),
    Series("C", "none", "infection", "test", "c", runs=False),
]
METRICS = [
    "volume_truth_mL", "volume_error_mL", "volume_error_absolute_mL", "volume_error_relative",
    "volume_false_positive_mL", "lesion_F1",
]  # fmt: skip
ENTRY = {
    "kind": "volumes",
    "title": "Volumes",
    "panels": [{"region": "infection", "split": "test"}],
    "metrics": METRICS,
    "unit": "percent",
}
BOOTSTRAP = Bootstrap(resamples=100, confidence=0.95, seed=1, pixels={}, limits=(0.1, 0.4))
# Metric -> values of two cases by experiment.
VALUES = {
    "volume_truth_mL": {"a": (10, 30), "b": (10, 30)},
    "volume_error_mL": {"a": (-1, -3), "b": (-5, 9)},
    "volume_error_absolute_mL": {"a": (1, 3), "b": (5, 9)},
    "volume_error_relative": {"a": (-0.1, -0.1), "b": (-0.5, 0.3)},
    "volume_false_positive_mL": {"a": (math.nan, math.nan), "b": (math.nan, math.nan)},
    "lesion_F1": {"a": (0.5, 0.25), "b": (1.0, math.nan)},
}


def write_scores(folder, panels=(("infection", "test"),)):
    rows = [
        {
            "experiment": experiment, "fold": "0", "dataset": "d", "case": case, "patient": case,
            "region": region, "split": split, "metric": metric, "value": value,
        }
        for region, split in panels
        for metric, by_experiment in VALUES.items()
        for experiment, values in by_experiment.items()
        for case, value in zip("xy", values, strict=True)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "scores.csv", index=False)
    return folder / "scores.csv"


def make_page(folder):
    entry, scores = ENTRY | {"folds": "average"}, read_scores(write_scores(folder))
    cells = table_cells(SERIES, entry, scores, published=pd.DataFrame())
    intervals = interval_rows(SERIES, entry, scores, BOOTSTRAP)
    return volumes_page(cells, intervals, ["Above.", "Below."])


def test_volumes_stand_in_ml_and_shares_in_the_tables_unit(tmp_path):
    _, tables = make_page(tmp_path)
    assert list(tables) == ["Volumes: Infection (test)", "Lesions: Infection (test)"]
    volumes, lesions = tables.values()
    assert volumes.columns.tolist() == [
        "Method", "Source", "n", "Truth, mL", "Error, mL", "Absolute error, mL", "Relative error",
    ]  # fmt: skip
    assert lesions.columns.tolist() == ["Method", "Source", "n", "Lesion F1"]
    ours = volumes.map(lambda text: str(text).split(" [")[0])
    assert ours["Truth, mL"].tolist() == ["20.0 ± 14.1", "20.0 ± 14.1", "not run"]
    assert ours["Error, mL"].tolist() == ["-2.0 ± 1.4", "2.0 ± 9.9", "not run"]
    assert ours["Relative error"].tolist() == ["-10.0 ± 0.0", "-10.0 ± 56.6", "not run"]
    assert volumes["n"].tolist() == [2, 2, "not run"]
    low, high = (float(part) for part in volumes["Truth, mL"][0].other.split(" to "))
    assert 0 < low < 20 < high


def test_the_smallest_error_and_the_highest_f1_are_best_and_volumes_have_no_mark(tmp_path):
    _, tables = make_page(tmp_path)
    volumes, lesions = (table.map(lambda cell: getattr(cell, "mark", "")) for table in tables.values())
    assert volumes["Absolute error, mL"].tolist() == ["best", "second", ""], "2 mL and 7 mL"
    assert lesions["Lesion F1"].tolist() == ["second", "best", ""]
    for column in ("Truth, mL", "Error, mL", "Relative error"):
        assert volumes[column].tolist() == ["", "", ""]


def test_a_metric_that_no_case_has_is_named_below_the_table(tmp_path):
    notes, _ = make_page(tmp_path)
    assert notes[0].startswith("Above. Marks, where one value is better than another: bold: best")
    assert notes[1:] == ["Below.", "No case has a value of: False positives, mL."]


def test_every_panel_has_its_tables_with_the_columns_that_it_has_values_of(tmp_path):
    """Only the first panel has a share of the lungs."""
    panels = [("infection", "test"), ("infection", "mosmed")]
    path = write_scores(tmp_path, panels)
    share = pd.DataFrame([{"experiment": "a", "fold": "0", "case": "x", "patient": "x", "region": "infection",
                           "split": "test", "metric": "lung_share_truth", "value": 0.1}])  # fmt: skip
    pd.concat([pd.read_csv(path), share]).to_csv(path, index=False)
    series = [Series(row, "none", *panel, row.lower()) for row in "AB" for panel in panels]
    entry = ENTRY | {"metrics": ["volume_truth_mL", "lung_share_truth", "lesion_F1"], "folds": "average"}
    scores = read_scores(path)
    cells = table_cells(series, entry, scores, published=pd.DataFrame())
    intervals = interval_rows(series, entry, scores, BOOTSTRAP)
    _, tables = volumes_page(cells, intervals, ["Above."])
    titles = [
        f"{name}: Infection ({split})" for split in ("test", "MosMed") for name in ("Volumes", "Lesions")
    ]
    assert list(tables) == titles
    columns = [table.columns.tolist()[3:] for table in tables.values()]
    assert columns == [
        ["Truth, mL", "Share of the lungs, truth"],
        ["Lesion F1"],
        ["Truth, mL"],
        ["Lesion F1"],
    ]
    assert tables[titles[0]]["Share of the lungs, truth"].tolist()[1] == "–"
    assert tables[titles[0]]["Method"].tolist() == ["A", "B"]


def test_only_metrics_with_better_values_are_tested(tmp_path):
    tests = comparison_rows(SERIES, ENTRY, read_scores(write_scores(tmp_path)), BOOTSTRAP)
    assert tests["metric"].tolist() == ["volume_error_absolute_mL", "volume_false_positive_mL", "lesion_F1"]
    assert tests["n"].tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("overlap", "words"), [(0.1, "covers at least 10% of its voxels"), (0.0, "covers one of its voxels")]
)
def test_the_note_states_the_rule_of_detection(overlap, words):
    note = describe_rule({"minimum_ml": 0.1, "overlap": overlap})
    assert words in note
    assert "26 neighbours" in note
    assert "at least 0.1 mL" in note


def test_all_files_are_written_and_tell_what_they_show(tmp_path):
    make(
        Artefact(
            base=tmp_path / "volumes",
            paper="wang2021",
            entry=ENTRY,
            config_name="toy",
            remarks=["A remark."],
            inputs={"scores": [write_scores(tmp_path)]},
            parameters={
                "series": [tuple(vars(one).values()) for one in SERIES],
                "bootstrap": 100,
                "confidence": 0.95,
                "seed": 1,
                "threshold_range": [0.1, 0.4],
                "phantom": True,
                "lesions": {"minimum_ml": 0.1, "overlap": 0.1},
            },
        )
    )
    for suffix in ("md", "tex", "html"):
        text = (tmp_path / f"volumes.{suffix}").read_text()
        assert "Configuration: toy." in text
        assert "26 neighbours" in text
        assert "The data are phantoms" in text
        assert "A remark." in text
    cells = pd.read_csv(tmp_path / "volumes.csv", keep_default_na=False)
    assert set(cells["unit"]) == {"mL", "percent"}
    assert "published_mean" not in cells.columns
    assert (tmp_path / "volumes_tests.csv").exists()
    intervals = pd.read_csv(tmp_path / "volumes_intervals.csv")
    assert intervals.set_index(["source", "metric"])["mean"]["none", "volume_truth_mL"] == 20


def test_every_metric_of_lesions_has_a_heading_and_is_allowed_in_the_table():
    metrics = {*LESION_METRICS, *LUNG_SHARES}
    schema = read_schema(ROOT / "config" / "schemas" / "artefacts.schema.yaml")
    assert set(schema["$defs"]["lesion_metrics"]["items"]["enum"]) == metrics == MEASURES.keys() - {"time"}
    assert measure_of("DSC").better == "higher"
