"""What the papers' configurations come to before anything runs: their jobs, by dry runs."""

import re

import pytest

import dag_sizes
from conftest import ROOT
from toy_workflow import jobs_of, papers_checkout, snakemake


@pytest.mark.slow
@pytest.mark.parametrize("name", ["config", "paper"])
def test_both_configurations_train_every_model_once_and_reach_every_artefact(name, tmp_path):
    output = snakemake(papers_checkout(tmp_path), "-n", "--forceall", "--configfile", f"config/{name}.yaml")
    expected = dag_sizes.PHANTOM if name == "config" else dag_sizes.PAPER
    assert jobs_of(output) == expected
    models = re.findall(r"results/models/\S+/model\.safetensors", output)
    trainings = sum(expected[rule] for rule in ("pretrain", "train", "collaborative", "train_weak"))
    assert len(models) == len(set(models)) == trainings
    assert "results/predictions/task2-msd/fold0" in output
    assert "results/models/task2-msd/" not in output, "whose model is pretrain-msd"
    for artefact in (
        "wang2021/table1.csv", "wang2021/violin.svg", "ma2021/table10.csv", "ma2021/figure1.svg",
        "yang2021/numbers.csv", "yang2021/figure3.svg",
    ):  # fmt: skip
        assert f"results/paper/{artefact}" in output


@pytest.mark.slow
def test_without_a_source_the_dag_has_nothing_of_it_and_every_artefact_that_is_left(tmp_path):
    output = snakemake(papers_checkout(tmp_path), "-n", "--forceall", "--configfile", "config/public.yaml")
    assert "structseg" not in output.lower()
    assert jobs_of(output) == dag_sizes.PUBLIC
    assert "results/predictions/task2-nsclc-lung/fold0" in output, "which cuts the lungs out of volumes"


def test_scripts_find_results_by_their_inputs_which_may_lie_in_a_storages_own_folder():
    scripts = {path.name: path.read_text() for path in (ROOT / "workflow" / "scripts").glob("*.py")}
    naming = {name for name, text in scripts.items() if re.search(r"""["'](?:data/raw|results/)""", text)}
    assert naming == set()
