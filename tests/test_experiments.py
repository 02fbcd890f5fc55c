"""The experiments that the sheet gives: their trainings, their pre-trained models, their classes and labels."""

import copy

import pytest
import yaml

from conftest import ROOT
from covidseg.config.artefacts import named
from covidseg.config.classes import separate_classes
from covidseg.config.experiments import expand_experiments
from covidseg.config.in_use import training_parameters
from covidseg.errors import InputError
from covidseg.training.strategies import STRATEGIES


@pytest.fixture
def sheet(papers_sheets):
    """The papers' experiments.yaml, free to be changed."""
    return yaml.safe_load((papers_sheets / "experiments.yaml").read_text())


def test_data_sets_with_different_labels_are_not_pooled(config, sheet):
    datasets = copy.deepcopy(config.datasets)
    datasets["msd"]["regions"] = {1: "left_lung", 2: "right_lung"}
    with pytest.raises(
        InputError,
        match=r"pretrain-multi: regions differ: msd left_lung, right_lung, structseg lesion, nsclc",
    ):
        expand_experiments(sheet, datasets, "covid20", ROOT)


def test_experiments_of_this_pipeline(config):
    names = list(config.experiments)
    sources = ["msd", "structseg", "nsclc", "multi"]
    strategies = ["continual", "body-finetune", "lesion-representations"]
    expected = [f"pretrain-{s}" for s in [*sources, "multi2"]]
    expected += [f"pretrain-{s}-halfway" for s in sources] + ["scratch"]
    expected += [f"{strategy}-{s}" for strategy in strategies for s in sources]
    expected += ["hybrid-multi", "multi-encoder-multi"]
    expected += [f"collaborative-{part}-multi2" for part in ("backbone", "rc-g", "rc-g-rc-t")]
    learned = ["structseg-lung", "nsclc-lung", "msd", "structseg", "nsclc"]
    expected += ["task1-lung", "task1-union"] + [f"task{task}-{data}" for task in (2, 3) for data in learned]
    assert names == expected
    multi = config.experiments["pretrain-multi"]
    assert multi.train == ("msd", "structseg", "nsclc")
    assert multi.pretraining is None
    started = {e.pretraining for e in config.experiments.values() if e.strategy == "continual"}
    assert started == {f"pretrain-{s}-halfway" for s in sources}
    started = {e.pretraining for e in config.experiments.values() if e.strategy != "continual"}
    assert started == {None, *(f"pretrain-{s}" for s in [*sources, "multi2"])}
    rows = {"a": "body-finetune", "b": ["scratch", "task1-lung"], "c": "task2-msd"}
    assert {row: [e.name for e in found] for row, found in named(rows, config.experiments).items()} == {
        "a": [f"body-finetune-{s}" for s in sources],
        "b": ["scratch", "task1-lung"],
        "c": ["task2-msd"],
    }
    assert all(
        STRATEGIES[e.strategy].needs_source == (e.source != "none")
        for e in config.experiments.values()
        if e.paper != "ma2021"
    )


def test_a_new_row_needs_nothing_but_the_sheet(config, sheet):
    sheet["sources"]["mosmed"] = {
        "paper": "ma2021",
        "title": "MosMed",
        "datasets": ["mosmed"],
        "lesions": "union",
        "evaluate": {},
    }
    sheet["experiments"]["body-finetune"]["sources"].append("mosmed")
    experiments = expand_experiments(sheet, config.datasets, "covid20", ROOT)
    assert experiments["body-finetune-mosmed"].pretraining == "pretrain-mosmed"


def test_half_way_is_pretrained_what_continual_learning_starts_from_alone(config, sheet):
    sheet["experiments"]["continual"]["sources"] = ["nsclc"]
    experiments = expand_experiments(sheet, config.datasets, "covid20", ROOT)
    assert [name for name in experiments if name.endswith("-halfway")] == ["pretrain-nsclc-halfway"]
    whole, half = experiments["pretrain-nsclc"], experiments["pretrain-nsclc-halfway"]
    assert (whole.options["schedule"], half.options["schedule"]) == ("whole", "first half")
    assert (half.train, half.classes, half.watched) == (whole.train, whole.classes, whole.watched)
    sheet["sources"]["nsclc"]["evaluate"] = {"covid20": "test"}
    experiments = expand_experiments(sheet, config.datasets, "covid20", ROOT)
    assert experiments["pretrain-nsclc"].evaluate == {"covid20": "test"}
    assert experiments["pretrain-nsclc-halfway"].evaluate == {}, "which is no model of a paper's own"


@pytest.mark.parametrize("name", ["msd", "structseg", "nsclc"])
def test_task_2_is_the_training_of_the_pretrained_model(config, sheet, name):
    """Written as a training from scratch, it would be the same one: the evaluated model stands for it."""
    evaluated = config.experiments[f"task2-{name}"]
    sheet["experiments"][f"task2-{name}"] = {
        "paper": "ma2021", "strategy": "scratch", "source": name, "train": [name], "folds": 1,
        "evaluate": evaluated.evaluate,
    }  # fmt: skip
    trained = expand_experiments(sheet, config.datasets, "covid20", ROOT)[f"task2-{name}"]
    model = config.experiments[evaluated.model]
    for key in ("train", "classes", "watched", "source_datasets", "labels"):
        assert trained.for_training()[key] == model.for_training()[key], key
    assert (trained.folds, trained.pretraining) == (model.folds, model.pretraining) == (1, None)
    ours = training_parameters(config, f"pretrain-{name}")
    assert training_parameters(config, f"task2-{name}") == ours
    for key in ("name", "row", "paper", "source", "evaluate", "labels", "classes", "train", "folds"):
        assert getattr(evaluated, key) == getattr(trained, key), key


