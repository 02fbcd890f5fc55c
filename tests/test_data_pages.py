"""The pages of the data sets and the index of the cases: numbers by hand, and the pages in a real browser."""

import json

import pandas as pd
import pytest

from covidseg.cases.case_folder import CaseRow
from covidseg.evaluation.score_table import COLUMNS
from covidseg.files import write_csv, write_json
from covidseg.site import case_index_part, data_part
from covidseg.site.assets import write_assets
from covidseg.site.datasets import (
    Case,
    lesion_load,
    lung_volumes,
    make_cases,
    predicted_cases,
    spreads,
    told,
    volumes,
)
from covidseg.site.pages import Site, rounded
from covidseg.site.part import Part
from site_browser import HOSTILE, faults_of, opened, stand_in


def row(case, voxels, *, sha256="", **others):
    """Return a case of 10 x 100 x 100 voxels of 10 x 2 x 2 mm (0.04 mL)."""
    values = {
        "patient": case, "shape": (10, 100, 100), "spacing_mm": (10.0, 2.0, 2.0), "missing_slices": 0,
        "hu_min": -1024, "hu_max": 500, "slices": {}, "lesions": {}, "corrections": (), "warnings": (),
    }  # fmt: skip
    return CaseRow(case=case, voxels=voxels, sha256=sha256 or case, voxel_sha256=case, **(values | others))


LUNGS = {"left_lung": 20_000, "right_lung": 30_000}
FOLDS = [{"train": ["a"], "test": ["b"]}, {"train": ["b"], "test": ["a"]}]


def test_a_volume_is_voxels_times_spacing():
    assert volumes(row("a", {"infection": 1000})) == {"infection": pytest.approx(40)}


def test_the_load_is_the_share_of_the_lungs_with_their_lesions():
    joint = row("a", LUNGS | {"infection": 50_000})
    assert lesion_load(joint, {}) == pytest.approx(50)


def test_lungs_come_from_the_data_set_that_labels_them_in_the_same_scan():
    lungs = lung_volumes(
        {"other": [row("x", LUNGS, sha256="1")], "own": [row("a", {"infection": 9}, sha256="1")]}
    )
    assert lungs == {"1": pytest.approx(2000)}
    assert lesion_load(row("a", {"infection": 5000}, sha256="1"), lungs) == pytest.approx(10)
    assert lesion_load(row("b", {"infection": 5000}, sha256="2"), lungs) is None
    assert lesion_load(row("c", LUNGS), lungs) is None, "no lesions are labelled"


def test_parts_and_predictions():
    cases = make_cases([row("a", {}), row("b", {}), row("c", {})], lungs={}, folds=FOLDS, predicted={"b"})
    assert [case.parts for case in cases] == [("train", "test"), ("test", "train"), ("", "")]
    assert [case.predicted for case in cases] == [False, True, False]


def test_a_model_segments_its_test_cases_and_all_cases_of_other_data_sets():
    splits = {"own": FOLDS, "other": [{"train": ["x"], "test": ["y"]}]}
    experiments = {"one": {"train": ["own"], "evaluate": {"own": "test", "other": "far"}, "folds": 1}}
    assert predicted_cases("own", experiments, splits) == {"b"}
    assert predicted_cases("other", experiments, splits) == {"x", "y"}


def test_sentences_that_differ_in_numbers_are_one_kind():
    rows = [
        row("a", {}, corrections=("filled: 1 slices",), warnings=("odd",)),
        row("b", {}, corrections=("filled: 3 slices",)),
    ]
    cases = make_cases(rows, lungs={}, folds=[], predicted=())
    assert told(cases) == [("filled: 1 slices", ["a", "b"]), ("odd", ["a"])]


