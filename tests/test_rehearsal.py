"""The rehearsal: what it runs, what it makes of the logs, and that it says what failed."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from conftest import ROOT, refused_in_one_line
from covidseg.archives.phantom.anatomy import Grid
from covidseg.archives.phantom.cohort import make_case
from covidseg.archives.phantom.hosts import write_archive
from covidseg.archives.phantom.real_size import NOISE, at_real_size
from covidseg.config import in_use
from covidseg.config.loading import load_configuration
from covidseg.evaluation.sliding_window import predict_probabilities
from covidseg.runs import rehearsal
from covidseg.runs.epoch_times import EpochTime
from covidseg.runs.rehearsal_jobs import Finished, read_log
from covidseg.runs.rehearsal_plan import (
    few_cases,
    rehearsal_sections,
    rehearsed_experiments,
    strategies_left_out,
)
from covidseg.runs.rehearsal_table import failures, printed_table, rehearsal_table
from covidseg.runs.rehearsed_times import read_rehearsal, rehearsed_epochs, rehearsed_seconds
from papers import STRATEGIES, SYSTEMS
from test_sliding_window import FLOAT32, Pointwise
from test_volumes import parse_volume
from toy_workflow import make_toy, snakemake


@pytest.fixture(scope="module")
def load(papers_sheets):
    """Return a function that loads a configuration by its name, or by its sections."""

    def read(found):
        name = found if isinstance(found, str) else "rehearsal"
        sections = yaml.safe_load((ROOT / f"config/{found}.yaml").read_text()) if found == name else found
        return load_configuration(dict(sections), str(papers_sheets / f"{name}.yaml"), papers_sheets)

    return read


@pytest.fixture(scope="module")
def paper(load):
    return load("paper")


def test_one_experiment_of_each_strategy_is_rehearsed_and_one_localiser_of_each_system_and_map(paper):
    names = rehearsed_experiments(paper)
    trained = [paper.experiments[name].strategy for name in names if name in paper.experiments]
    assert set(trained) == set(STRATEGIES) - {"pretrain"}
    assert names[:2] == ["scratch", "continual-multi"]
    assert "collaborative-rc-g-rc-t-multi2" in names, "the last one has both relations"
    assert "task2-structseg-lung" in names, "it cuts the lungs out"
    systems = {paper.weak_models[paper.localisers[name].model].system for name in names[-5:]}
    assert systems == set(SYSTEMS)
    assert {paper.localisers[name].map for name in names[-5:]} >= {"cam", "grad-cam"}


@pytest.mark.parametrize("name", ["config", "paper", "public"])
def test_a_rehearsal_is_a_configuration_with_the_same_plan_and_one_fold(load, name):
    config = load(name)
    sections = rehearsal_sections(config, "cpu")
    rehearsed = load(sections)
    for key in ("plan", "network", "augmentation", "evaluation", "splits"):
        assert sections[key] == config.sections[key]
    assert sections["training"]["batch"] == config.sections["training"]["batch"]
    assert {one.folds for one in rehearsed.experiments.values()} == {1}
    assert {one.strategy for one in rehearsed.experiments.values()} == set(STRATEGIES)
    assert all(map(rehearsed.is_phantom, in_use.hosts(rehearsed))), "no network"
    assert strategies_left_out(config) == []
    assert config.sections["name"] == {"config": "phantom"}.get(name, name), "the original is untouched"


def test_a_figure_shows_and_segments_what_is_rehearsed(load, paper):
    shown = in_use.shown_artefacts(load(rehearsal_sections(paper, "cpu")))["yang2021"]["figure4"]
    assert shown["localisers"] == {"Decomposition": "weak-full"}
    assert shown["segmented"] == ["Decomposition"], "not the three without a part"


def test_a_rehearsal_has_a_case_to_train_and_a_case_to_test(paper):
    fold = paper.published_split("covid20")[0]
    train, test = few_cases(paper, "covid20")
    assert train in fold["train"]
    assert test in fold["val"]
    assert (train.split("_")[0], test.split("_")[0]) == ("coronacases", "radiopaedia"), "in HU, and windowed"
    assert few_cases(paper, "mosmed") == ["study_0255"]


def test_a_phantom_of_real_size_repeats_the_voxels_of_the_small_one():
    small = make_case("covid20", "coronacases_001", seed=1, rank=0.5)
    shape = tuple(2 * n for n in small.image.array.shape)
    large = at_real_size(small, Grid(shape, (1.0, 0.7, 0.7)), "coronacases_001")
    np.testing.assert_array_equal(large.lesion.array[1::2, ::2, 1::2], small.lesion.array)
    np.testing.assert_array_equal(large.lungs.array[::2, 1::2, ::2], small.lungs.array)
    lowest, highest = -1024, 3071
    difference = large.image.array[::2, ::2, ::2].astype(int) - small.image.array
    assert (difference.min(), difference.max()) == (-NOISE, NOISE)
    assert lowest == large.image.array.min(), "a DICOM file stores HU + 1024 without a sign"
    assert large.image.array.max() <= highest
    assert large.image.geometry.spacing == (1.0, 0.7, 0.7)
    middle = large.image.geometry.affine @ [*((n - 1) / 2 for n in reversed(shape)), 1]
    np.testing.assert_allclose(middle, [0, 0, 0, 1], atol=1e-9)


def test_an_archive_of_real_size_has_the_grid_that_is_asked_for(tmp_path):
    path = tmp_path / "study_0255.nii.gz"
    grid = ((41, 128, 96), (8.0, 0.73, 0.73))
    write_archive(path, "mosmed", path.name, cases=["study_0255"], cohort=["study_0255"], seed=1, grid=grid)
    volume = parse_volume(path.read_bytes(), path.name)
    assert (volume.array.shape, volume.geometry.spacing) == grid


def test_a_prediction_of_a_few_tiles_is_that_of_these_tiles_and_background():
    image = torch.randn(6, 8, 24)
    inference = {"step": 1.0, "mirror_axes": [], "tiles": 2}
    slabs = predict_probabilities(
        Pointwise(), image, (4, 8, 8), inference=inference, compute=FLOAT32, at_most=1
    )
    found = torch.cat(list(slabs), 1)
    expected = Pointwise()(image[None, None])[0].softmax(0)
    torch.testing.assert_close(found[:, :4, :, :8], expected[:, :4, :, :8])
    assert found[..., 8:].abs().max() == found[:, 4:].abs().max() == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "training on NVIDIA H200, bfloat16\nresumed at epoch 1, iteration 0\n"
            "done in 12.50 s, peak memory 3.25 GiB, of the GPU 5.50 GiB\n",
            Finished(12.5, 3.25, 5.5, "NVIDIA H200, bfloat16", resumed=True),
        ),
        ("done in 1.00 s, peak memory 0.10 GiB\nepoch 1 of 2\n", None),
        ("ERROR no space left\n", None),
    ],
)
def test_a_log_says_what_a_job_took_unless_it_goes_on_or_ends_otherwise(tmp_path, text, expected):
    (tmp_path / "job.log").write_text(text)
    assert read_log(tmp_path / "job.log") == expected
    assert read_log(tmp_path / "absent.log") is None


def fake_run(folder):
    """A run in which one training was killed and went on, one was not, a prediction failed, and a score lacks it."""
    files = {
        "logs/train/scratch.log": "resumed at epoch 1\ntraining on CPU\ndone in 50.00 s, peak memory 6.00 GiB",
        "logs/train/hybrid-multi.log": "training on CPU\ndone in 60.00 s, peak memory 7.00 GiB",
        "logs/predict/scratch.log": "first\nERROR it does not fit",
        "results/models/scratch/fold0/model.safetensors": "",
        "results/models/scratch/fold0/log.csv": "epoch,seconds\n0,40\n1,30\n",
        "results/models/hybrid-multi/fold0/model.safetensors": "",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return pd.DataFrame(
        [
            ("train", "results/models/scratch/fold0/model.safetensors", "logs/train/scratch.log"),
            ("train", "results/models/hybrid-multi/fold0/model.safetensors", "logs/train/hybrid-multi.log"),
            ("predict", "results/predictions/scratch/fold0", "logs/predict/scratch.log"),
            ("score", "results/scores/scratch/fold0.csv", "logs/score/scratch.log"),
            ("ingest", "results/cases/covid20/images", "logs/ingest/covid20.log"),
        ],
        columns=["rule", "file", "log"],
    )


def test_the_table_says_what_each_job_took_and_how_it_ended(load, paper, tmp_path):
    config = load(rehearsal_sections(paper, "cuda"))
    assert config.sections["training"]["iterations"] == 20
    table = rehearsal_table(config, fake_run(tmp_path), tmp_path)
    assert list(table["status"]) == ["done", "not resumed", "failed", "not run", "not run"]
    assert list(table["strategy"]) == ["scratch", "hybrid", "scratch", "scratch", "covid20"]
    assert table["seconds"].tolist()[:2] == [50, 60]
    assert table["seconds_per_iteration"][0] == 30 / 20, "the faster epoch, of 20 iterations"
    assert math.isnan(table["seconds_per_iteration"][1])
    assert printed_table(table)["Status"].tolist() == ["done", *["1 of 1 not done"] * 4]
    told = failures(table, tmp_path)
    assert len(told) == 4
    assert told[1] == (
        f"predict scratch: failed ({tmp_path}/logs/predict/scratch.log)\n    first\n    ERROR it does not fit"
    )


def test_what_failed_is_left_out_of_the_second_attempt(paper, tmp_path):
    sections = rehearsal_sections(paper, "cpu")
    assert rehearsal.without_failed(sections, tmp_path) is None
    for name in ("scratch", "cam"):
        (tmp_path / "results/scores" / name).mkdir(parents=True)
        (tmp_path / "results/scores" / name / "fold0.csv").touch()
    rest = rehearsal.without_failed(sections, tmp_path)
    assert rest["rehearsal"]["experiments"] == ["scratch", "cam"]
    assert rest["weak"]["lungs"] == "truth", "no lungs are segmented"
    sections["rehearsal"]["experiments"] = ["scratch", "cam"]
    assert rehearsal.without_failed(sections, tmp_path) is None, "the rest is what has run"


def test_a_full_disk_is_refused_before_anything_is_made(paper, tmp_path, monkeypatch):
    monkeypatch.setattr(rehearsal.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1e9}))
    with refused_in_one_line(r"1 GB are free, and a rehearsal needs \d\d; free some space"):
        rehearsal.check_disk(paper, tmp_path)


def test_rehearsed_seconds_are_per_epoch_of_the_whole_configuration(paper, tmp_path):
    path = tmp_path / "rehearsal.csv"
    path.write_text(
        "rule,strategy,device,seconds,seconds_per_iteration,peak_memory_gib,device_memory_gib,status,log\n"
        "train,scratch,H200,9,0.1,,,done,a\ntrain,scratch,H200,9,0.3,,,done,b\n"
        "train_weak,va-gan,H200,9,2,,,done,c\npredict,scratch,H200,9,,,,done,d\n"
        "ingest,covid20,,40,,,,done,e\ntrain,hybrid,,,,,,failed,f\n"
    )
    jobs = read_rehearsal(path)
    assert rehearsed_epochs(jobs, paper) == {
        "scratch": EpochTime(0.2 * 250, "rehearsed on H200"),
        "va-gan": EpochTime(2 * 218, "rehearsed on H200"),
    }
    seconds = rehearsed_seconds(jobs)
    assert seconds["ingest", "covid20"] == 40
    assert ("predict", "scratch") not in seconds, "it computes a part"
    assert read_rehearsal(tmp_path / "absent.csv").empty


@pytest.mark.slow
def test_a_rehearsal_runs_every_rule_and_says_what_failed(tmp_path):
    """One prediction fails: the rest goes on to its tables, and the rehearsal ends with an error."""
    toy = make_toy(tmp_path)
    (toy / "results").mkdir()
    (toy / "results" / "configuration.txt").write_text("another\n")
    (toy / "results" / "scores.csv").write_text("of another configuration\n")
    prediction = toy / "workflow" / "scripts" / "predict.py"
    prediction.write_text(
        prediction.read_text().replace(
            "        splits, fold",
            "        assert 'body-finetune' not in snakemake.output[0]\n        splits, fold",
        )
    )
    code, output = snakemake(toy, "rehearse", check=False)
    assert code == 1
    found = pd.read_csv(toy / "results/rehearsal/toy/rehearsal.csv").set_index(["rule", "strategy"])
    assert found["status"]["predict", "body-finetune"] == "failed"
    assert found["status"]["score", "body-finetune"] == "not run"
    assert set(found["status"].drop("body-finetune", level=1)) == {"done"}, output
    trained = found.loc[["pretrain", "train", "train_weak"]]
    assert (trained["seconds_per_iteration"] > 0).all()
    assert (trained["peak_memory_gib"] > 0).all()
    assert "AssertionError" in output
    assert "rehearsed on CPU" in output
    assert (toy / "results/scores.csv").read_text() == "of another configuration\n"
    assert (toy / "results/configuration.txt").read_text() == "another\n"
    assert not (toy / "data").exists()
