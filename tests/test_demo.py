"""What the phantom pipeline came to, where it has been run in this checkout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import docs_pictures
from conftest import ROOT
from covidseg.config.kinds import KINDS
from covidseg.files import digest
from covidseg.regions import LUNGS
from covidseg.segment import command
from covidseg.segment.models import INFECTION, find_model
from covidseg.volumes import read_volume
from test_release import assert_whole
from toy_workflow import jobs_of, snakemake

RESULTS = ROOT / "results"


@pytest.fixture(scope="module")
def scores():
    marker = RESULTS / "configuration.txt"
    if not marker.exists() or "phantom" not in marker.read_text() or not (RESULTS / "scores.csv").exists():
        pytest.skip("the phantom pipeline has not been run here; make demo does")
    return pd.read_csv(RESULTS / "scores.csv")


def test_every_artefact_is_there(scores):
    for paper, artefacts in yaml.safe_load((ROOT / "config" / "artefacts.yaml").read_text()).items():
        for name, artefact in artefacts.items():
            suffixes = KINDS[artefact["kind"]].suffixes
            for suffix in suffixes:
                assert (RESULTS / "paper" / paper / f"{name}{suffix}").stat().st_size > 0
            suffix = ".md" if ".md" in suffixes else ".png"
            assert (RESULTS / "paper" / paper / f"{name}{suffix}").stat().st_size > 500


@pytest.mark.parametrize("split", ["test_covid_cell", "test_covid19_image_data_collection"])
@pytest.mark.parametrize("rival", ["cam", "grad-cam"])
def test_the_framework_finds_lesions_better_than_class_activation(scores, split, rival):
    areas = scores[(scores["metric"] == "AUPRC") & (scores["split"] == split)].set_index("experiment")[
        "value"
    ]
    assert areas["weak-full"] > areas[rival] > 0


@pytest.fixture(scope="module")
def release(scores):
    """The phantom's release; --allowed-rules: nothing is trained for it, whatever has been edited since."""
    snakemake(ROOT, "release", "--allowed-rules", "release")
    return RESULTS / "release"


@pytest.mark.slow
def test_the_phantom_s_release_is_whole_and_has_the_numbers_of_the_tables(release):
    assert_whole(release)
    found = pd.read_csv(release / "scores.csv").set_index(["experiment", "metric"])
    table = pd.read_csv(RESULTS / "paper" / "wang2021" / "table1_intervals.csv")
    compared = table[table["experiment"].isin(found.index.get_level_values(0))]
    assert len(compared) == 2, "DSC and NSD of the best model of the infection"
    for row in compared.itertuples():
        own = found.loc[(row.experiment, row.metric)]
        assert own[["value", "low", "high"]].tolist() == pytest.approx([row.mean, row.low, row.high])


@pytest.mark.slow
def test_a_phantom_is_segmented_by_the_release(release, tmp_path):
    """With the same weights as the models of the run have, so with the same masks."""
    for regions in (INFECTION, LUNGS):
        here, there = (find_model(None, regions, models) for models in (RESULTS / "models", release))
        assert [digest(path) for path in here.weights] == [digest(path) for path in there.weights]
    scan = RESULTS / "cases" / "covid20" / "images" / "coronacases_001.nii.gz"
    one = find_model(None, INFECTION, release).weights[0]  # of one fold: the lungs come from the release
    words = [scan, "-o", tmp_path, "--model", one, "--step", "1"]
    assert command.main(["segment", *map(str, words)]) == 0
    assert read_volume(tmp_path / "coronacases_001" / "infection.nii.gz").array.any()


def dvc(*arguments):
    command = [Path(sys.executable).with_name("dvc"), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def checkout(scores):
    if not shutil.which("git"):
        pytest.skip("needs the program git")
    done = subprocess.run(["git", "rev-parse", "--git-dir"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no git checkout, without which make demo leaves DVC out: {done.stderr.strip()}")


@pytest.mark.slow
def test_dvc_finds_nothing_to_do(checkout):
    status = dvc("status")
    assert "up to date" in status, f"{status}\nmake demo, and commit dvc.lock and data.dvc"
    assert "Running" not in dvc("repro", "--dry")


@pytest.mark.slow
def test_snakemake_finds_nothing_to_do_either(checkout):
    """Though dvc, when it commits, gives single files a new time."""
    assert jobs_of(snakemake(ROOT, "-n")) == {}


# The weights, and what comes of them, are the same only on x86-64 processors with AVX2.
SAME_EVERYWHERE = ("ingest", "preprocess")


@pytest.mark.slow
def test_the_committed_lock_is_that_of_this_code_and_of_its_data(checkout):
    if os.environ.get("CI") != "true":
        pytest.skip("only a checkout of nothing but commits has to agree with them")
    committed = subprocess.run(
        ["git", "show", "HEAD:dvc.lock"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    stages, found = (yaml.safe_load(text)["stages"] for text in (committed, (ROOT / "dvc.lock").read_bytes()))
    for name, stage in stages.items():
        remedy = (
            f"{name}: the committed dvc.lock is another code's; make demo, then commit dvc.lock and data.dvc"
        )
        code = [
            [
                (dependency["path"], dependency["md5"])
                for dependency in part["deps"]
                if is_code(dependency["path"])
            ]
            for part in (stage, found[name])
        ]
        assert code[0] == code[1], remedy
        assert stage["params"] == found[name]["params"], remedy
        if name in SAME_EVERYWHERE:
            assert stage["outs"] == found[name]["outs"], remedy


def is_code(path):
    return path.startswith(("workflow/", "config/"))


@pytest.mark.parametrize("name", docs_pictures.FIGURES)
def test_the_guide_s_figure_is_the_demo_s(scores, name):
    """`python tests/docs_pictures.py` writes them; the pictures of pages in docs/ are as old."""
    made = docs_pictures.small_figure(RESULTS / "paper" / docs_pictures.FIGURES[name])
    coarse = [
        np.asarray(picture.convert("RGB").resize((140, 90), Image.Resampling.BOX)).astype(int)
        for picture in (made, Image.open(ROOT / "docs" / f"{name}.png"))
    ]
    assert np.abs(coarse[0] - coarse[1]).max() < 16