def test_spreads_are_those_of_known_quantities():
    cases = [
        Case(row("a", {}), {"lesion": 3.0}, None, (), False),
        Case(row("b", {}), {"lesion": 5.0}, 2.0, (), False),
    ]
    found = {one.title: one for one in spreads(cases)}
    assert found["Lesion volume, mL"].median == 4
    assert found["Lesion load, % of the lungs"].values == [("b", 2.0)]
    assert "Lungs, mL" not in found


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "0.0123"), (4.334, "4.33"), (771.3, "771"), (12300, "12,300"), (-5, "−5"), (0, "0")],
)
def test_numbers_are_rounded_to_three_digits(value, text):
    assert rounded(value) == text


def score(experiment, fold, case, value, *, dataset="covid20", metric="DSC", patient="p"):
    values = (
        experiment,
        "wang2021",
        "s",
        "none",
        fold,
        dataset,
        "test",
        case,
        patient,
        "infection",
        metric,
        value,
    )
    return dict(zip(COLUMNS, values, strict=True))


SCORES = [
    score("scratch", 0, "a", 0.4), score("scratch", 1, "a", 0.6), score("scratch", 0, "a", 0.2, metric="NSD"),
    score("hybrid", 0, "a", 0.9), score("scratch", 0, HOSTILE, ""), score("hybrid", 0, "b", 0.1),
    score("cam", 0, "7", 0.3, dataset="cells"), score("cam", 0, "all", 0.3, dataset="cells", patient=""),
]  # fmt: skip


def test_a_line_has_the_mean_of_the_folds():
    table = {"covid20": [row(name, {"infection": 1000}) for name in ("a", HOSTILE, "b")]}
    lines = case_index_part.find_lines(pd.DataFrame(SCORES[:6]).replace("", float("nan")), table)
    found = {line.row.case: line for line in lines}
    assert found["a"].scores["DSC"] == {"scratch": pytest.approx(0.5), "hybrid": 0.9}
    assert found["a"].scores["NSD"] == {"scratch": 0.2}
    assert found["a"].spread == (pytest.approx(0.5), pytest.approx(0.7), 0.9)
    assert found[HOSTILE].spread is None, "undefined"
    assert found["a"].volume == pytest.approx(40)


