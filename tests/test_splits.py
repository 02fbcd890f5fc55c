"""The published folds, and what a model may and may not see."""

import json

import pytest

from conftest import ROOT
from covidseg.errors import InputError
from covidseg.splits import evaluation_cases, make_split, random_split, training_cases, validation_cases

PUBLISHED = json.loads((ROOT / "config" / "splits.json").read_text())
COVID = "Task1_COVID_datasplit.pkl"


def sheet(tmp_path, names):
    path = tmp_path / "cases.csv"
    path.write_text("case\n" + "".join(f"{name}\n" for name in names))
    return path


def split(tmp_path, kind, names, phantom=None, seed=0):
    return make_split(kind, cases=sheet(tmp_path, names), published=PUBLISHED, phantom=phantom, seed=seed)


def covid_names():
    return sorted({case for fold in PUBLISHED[COVID] for case in fold["train"]})


def test_the_sheet_is_the_published_one():
    reference = ROOT.parent / "shared" / "reference" / "splits.json"
    if not reference.exists():
        pytest.skip("no reference beside the checkout")
    assert json.loads(reference.read_text()) == PUBLISHED


def test_covid_folds_are_the_published_ones_disjoint_and_complete(tmp_path):
    folds = split(tmp_path, COVID, covid_names())
    assert len(folds) == 5
    assert sorted(case for fold in folds for case in fold["train"]) == covid_names()
    for fold, published in zip(folds, PUBLISHED[COVID], strict=True):
        assert len(fold["train"]) == 4
        assert len(fold["test"]) == 16
        assert not set(fold["train"]) & set(fold["test"])
        assert set(fold["train"]) == set(published["train"])
        assert set(fold["test"]) == set(published["val"])


def test_a_missing_published_case_is_refused_by_name(tmp_path):
    with pytest.raises(
        InputError, match=r"cases\.csv: split Task1.* names 1 cases that are missing: coronacases_001"
    ):
        split(tmp_path, COVID, covid_names()[1:])


def test_the_phantom_takes_a_part_and_keeps_the_published_roles(tmp_path):
    published = PUBLISHED["Task202_MSD_LungTumor_datasplit.pkl"][0]
    names = published["train"][:4] + published["val"][:1]
    (fold,) = split(tmp_path, "Task202_MSD_LungTumor_datasplit.pkl", names, phantom=names)
    assert fold == {"train": sorted(published["train"][:4]), "test": published["val"][:1]}


@pytest.mark.parametrize("count", [2, 3, 5, 10, 63])
def test_random_splits_are_four_to_one_and_seeded(tmp_path, count):
    names = [f"c{i}" for i in range(count)]
    (fold,) = split(tmp_path, "random", names)
    assert sorted(fold["train"] + fold["test"]) == sorted(names)
    assert len(fold["test"]) == max(1, count - -(-count * 4 // 5))
    assert random_split(names[::-1], 0) == fold
    if count > 3:
        assert random_split(names, 1) != fold


def test_a_test_set_has_nothing_to_train_on(tmp_path):
    assert split(tmp_path, "test", ["b", "a"]) == [{"train": [], "test": ["a", "b"]}]


SPLITS = {
    "covid20": [{"train": ["c1"], "test": ["c2", "c3"]}, {"train": ["c2"], "test": ["c1", "c3"]}],
    "msd": [{"train": ["m1", "m2"], "test": ["m3"]}],
}


def test_what_a_model_is_trained_on():
    assert training_cases(SPLITS, ["covid20"], 1) == [("covid20", "c2")]
    expected = [("msd", "m1"), ("msd", "m2"), ("covid20", "c2")]
    assert training_cases(SPLITS, ["msd", "covid20"], 1) == expected


def test_the_target_s_test_cases_are_never_watched():
    assert validation_cases(SPLITS, ["msd", "covid20"], 0, "covid20") == [("msd", "m3")]
    assert validation_cases(SPLITS, ["covid20"], 0, "covid20") == []


def test_what_a_model_is_tested_on():
    assert evaluation_cases(SPLITS, "covid20", ["covid20"], 1) == ["c1", "c3"]
    assert evaluation_cases(SPLITS, "covid20", ["msd"], 1) == ["c1", "c2", "c3"]
    assert evaluation_cases(SPLITS, "msd", ["msd"], 0) == ["m3"]
