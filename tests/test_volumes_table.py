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
from covidseg.paper.formats import MARKDOWN
from covidseg.paper.measures import MEASURES, measure_of
from covidseg.paper.tables import comparison_rows, interval_rows, table_cells
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
            "experiment": experiment, "fold": "0", "case": case, "patient": case, "region": region,
            "split": split, "metric": metric, "value": value,
        }
        for region, split in panels
        for metric, by_experiment in VALUES.items()
        for experiment, values in by_experiment.items()
        for case, value in zip("xy", values, strict=True)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "scores.csv", index=False)
    return folder / "scores.csv"


def make_page(folder, series=SERIES, entry=ENTRY, **scored):
    entry, scores = entry | {"folds": "average"}, read_scores(write_scores(folder, **scored))
    cells = table_cells(series, entry, scores, published=pd.DataFrame())
    intervals = interval_rows(series, entry, scores, resamples=100, confidence=0.95, seed=1)
    return volumes_page(cells, intervals, ["Above.", "Below."], MARKDOWN)


def test_volumes_stand_in_ml_and_shares_in_the_tables_unit(tmp_path):
    _, tables = make_page(tmp_path)
    (table,) = tables.values()
    assert table.columns.tolist() == [
        "Method", "Source", "n", "Truth, mL", "Error, mL", "Absolute error, mL", "Relative error", "Lesion F1",
    ]  # fmt: skip
    ours = table.map(lambda text: str(text).split(" [")[0])
    assert ours["Truth, mL"].tolist() == ["20.0 ± 14.1", "20.0 ± 14.1", "not run"]
    assert ours["Error, mL"].tolist() == ["-2.0 ± 1.4", "2.0 ± 9.9", "not run"]
    assert ours["Relative error"].tolist() == ["-10.0 ± 0.0", "-10.0 ± 56.6", "not run"]
    assert table["n"].tolist() == [2, 2, "not run"]
    low, high = (float(part) for part in table["Truth, mL"][0].split("[")[1].rstrip("]").split(" to "))
    assert 0 < low < 20 < high


def test_the_smallest_error_and_the_highest_f1_are_best_and_volumes_have_no_mark(tmp_path):
    _, tables = make_page(tmp_path)
    (table,) = tables.values()
    marks = table.map(lambda text: str(text).count("*"))
    assert marks["Absolute error, mL"].tolist() == [4, 2, 0], "2 mL in bold, 7 mL in italics"
    assert marks["Lesion F1"].tolist() == [2, 4, 0]
    for column in ("Truth, mL", "Error, mL", "Relative error"):
        assert marks[column].tolist() == [0, 0, 0]


def test_a_metric_that_no_case_has_is_named_below_the_table(tmp_path):
    notes, _ = make_page(tmp_path)
    assert notes[0].startswith("Above. **bold**: best")
    assert notes[1:] == ["Below.", "No case has a value of: False positives, mL."]


def test_several_panels_have_a_row_each(tmp_path):
    panels = [("infection", "test"), ("infection", "mosmed")]
    series = [Series("A", "none", *panel, "a") for panel in panels]
    _, tables = make_page(tmp_path, series, panels=panels)
    (table,) = tables.values()
    assert table["Panel"].tolist() == ["Infection (test)", "Infection (MosMed)"]


def test_only_metrics_with_better_values_are_tested(tmp_path):
    tests = comparison_rows(SERIES, ENTRY, read_scores(write_scores(tmp_path)))
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