METHODS = [
    {"experiment": name, "paper": "wang2021", "strategy": strategy, "strategy_title": name.title(), "source": "none",
     "source_title": "none", "model": name, "folds": 2}
    for name, strategy in (("scratch", "scratch"), ("hybrid", "mine"))
]  # fmt: skip
DATASET = {
    "title": HOSTILE, "licence": HOSTILE, "citation": HOSTILE, "homepage": "https://example.org", "gigabytes": 1,
    "left_out": {"z": HOSTILE}, "phantom": True, "colour": "none",
}  # fmt: skip
SPARSE = {
    key: value for key, value in DATASET.items() if key not in ("citation", "gigabytes")
}  # as datasets.yaml allows
PARAMETERS = {
    "datasets": {
        "covid20": DATASET | {"regions": {1: "infection"}, "split": "published"},
        "empty": SPARSE | {"regions": {1: "lesion"}, "split": "test", "colour": "strange"},
        "cells": DATASET,
    },
    "experiments": {
        name: {"train": ["covid20"], "source_datasets": [], "evaluate": {"covid20": "test"}, "folds": 2, "model": name}
        for name in ("scratch", "hybrid")
    },
    "methods": METHODS,
    "weak": {"cam": "cells"},
    "timed": False,
    "localised": ["cells"],
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages of a data set with a hostile case, of one without labels, and of slices; and the cases."""
    folder = tmp_path_factory.mktemp("data")
    report = Site(folder / "report", "toy", phantom=True)
    write_assets(report.folder / "assets")
    stand_in(report.folder)
    rows = [
        row("a", {"infection": 1000}, corrections=("turned",), warnings=(HOSTILE,)),
        row(HOSTILE, {"infection": 0}), row("b", {"infection": 3000}),
    ]  # fmt: skip
    tables = {"covid20": rows, "empty": [row("x", {"lesion": 0}), row("y", {"lesion": 0})]}
    splits = {"covid20": [{"train": ["a"], "test": ["b", HOSTILE]}, {"train": ["b"], "test": ["a", HOSTILE]}],
              "empty": [{"train": [], "test": ["x", "y"]}]}  # fmt: skip
    for name, table in tables.items():
        write_csv(folder / name / "cases.csv", [one.to_csv() for one in table])
        write_json(folder / "splits" / f"{name}.json", {name: splits[name]})
    write_csv(folder / "cells" / "images" / "test_lesion.csv", [{"slice": "1"}, {"slice": "2"}])
    write_csv(folder / "scores.csv", SCORES)
    inputs = {
        "cases": [folder / name / "cases.csv" for name in tables],
        "splits": [folder / "splits" / f"{name}.json" for name in tables],
        "slices": [folder / "cells" / "images"],
        "scores": [folder / "scores.csv"],
    }
    for module, name, parameters in (
        (data_part, "data", PARAMETERS),
        (case_index_part, "cases", {"methods": METHODS, "titles": {"cells": HOSTILE, "covid20": HOSTILE}}),
    ):
        part = Part(report, name, inputs, parameters)
        part.path.mkdir()
        write_json(part.path / "search.json", module.make(part))
    return report.folder


def test_a_data_set_needs_no_citation(site):
    pages = {name: (site / "data" / f"{name}.html").read_text() for name in ("covid20", "empty")}
    assert ["<dt>Cite</dt>" in page for page in pages.values()] == [True, False]


def test_names_are_escaped(site):
    for page in (
        "data/index.html",
        "data/covid20.html",
        "data/empty.html",
        "data/cells.html",
        "cases/index.html",
    ):
        text = (site / page).read_text()
        assert HOSTILE not in text, page
        assert "&lt;img" in text, page


def test_the_search_finds_data_sets_and_the_cases_without_a_page(site):
    found = json.loads((site / "data" / "search.json").read_text())
    assert {"data/covid20.html", "data/cells.html"} <= {entry["page"] for entry in found}
    cases = [entry["page"] for entry in found if entry["kind"] == "case"]
    assert cases == ["data/empty.html#case-x", "data/empty.html#case-y"], "no model segments them"


def test_a_data_set_says_who_uses_it_and_what_was_found(site):
    text = (site / "data" / "covid20.html").read_text()
    assert "2 learn from it" in text
    assert "../trainings/index.html#scratch/fold0" in text
    assert 'href="../cases/covid20/a.html"' in text
    assert "turned" in text
    assert "Left out: z." in text
    assert (site / "data" / "files" / "covid20" / "cases.csv").is_file()
    assert "2 test lesion" in (site / "data" / "cells.html").read_text()


def test_the_tables_sort_and_the_last_stays_empty(site, chromium):
    with opened(chromium, site / "data" / "covid20.html") as (tab, complaints):
        tab.locator("th button", has_text="Infection, mL").click()
        values = "rows => rows.map(row => +row.cells[1].dataset.value)"
        assert tab.locator("tbody tr").evaluate_all(values) == [0, pytest.approx(40), pytest.approx(120)]
        assert complaints == []


def test_the_index_finds_cases_and_shows_the_scores_of_a_model(site, chromium):
    with opened(chromium, site / "cases" / "index.html") as (tab, complaints):
        shown = tab.locator("#cases tbody tr:visible")
        assert shown.count() == 3
        tab.locator("#find").fill("<img")
        assert shown.count() == 1
        tab.locator("#find").fill("")
        tab.locator("#model").select_option("scratch")
        assert shown.count() == 1, "scratch has a score of one case only"
        assert shown.first.locator(".chosen").all_inner_texts() == ["0.500", "0.200"]
        assert tab.locator("#training").get_attribute("href").endswith("#scratch/fold0")
        tab.locator("#model").select_option("")
        tab.locator(".chip", has_text="covid20").click()
        assert shown.count() == 0
        assert complaints == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", ["data/index.html", "data/covid20.html", "data/cells.html", "cases/index.html"]
)
def test_the_pages_fit_narrow_wide_and_dark(site, chromium, page, tmp_path):
    assert faults_of(chromium, site / page, tmp_path) == []
