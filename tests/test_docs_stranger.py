"""A stranger's hour: a data set, a strategy and two figures, added by the blocks of the pages alone."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

import dag_sizes
from conftest import ROOT
from covidseg.archives.phantom.cohort import make_case
from covidseg.evaluation import metrics
from covidseg.volumes import write_volume
from docs_blocks import blocks
from toy_workflow import copy_toy, documented_data_set, finished_toy, jobs_of, snakemake, svg_text

WANTED = ("table1.html", "msd-violin.svg", "means.svg")
pytestmark = pytest.mark.slow


def write_scans(folder):
    """Write five scans with masks of lesions, as NIfTI files in a folder per patient."""
    for number in range(5):
        case = make_case("msd", f"patient_{number}", seed=1, rank=number / 4)
        write_volume(folder / f"patient_{number}" / "ct.nii.gz", case.image)
        write_volume(folder / f"patient_{number}" / "lesion.nii.gz", case.lesion)


def follow(page, checkout):
    """Do what the blocks of a page say: write new files, and add to files that are there."""
    for block in blocks("yaml", "python", page=page):
        path = checkout / block.file
        before = path.read_text() + "\n\n" if path.exists() else ""
        path.write_text(before + block.text)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The finished toy with the data set, before anything runs."""
    toy = copy_toy(finished_toy(tmp_path_factory), tmp_path_factory.mktemp("stranger") / "toy")
    scans = tmp_path_factory.mktemp("scans")
    write_scans(scans)
    own = documented_data_set()
    assert own["datasets"]["hospital"]["archives"] == {"scans.zip": {"address": "file:/path/to/scans"}}
    text = yaml.safe_dump(own).replace("/path/to/scans", str(scans))
    (toy / "config" / "local" / "my.yaml").write_text(text)
    return toy


@pytest.fixture(scope="module")
def planned(checkout):
    """The jobs of the data set alone."""
    return jobs_of(snakemake(checkout, "-n"))


@pytest.fixture(scope="module")
def extended(checkout, planned):
    """The toy after a run with the data set, the strategy and the figures."""
    for page in ("strategy.md", "figure.md"):
        follow(page, checkout)
    decoder = checkout / "config" / "local" / "decoder.yaml"
    decoder.write_text(decoder.read_text().replace("folds: 5", f"folds: {dag_sizes.TOY_FOLDS}"))
    trained = {
        path: path.stat().st_mtime_ns for path in checkout.glob("results/models/*/fold*/model.safetensors")
    }
    snakemake(checkout, *(f"results/paper/wang2021/{name}" for name in WANTED))
    assert {path: path.stat().st_mtime_ns for path in trained} == trained, "nothing is trained anew"
    return checkout


def cells(folder, **wanted):
    """Return the rows of Table 1 of wang2021 with these values."""
    with open(folder / "results/paper/wang2021/table1.csv", newline="") as file:
        return [row for row in csv.DictReader(file) if wanted.items() <= row.items()]


def test_the_data_set_makes_its_own_jobs_alone(planned):
    assert {
        rule: n for rule, n in planned.items() if not rule.startswith("site")
    } == dag_sizes.TOY_WITH_A_DATA_SET


def test_the_data_set_has_its_rows(extended):
    found = cells(extended, source="Hospital")
    assert [(cell["row"], cell["metric"], cell["fold"]) for cell in found] == [
        ("Body Fine-tuning", metric, fold) for metric in ("DSC", "NSD") for fold in ("0", "1", "avg")
    ]
    assert all(0 <= float(cell["ours_mean"]) <= 1 and not cell["published_mean"] for cell in found)
    assert [cell["n"] for cell in found] == 2 * ["4", "4", "8"]
    text = (extended / "results/paper/wang2021/table1.md").read_text()
    assert re.search(r"Body Fine-tuning +\| Hospital +\| .*0\.\d{3}\W.*± 0\.\d{3}.* \[–\]", text)
    model = json.loads((extended / "results/models/pretrain-hospital/fold0/model.json").read_text())
    assert len(model["lineage"]["training_cases"]) == 4, "of five patients"


def test_the_strategy_has_its_rows_and_loads_the_encoder_alone(extended):
    found = cells(extended, row="New decoder", metric="DSC")
    assert [(cell["source"], cell["fold"]) for cell in found] == [("MSD", "0"), ("MSD", "1"), ("MSD", "avg")]
    assert all(0 <= float(cell["ours_mean"]) <= 1 for cell in found)
    model = json.loads((extended / "results/models/new-decoder-msd/fold0/model.json").read_text())
    assert model["parameters"]["encoder"]["new"] == 0
    assert model["parameters"]["decoder"]["loaded"] == 0


def test_the_figures_show_their_rows(extended):
    paper = extended / "results" / "paper" / "wang2021"
    assert "BodyFine-tuning,MSD" in svg_text(paper / "msd-violin.svg")
    means = svg_text(paper / "means.svg")
    for row in (
        "Trainfromscratch,none",
        "BodyFine-tuning,MSD",
        "BodyFine-tuning,Hospital",
        "Configuration:toy.",
    ):
        assert row in means
    for suffix in ("pdf", "png"):
        assert (paper / f"means.{suffix}").stat().st_size > 1000


def test_the_metric_of_the_page_is_right():
    """Two masks of 4 and 2 voxels that share 1: Jaccard 1/5."""
    (block,) = [block for block in blocks("python", page="metric.md") if block.file]
    assert (ROOT / block.file).samefile(Path(metrics.__file__))
    space = {name: getattr(metrics, name) for name in ("Masks", "ratio")} | {"METRICS": {}}
    exec(block.text, space)
    truth, prediction = np.zeros((2, 1, 1, 10), bool)
    truth[..., :4] = prediction[..., 3:5] = True
    rule = {"smallest_ml": 0, "overlap": 0}
    masks = metrics.Masks(truth, prediction, (1.0, 1.0, 1.0), 1.0, rule)
    assert space["METRICS"]["Jaccard"](masks) == pytest.approx(1 / 5)
