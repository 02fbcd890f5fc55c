"""The published folds, and what a model may and may not see."""

import json
import logging
import re

import pytest

from conftest import ROOT, refused_in_one_line, write_case_table
from covidseg.cases.folds import make_split, random_split
from covidseg.cases.splits import (
    evaluation_cases,
    first_cases,
    patient_of,
    published_folds,
    read_splits,
    training_cases,
    validation_cases,
)
from covidseg.errors import InputError

PUBLISHED = json.loads((ROOT / "config" / "splits.json").read_text())
COVID = "Task1_COVID_datasplit.pkl"


def sheet(tmp_path, names, patients=None):
    path = tmp_path / "covid20" / "cases.csv"
    path.parent.mkdir(exist_ok=True)
    patients = patients or {name: re.match(r"radiopaedia_\d+_\d+|.*", name)[0] for name in names}
    return write_case_table(path, [{"case": name, "patient": patients[name]} for name in names])


def split(tmp_path, kind, names, phantom=None, seed=0, scheme="published", patients=None, left_out=None):
    return make_split(
        kind,
        cases=sheet(tmp_path, names, patients),
        published=PUBLISHED.get(kind),
        scheme=scheme,
        chosen=phantom,
        left_out=left_out or {},
        seed=seed,
    )


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


LEAK = (
    "covid20: Published split: patient radiopaedia_10_85902 is in training and test of folds 2 and 4 "
    "(radiopaedia_10_85902_1, radiopaedia_10_85902_3). With splits set to patient those test cases are left out."
)


def test_the_patient_on_both_sides_of_the_published_split_is_warned_of(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        split(tmp_path, COVID, covid_names())
    assert caplog.messages == [LEAK]


def test_the_split_by_patient_leaves_the_leaking_test_cases_out(tmp_path, caplog):
    published = split(tmp_path, COVID, covid_names())
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        folds = split(tmp_path, COVID, covid_names(), scheme="patient")
    assert not caplog.messages
    left_out = [set(old["test"]) - set(new["test"]) for old, new in zip(published, folds, strict=True)]
    assert left_out == [set(), set(), {"radiopaedia_10_85902_3"}, set(), {"radiopaedia_10_85902_1"}]
    assert [old["train"] for old in published] == [new["train"] for new in folds]
    assert [set(new["test"]) - set(old["test"]) for old, new in zip(published, folds, strict=True)] == [
        set()
    ] * 5


@pytest.mark.parametrize(
    ("experiment", "split_of_task2", "split_of_task3"),
    [
        ("task3-structseg-lung", "Task200_StructSegLung", "Task300_StructSegLung"),
        ("task3-nsclc-lung", "Task201_NSCLCLung", "Task301_NSCLCLung"),
        ("task3-msd", "Task202_MSD_LungTumor", "Task302_MSD_LungTumor"),
        # Published once for lungs and tumour: the same patients.
        ("task3-structseg", "Task203_StructSegTumor", "Task300_StructSegLung"),
        ("task3-nsclc", "Task204_NSCLCPE", "Task304_NSCLCPE"),
    ],
)
def test_task_3_trains_validates_and_tests_on_the_published_cases(
    config, experiment, split_of_task2, split_of_task3
):
    """Published apart for Task 3, made here of Task 2's and Task 1's."""
    joint = config.experiments[experiment]
    source, target = joint.train
    assert config.datasets[source]["split"] == f"{split_of_task2}_datasplit.pkl"
    assert config.datasets[target]["split"] == COVID
    alone = config.experiments[experiment.replace("task3", "task2")]
    assert alone.train == (source,)
    splits = {
        name: published_folds(
            PUBLISHED[kind], {case for fold in PUBLISHED[kind] for case in fold["train"] + fold["val"]}
        )
        for name, kind in ((source, config.datasets[source]["split"]), (target, COVID))
    }
    assert joint.folds == len(PUBLISHED[f"{split_of_task3}_datasplit.pkl"])
    for number, fold in enumerate(PUBLISHED[f"{split_of_task3}_datasplit.pkl"]):
        trained = [case for _, case in training_cases(splits, list(joint.train), number)]
        assert sorted(trained) == sorted(fold["train"])
        assert sorted(case for _, case in validation_cases(splits, joint.watched, number)) == sorted(
            fold["val"]
        )
        assert evaluation_cases(splits, source, list(joint.train), number) == sorted(fold["val"])
        assert evaluation_cases(splits, target, list(joint.train), number) == sorted(fold["test"])
    assert evaluation_cases(splits, target, list(alone.train), 0) == covid_names()


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
    patients = {name: name for name in names}
    assert random_split(dict(reversed(patients.items())), 0) == fold
    if count > 3:
        assert random_split(patients, 1) != fold


def test_a_random_split_keeps_a_patient_s_cases_together(tmp_path):
    patients = {f"c{i}": f"p{i // 3}" for i in range(30)}
    (fold,) = split(tmp_path, "random", list(patients), patients=patients)
    sides = [{patients[case] for case in fold[part]} for part in ("train", "test")]
    assert [len(side) for side in sides] == [8, 2]
    assert not sides[0] & sides[1]
    with pytest.raises(InputError, match="split random: 2 cases of one patient; at least two patients"):
        split(tmp_path, "random", ["a", "b"], patients={"a": "p", "b": "p"})


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


def test_held_out_cases_are_watched_while_training():
    assert validation_cases(SPLITS, ["msd"], 3) == [("msd", "m3")]
    assert validation_cases(SPLITS, [], 0) == []


def test_what_a_model_is_tested_on():
    assert evaluation_cases(SPLITS, "covid20", ["covid20"], 1) == ["c1", "c3"]
    assert evaluation_cases(SPLITS, "covid20", ["msd"], 1) == ["c1", "c2", "c3"]
    assert evaluation_cases(SPLITS, "msd", ["msd"], 0) == ["m3"]


def test_the_phantom_takes_the_first_cases_four_to_one():
    """80 % of 6 is 4.8: five training cases and one test case."""
    one = [{"train": list("abcdefgh"), "val": list("xyz")}]
    assert first_cases(one, 6) == [*"abcde", "x"]
    several = [{"train": ["a", "b"], "val": ["c"]}, {"train": ["c"], "val": ["a", "b"]}]
    assert first_cases(several, 2) == ["a", "b"]
    assert first_cases(several, 3) == ["a", "b", "c"]


def test_a_pattern_finds_the_patient_in_the_name_of_a_case():
    dataset = {"patient": r"radiopaedia_\d+_\d+"}
    assert patient_of(dataset, "radiopaedia_10_85902_3") == "radiopaedia_10_85902"
    assert patient_of(dataset, "coronacases_001") == "coronacases_001"


def test_the_files_of_splits_are_read_together(tmp_path):
    for name in SPLITS:
        (tmp_path / f"{name}.json").write_text(json.dumps({name: SPLITS[name]}))
    assert read_splits([str(tmp_path / f"{name}.json") for name in SPLITS]) == SPLITS


@pytest.mark.parametrize(
    "folds", [3, [3], [{"train": ["a"]}], [{"train": ["a"], "test": 3}], {"train": [], "test": []}]
)
def test_a_file_of_splits_without_folds_is_refused(tmp_path, folds):
    (tmp_path / "msd.json").write_text(json.dumps({"msd": folds}))
    with refused_in_one_line(r"msd\.json: has no folds with train and test cases"):
        read_splits([str(tmp_path / "msd.json")])
