"""What `snakemake workload` counts and estimates."""

import csv
import json
from pathlib import Path

import pytest
import yaml

import dag_sizes
from conftest import ROOT, write_case_table
from covidseg.errors import InputError
from covidseg.runs.card_hours import read_card
from covidseg.runs.dag import Rule, list_jobs, read_summary
from covidseg.runs.epoch_times import EpochTime, epoch_times, measured_times, published_times
from covidseg.runs.grids import Cohort, Grid, at_target_spacing, predicted_grids, read_cohort
from covidseg.runs.hours import count_tiles
from covidseg.runs.network_sizes import plain_size
from covidseg.runs.wall_times import wall_times
from covidseg.training.description import Description
from toy_workflow import jobs_of, papers_checkout, snakemake


@pytest.fixture
def clone(tmp_path):
    """A fresh clone: nothing ever ran in it."""
    return papers_checkout(tmp_path)


def counted(folder, name):
    with open(folder / "results" / "workload" / f"{name}.csv", newline="") as file:
        return {row["Rule"]: row for row in csv.DictReader(file)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["phantom", "paper", "public"])
def test_a_fresh_clone_counts_the_jobs_of_a_dry_run(clone, name):
    arguments = [] if name == "phantom" else ["--configfile", f"config/{name}.yaml"]
    output = snakemake(clone, "workload", *arguments)
    expected = jobs_of(snakemake(clone, "-n", "--forceall", *arguments))
    table = counted(clone, name)
    sums = {"all on CPUs", "all on GPUs"} & set(table)
    assert {rule: int(row["Jobs"]) for rule, row in table.items() if rule not in sums} | {
        "all": 1
    } == expected
    assert sum(int(table[rule]["Jobs"]) for rule in sums) + 1 == sum(expected.values())
    assert all(row["Jobs"] == row["To do"] for row in table.values())
    assert f"# What configuration {name} takes" in output
    assert not (clone / "results" / "configuration.txt").exists(), "nothing is claimed by counting"
    if name == "paper":
        seconds = sum(seconds * models for seconds, models in dag_sizes.SECONDS_PER_EPOCH.values())
        hours = int(table["train"]["Hours"].replace(" ", ""))
        assert abs(hours - 1000 * seconds / 3600) <= 0.5, "rounded"
        assert (table["predict"]["Limit of a job"], table["predict"]["Limit of all"]) == ("24", "3 120")
        assert table["train"]["Limit of all"] == "–", "a training goes on in another job"
        assert table["train"]["Longest job"] == "59.2", "hybrid, 213 seconds an epoch"
        assert "| lesion-representations | 20       | 1000     | 148 " in output
        assert "published (wang2021 table 3), Tesla V100 32 GB" in output
    if name == "phantom":
        assert table["train"]["Hours"] == "–", "the papers' seconds are not a small network's"


@pytest.mark.slow
def test_planning_goes_on_beside_a_run_and_in_a_checkout_of_another_configuration(clone):
    (clone / "results").mkdir()
    (clone / "results" / "config.txt").write_text("phantom\n")
    locks = clone / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    for kind in ("input", "output"):
        (locks / f"0.{kind}.lock").write_text("results/scores.csv\n")
    snakemake(clone, "workload", "--configfile", "config/public.yaml")
    table = counted(clone, "public")
    assert table["pretrain"]["Jobs"] == table["pretrain"]["To do"] == str(dag_sizes.PUBLIC["pretrain"])


def test_a_refused_configuration_is_told_in_snakemakes_words():
    with pytest.raises(InputError, match="unknown key 'trainig'"):
        list_jobs(ROOT / "Snakefile", {"trainig": 1}, {})


def test_jobs_are_told_apart_by_the_number_of_their_files():
    lines = [
        "output_file\tdate\trule\tlog-file(s)\tstatus\tplan",
        "a.csv\t-\ttable\t-\tmissing\tupdate pending",
        "a.md\t-\ttable\t-\tmissing\tupdate pending",
        "scores.csv\t-\tcollect\t-\tok\tno update",
        "b.csv\t-\ttable\t-\tok\tno update",
        "b.md\t-\ttable\t-\tok\tno update",
    ]
    rules = {"table": Rule(2, 10, 1, gpu=False), "collect": Rule(1, 10, 1, gpu=False)}
    jobs = read_summary("\n".join(lines), rules)
    assert jobs.to_dict("list") == {
        "rule": ["table", "collect", "table"],
        "file": ["a.csv", "scores.csv", "b.csv"],
        "log": ["-", "-", "-"],
        "to_do": [True, False, False],
    }


PUBLISHED = {"scratch": EpochTime(200, "published"), "lesion-representations": EpochTime(150, "published")}
OPERATIONS = {"scratch": 1.0, "lesion-representations": 1.0, "collaborative": 1.5}


def test_published_seconds_scale_with_the_samples_of_an_epoch():
    found = epoch_times({}, PUBLISHED, OPERATIONS, samples=250, comparable=True)
    assert {name: time.seconds for name, time in found.items()} == {
        "scratch": 100, "lesion-representations": 75, "collaborative": 150,
    }  # fmt: skip
    assert found["lesion-representations"].basis == "published"
    assert found["collaborative"].basis == "scratch, published, times 1.50 by operations"


