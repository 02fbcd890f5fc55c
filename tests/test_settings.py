"""The settings of ma2021's tasks (Tables I to III), counted in the published split."""

import json

import pandas as pd
import pytest
import yaml

from conftest import ROOT
from covidseg.config.kinds import KINDS
from covidseg.config.loading import load_configuration
from covidseg.paper.artefact import Artefact
from covidseg.paper.settings_table import as_text, make, setting_rows

SPLITS = {
    "covid20": [{"train": ["a"], "test": ["b", "c"]}, {"train": ["b"], "test": ["c"]}],
    "msd": [{"train": ["x", "y", "z"], "test": ["w"]}],
    "mosmed": [{"train": [], "test": ["m1", "m2"]}],
}
TITLES = {"covid20": "COVID", "msd": "MSD", "mosmed": "MosMed"}
PARTS = {"Training": "train", "Validation": "validation", "Testing 1": "test", "Testing 2": "mosmed"}
TASK3 = {
    "name": "task3-msd",
    "train": ("msd", "covid20"),
    "evaluate": {"msd": "validation", "covid20": "test", "mosmed": "mosmed"},
    "folds": 2,
    "runs": True,
}


def settings(experiment=TASK3, printed=None):
    return setting_rows(
        {"Infection": [experiment]}, SPLITS, parts=PARTS, titles=TITLES, printed=printed or {}
    )


def test_cases_of_a_task_by_hand():
    """The COVID-19 cases to test are two in one fold and one in the other."""
    found = settings(printed={"msd": {"Training": 3, "Validation": 2}, "covid20": {"Testing 1": 2}})
    assert found[["column", "dataset", "least", "most", "published"]].to_numpy().tolist() == [
        ["Training", "msd", 3, 3, 3],
        ["Training", "covid20", 1, 1, ""],
        ["Validation", "msd", 1, 1, 2],
        ["Testing 1", "covid20", 1, 2, 2],
        ["Testing 2", "mosmed", 2, 2, ""],
    ]
    assert as_text(found).to_dict("records") == [
        {
            "Task": "Infection",
            "Training": "MSD 3 [3] + COVID 1",
            "Validation": "MSD 1 [2], differs",
            "Testing 1": "COVID 1 to 2 [2], differs",
            "Testing 2": "MosMed 2",
            "Folds": "2",
        }
    ]


@pytest.mark.parametrize("phantom", [False, True])
def test_numbers_of_phantoms_are_not_compared_in_any_format(tmp_path, phantom):
    splits = tmp_path / "splits.json"
    splits.write_text(json.dumps(SPLITS))
    entry = {
        "kind": "settings", "title": "Settings", "parts": PARTS, "printed": {"msd": {"Training": 51}},
        "datasets": {title: [name] for name, title in TITLES.items()},
    }  # fmt: skip
    parameters = {"experiments": {"Infection": [TASK3]}, "phantom": phantom}
    make(
        Artefact(tmp_path / "table1", "ma2021", entry, "toy", ["A remark."], {"splits": [splits]}, parameters)
    )
    for suffix in ("md", "tex", "html"):
        text = (tmp_path / f"table1.{suffix}").read_text()
        assert "51" in text
        assert ("differs" in text) != phantom
        assert ("no difference is printed" in text) == phantom
    assert pd.read_csv(tmp_path / "table1.csv")["published"].max() == 51


def test_other_peoples_cases_are_all_tested_if_none_of_them_trains():
    found = settings(TASK3 | {"name": "task2-msd", "train": ("msd",), "folds": 1})
    assert found[found["column"] == "Testing 1"][["least", "most"]].to_numpy().tolist() == [[3, 3]]


def test_a_task_that_is_not_run_stays_in_the_table():
    found = settings(TASK3 | {"runs": False}, printed={"msd": {"Training": 51}})
    assert set(found["status"]) == {"not run"}
    assert as_text(found)["Training"].tolist() == ["MSD not run [51] + COVID not run"]


@pytest.fixture(scope="module")
def published():
    """ma2021's tables with the published split: name -> rows."""
    path = ROOT / "config" / "paper.yaml"
    config = load_configuration(yaml.safe_load(path.read_text()), str(path), ROOT / "config")
    folds = json.loads((ROOT / "config" / "splits.json").read_text())
    splits = {"mosmed": [{"train": [], "test": [f"study_{n}" for n in range(50)]}]}
    for name, entry in config.datasets.items():
        if entry.get("split") in folds:
            splits[name] = [{"train": one["train"], "test": one["val"]} for one in folds[entry["split"]]]
    tables = {}
    for name in ("table1", "table2", "table3"):
        entry = config.artefacts["ma2021"][name]
        parameters = KINDS["settings"].parameters(config, entry)
        tables[name] = setting_rows(
            parameters["experiments"],
            splits,
            parts=entry["parts"],
            titles={one: title for title, names in entry["datasets"].items() for one in names},
            printed=entry["printed"],
        )
    return tables


def test_only_the_effusions_are_split_otherwise_than_ma2021_prints(published):
    """62 and 16 cases in the paper, 63 and 15 in its repository."""
    table = pd.concat(published)
    assert (table["status"] == "run").all()
    assert (table["published"] != "").all(), "the paper prints every number"
    differs = table[(table["least"] != table["published"]) | (table["most"] != table["published"])]
    assert differs[["experiment", "column", "least", "published"]].to_numpy().tolist() == [
        ["task2-nsclc", "Training", 63, 62],
        ["task2-nsclc", "In-domain testing", 15, 16],
        ["task3-nsclc", "Training", 63, 62],
        ["task3-nsclc", "Validation", 15, 16],
    ]


def test_the_tables_have_the_papers_rows(published):
    assert {name: len(as_text(table)) for name, table in published.items()} == {
        "table1": 3,
        "table2": 2 + 3,
        "table3": 2 + 3,
    }
