"""What is in use: pure functions from a configuration to names, paths and parameters."""

import pytest
import yaml

from conftest import ROOT
from covidseg.config import in_use
from covidseg.config.loading import load_configuration


def load(change=None, name="config"):
    path = ROOT / "config" / f"{name}.yaml"
    sections = yaml.safe_load(path.read_text())
    if change:
        change(sections)
    return load_configuration(sections, str(path), ROOT / "config")


def test_pick_takes_the_keys_that_are_there():
    assert in_use.pick({"a": 1, "b": 2, "c": 3}, "c", "a", "z") == {"c": 3, "a": 1}


def test_data_sets_archives_and_hosts_in_use(config):
    datasets = in_use.datasets(config)
    assert datasets == [
        "covid20", "covid20-lung", "covid20-union", "mosmed", "msd", "nsclc", "nsclc-lung", "structseg", "structseg-lung",
    ]  # fmt: skip
    assert in_use.sliced_datasets(config) == ["capepoint", "covid20-union"]
    archives = in_use.archives(config)
    assert archives == sorted(set(archives))
    assert {"msd/Task06_Lung.tar", "covid20/Infection_Mask.zip", "nsclc/LUNG1-001.zip"} <= set(archives)
    assert in_use.hosts(config) == ["capepoint", "covid20", "mosmed", "msd", "nsclc", "structseg"]


def test_without_a_data_set_nothing_of_it_is_in_use():
    config = load(lambda sections: sections.update(without=["structseg"]))
    for names in (
        in_use.datasets(config),
        in_use.archives(config),
        in_use.models(config),
        in_use.scored(config),
    ):
        assert not [name for name in names if "structseg" in name]


def test_models_and_scores_have_a_folder_per_fold(config):
    models, scored = in_use.models(config), in_use.scored(config)
    assert models.count("scratch/fold4") == 1
    assert "pretrain-msd/fold0" in models
    assert "pretrain-msd/fold0" not in scored, "a pre-trained model is evaluated on nothing"
    assert "weak-full/fold0" in models
    assert {"weak-full/fold0", "cam/fold0", "grad-cam/fold0"} <= set(scored)
    assert "classifier/fold0" in models
    assert "classifier/fold0" not in scored, "its two heat maps are"


def test_a_pretrained_model_that_an_experiment_evaluates_is_trained_once(config):
    """ma2021's Task 2 with lesions: three experiments with scores of their own and without a model of their own."""
    models, scored, trained = in_use.models(config), in_use.scored(config), in_use.trained(config)
    evaluating = {f"task2-{name}": f"pretrain-{name}" for name in ("msd", "structseg", "nsclc")}
    assert {name: one.model for name, one in config.experiments.items() if one.model != name} == evaluating
    for name, model in evaluating.items():
        assert f"{name}/fold0" in scored
        assert f"{name}/fold0" not in models
        assert (name in trained, model in trained) == (False, True)
        assert models.count(f"{model}/fold0") == 1


def test_nnunet_numbers_data_sets_in_the_order_of_the_file(config):
    folders = in_use.nnunet_folders(config)
    assert folders["Dataset501_Covid20"] == "covid20"
    assert "capepoint" not in folders.values(), "slices are no volumes"
    numbers = [int(folder[7:10]) for folder in folders]
    assert numbers == sorted(numbers)


def test_a_training_sees_its_own_data_sets_and_its_sources_where_it_trains_on_them(config):
    assert in_use.training_datasets(config, "scratch") == ["covid20"]
    assert in_use.training_datasets(config, "continual-multi") == ["covid20"]
    assert in_use.training_datasets(config, "collaborative-rc-g-multi2") == ["covid20", "msd", "nsclc"]
    assert in_use.training_datasets(config, "task3-msd") == ["msd", "covid20"]


def test_parameters_of_a_training_are_the_keys_that_decide_it(config):
    whole = config.sections["training"]
    scratch = in_use.training_parameters(config, "scratch")
    assert scratch["plan"] == {"patch": [8, 32, 32], "window": [-1250, 250]}
    assert set(whole) - set(scratch["training"]) == {
        "checkpoint_seconds", "compile", "device_memory_gib", "restart", "validation_every", "validation_patches",
    }  # fmt: skip
    pretraining = in_use.training_parameters(config, "pretrain-msd")
    assert set(whole) - set(pretraining["training"]) == {
        "checkpoint_seconds",
        "compile",
        "device_memory_gib",
        "restart",
    }
    assert set(scratch) == {"seed", "timed", "network", "augmentation", "plan", "training"}


def test_the_restart_decides_a_training_only_where_there_is_one(config):
    assert "restart" not in in_use.training_parameters(config, "scratch")["training"]
    restart = {"epochs": 6, "momentum": 0.8}
    asked = load(lambda sections: sections["training"].update(restart=restart))
    assert in_use.training_parameters(asked, "scratch")["training"]["restart"] == restart


@pytest.mark.parametrize(
    ("model", "sections"),
    [
        ("weak-full", {"features", "critic_features"}),
        ("va-gan", {"features", "critic_features", "va_gan"}),
        ("biomarker-localisation", {"features", "critic_features", "biomarker_localisation"}),
        ("classifier", {"classifier"}),
    ],
)
def test_parameters_of_a_weak_system_are_its_own_sections_and_the_chosen_variant(config, model, sections):
    parameters = in_use.weak_parameters(config, model)
    assert set(parameters) == {"epochs", "iterations", "device", "variant", "variants"} | sections
    (values,) = parameters["variants"].values()
    assert set(parameters["variants"]) == {"paper"}
    assert {"normalisation", "range", "batch"} <= set(values)
    assert not {"mask_level", "map", "threshold"} & set(values), "no training reads these"
    assert ("fakes" in values) == (model == "weak-full")
    assert ("betas" in values) == (model != "va-gan"), "VA-GAN has its own"


def test_weak_systems_read_no_other_section(config):
    """A system gets its parameters alone: a key that it reads and the registry does not list raises."""
    from covidseg.weak import load_system

    for name, model in config.weak_models.items():
        system = load_system(model.system, model.options, in_use.weak_parameters(config, name))
        assert len(list(system.build().parameters())) > 0
        assert len(system.betas()) == 2


def test_modules_of_strategies_and_systems(config):
    assert in_use.strategy_module(config, "hybrid-multi") == "covidseg/training/strategies/hybrid"
    assert in_use.system_module(config, "va-gan") == "covidseg/weak/va_gan"


def test_lungs_are_cut_out_by_the_truth_or_by_a_models_predictions(config):
    assert in_use.lung_folder(config) is None
    predicted = load(lambda sections: sections["weak"].update(lungs="task2-nsclc-lung"))
    assert in_use.lung_folder(predicted) == "covid20-lung"


def test_artefacts_by_kind_and_their_files(config):
    shown = in_use.shown_artefacts(config)
    assert "(?<=wang2021/)violin" in in_use.artefacts_of_kind(shown, "violin")
    assert in_use.artefacts_of_kind(shown, "thresholds") == ["(?<=yang2021/)figure3"]
    files = in_use.artefact_files(shown)
    assert len(files) == len(set(files))
    assert {"results/paper/wang2021/table1_tests.csv", "results/paper/yang2021/figure3.png"} <= set(files)
    assert {path.rpartition("/")[2] for path in in_use.artefact_files(shown, "relations")} == {
        f"figure{number}{suffix}" for number in (4, 5) for suffix in (".svg", ".pdf", ".png", ".csv")
    }