def test_a_whole_number_serves_where_a_float_is_expected(config, sheet):
    sheet["experiments"]["collaborative-rc-g"]["options"]["lambda_general"] = 1
    assert "collaborative-rc-g-multi2" in expand_experiments(sheet, config.datasets, "covid20", ROOT)


def test_a_general_encoder_that_starts_random_waits_for_no_pretraining(config, sheet):
    sheet["experiments"]["collaborative-rc-g"]["options"]["general_encoder"] = "random"
    experiment = expand_experiments(sheet, config.datasets, "covid20", ROOT)["collaborative-rc-g-multi2"]
    assert experiment.pretraining is None
    assert experiment.source_datasets == ("msd", "nsclc")
    assert config.experiments["collaborative-rc-g-multi2"].pretraining == "pretrain-multi2"
    assert config.experiments["body-finetune-multi"].source_datasets == ()
    assert config.experiments["collaborative-backbone-multi2"].source_datasets == ()


def test_classes_and_labels_of_the_joint_tasks(config, sheet):
    """One lesion class for all, or an infection apart; a union network is scored on MosMed's one region."""
    experiments = config.experiments
    assert experiments["scratch"].classes == {1: "infection"}
    assert experiments["task2-msd"].classes == {1: "lesion"}
    assert experiments["task2-msd"].labels == {"msd": {1: 1}, "covid20": {1: 1}, "mosmed": {1: 1}}
    assert experiments["task3-msd"].classes == {1: "lesion"}
    assert experiments["task3-structseg-lung"].classes == {1: "left_lung", 2: "right_lung"}
    union = experiments["task1-union"]
    assert union.classes == {1: "left_lung", 2: "right_lung", 3: "infection"}
    assert union.labels == {"covid20-union": {1: 1, 2: 2, 3: 3}, "mosmed": {1: 3}}
    assert union.places(config.datasets) == {
        ("left_lung", "test"): ("covid20-union", 1),
        ("right_lung", "test"): ("covid20-union", 2),
        ("infection", "test"): ("covid20-union", 3),
        ("infection", "mosmed"): ("mosmed", 3),
    }
    sheet["experiments"]["task3-msd"]["lesions"] = "classes"
    apart = expand_experiments(sheet, config.datasets, "covid20", ROOT)["task3-msd"]
    assert apart.classes == {1: "lesion", 2: "infection"}
    assert apart.labels == {"msd": {1: 1}, "covid20": {1: 2}, "mosmed": {1: 2}}


def test_a_source_s_lesions_are_one_class_or_one_per_data_set(config, sheet):
    """wang2021 3.2, three data sets: background and one lesion, or background and three."""
    union = config.experiments["pretrain-multi"]
    assert union.classes == {1: "lesion"}
    assert union.labels == {"msd": {1: 1}, "structseg": {1: 1}, "nsclc": {1: 1}}
    sheet["sources"]["multi"]["lesions"] = "classes"
    experiments = expand_experiments(sheet, config.datasets, "covid20", ROOT)
    for name in ("pretrain-multi", "pretrain-multi-halfway"):
        assert experiments[name].classes == {
            1: "lesion of msd",
            2: "lesion of structseg",
            3: "lesion of nsclc",
        }
        assert experiments[name].labels == {"msd": {1: 1}, "structseg": {1: 2}, "nsclc": {1: 3}}
        assert experiments[name].options["lesions"] == "classes"
    assert experiments["body-finetune-multi"].classes == {1: "infection"}


def test_lungs_are_the_same_class_in_all_data_sets_of_a_source():
    regions = {"left": {1: "left_lung", 2: "lesion"}, "both": {5: "lesion", 4: "left_lung"}}
    datasets = {name: {"regions": found} for name, found in regions.items()}
    assert separate_classes(["left", "both"], datasets) == (
        {1: "left_lung", 2: "lesion of left", 3: "lesion of both"},
        {"left": {1: 1, 2: 2}, "both": {4: 1, 5: 3}},
    )


def test_only_other_people_s_cases_are_watched_while_training(config):
    watched = {name: experiment.watched for name, experiment in config.experiments.items()}
    assert watched["scratch"] == watched["task1-lung"] == watched["task1-union"] == ()
    assert watched["task2-nsclc-lung"] == ("nsclc-lung",)
    assert watched["task3-msd"] == ("msd",)
    assert watched["pretrain-multi"] == ("msd", "structseg", "nsclc")


def test_another_test_set_trains_nothing_anew(config, sheet):
    del sheet["experiments"]["scratch"]["evaluate"]["mosmed"]
    fewer = expand_experiments(sheet, config.datasets, "covid20", ROOT)["scratch"]
    assert fewer.for_scoring() != config.experiments["scratch"].for_scoring()
    assert fewer.for_training() == config.experiments["scratch"].for_training()