def test_what_was_measured_stands_and_carries_over_by_the_published_ratio():
    measured = {
        "scratch": EpochTime(40, "measured here on X"),
        "collaborative": EpochTime(99, "measured here on X"),
    }
    found = epoch_times(measured, PUBLISHED, OPERATIONS, samples=250, comparable=False)
    assert {name: time.seconds for name, time in found.items()} == {
        "scratch": 40, "lesion-representations": 30, "collaborative": 99,
    }  # fmt: skip
    basis = found["lesion-representations"].basis
    assert basis == "scratch, measured here on X, times 0.75 by published times"


def test_small_networks_have_no_time_until_one_is_measured():
    assert epoch_times({}, PUBLISHED, OPERATIONS, samples=500, comparable=False) == {}


def test_measured_is_the_median_over_a_strategys_trainings(tmp_path):
    for name, seconds in (("scratch", (9, 10, 11)), ("task1-lung", (20, 20, 80)), ("stranger", (1, 1, 1))):
        folder = tmp_path / name / "fold0"
        folder.mkdir(parents=True)
        (folder / "log.csv").write_text(
            "epoch,seconds\n" + "".join(f"{i},{s}\n" for i, s in enumerate(seconds))
        )
        (folder / "model.json").write_text(json.dumps(Description(device="NVIDIA H100, bfloat16").to_json()))
    found = measured_times(tmp_path, {"scratch": "scratch", "task1-lung": "scratch"})
    assert found == {"scratch": EpochTime(15, "measured here on NVIDIA H100, bfloat16")}


def test_every_strategy_of_the_papers_tables_has_its_published_seconds(config):
    found = {name: time.seconds for name, time in published_times(config).items()}
    assert found == {name: seconds for name, (seconds, _) in dag_sizes.SECONDS_PER_EPOCH.items()}


def test_tiles_overlap_by_half():
    # 301 slices: 9 steps of at most 28, 10 tiles; 512 rows: 5 steps of 80, 6; 512 columns: 4 of 96, 5.
    assert count_tiles((301, 512, 512), [56, 160, 192], {"step": 0.5}) == 10 * 6 * 5
    assert count_tiles((40, 160, 192), [56, 160, 192], {"step": 0.5}) == 1


def test_cases_have_their_own_grids_once_they_are_ingested(config, tmp_path):
    (tmp_path / "covid20").mkdir()
    cells = {"case": "mine", "shape": "30x20x10", "spacing_mm": "5.0x1.0x2.0"}
    write_case_table(tmp_path / "covid20" / "cases.csv", [cells])
    cohort = read_cohort(config, "covid20", tmp_path)
    assert cohort == Cohort({"mine": Grid((30, 20, 10), (5.0, 1.0, 2.0))}, "cases.csv")
    assert at_target_spacing(cohort.grids["mine"], (2.5, 2.0, 2.0)) == (60, 10, 10)
    assert read_cohort(config, "covid20", None).grids == {}, "of a phantom nothing is known before"


def test_a_model_predicts_its_folds_test_cases_and_all_that_it_never_saw(config):
    names = config.case_names("covid20")
    cohort = Cohort({name: Grid((1, 1, number), (1, 1, 1)) for number, name in enumerate(names)}, "")
    own = predicted_grids(config, cohort, "covid20", trained_on=("covid20",), fold=1)
    fold = config.splits["Task1_COVID_datasplit.pkl"][1]
    assert {names[grid.shape[2]] for grid in own} == set(fold["val"])
    assert len(predicted_grids(config, cohort, "covid20", trained_on=("msd",), fold=1)) == 20


def test_the_papers_network_has_30_million_parameters_and_a_teraflop_a_patch():
    paper = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    size = plain_size(paper["network"], paper["plan"])
    assert size.parameters / 1e6 == pytest.approx(30.7, abs=0.05)
    assert size.forward / 1e12 == pytest.approx(0.92, abs=0.005)
    assert 0 < size.encoder < size.forward / 2


def test_a_jobs_wall_time_is_that_of_its_last_run(tmp_path):
    for name, text in {
        "collect.log": "done in 2.50 s, peak memory 0.10 GiB",
        "train/scratch/fold0.log": "done in 9.00 s, peak\n...\ndone in 4.00 s, peak",
        "train/scratch/fold1.log": "epoch 3",
    }.items():
        path = Path(tmp_path, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert wall_times(tmp_path) == {"collect": [2.5], "train": [4.0]}


def test_a_card_is_as_fast_as_its_benchmark_compiled_or_not(tmp_path):
    (tmp_path / "gpu-h200.csv").write_text(
        "part,what,contender,unit,epoch_seconds,card\n"
        "eager,scratch,covidseg,s per iteration,28,NVIDIA H200\n"
        'compiled,scratch,"covidseg, compiled",s per iteration,7,NVIDIA H200\n'
        'compiled,hybrid,"covidseg, compiled",s per iteration,9,NVIDIA H200\n'
        'compiled,hybrid,"covidseg, compiled",s from start to third iteration,,NVIDIA H200\n'
        "nnunet,training step,nnU-Net,s per iteration,68,NVIDIA H200\n"
    )
    card, found = read_card(tmp_path / "gpu-h200.csv", scale=0.5)
    assert card == "NVIDIA H200"
    assert {name: time.seconds for name, time in found.items()} == {
        "scratch": 3.5,
        "pretrain": 3.5,
        "continual": 3.5,
        "body-finetune": 3.5,
        "hybrid": 4.5,
    }
    assert found["scratch"].basis == "benchmarked on NVIDIA H200"
