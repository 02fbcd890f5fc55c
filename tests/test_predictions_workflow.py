"""Predictions that were made elsewhere, through the whole workflow: scored, in tables and figures, and in the site."""

import shutil

import pandas as pd
import pytest
import SimpleITK as sitk

import dag_sizes
from covidseg.site.file_names import case_page
from site_browser import broken_links, opened
from toy_workflow import copy_toy, finished_toy, jobs_of, snakemake, svg_text

pytestmark = pytest.mark.slow

FOLDS = dag_sizes.TOY_FOLDS
# What reads all scores; the rest of the jobs are those of the two folds, and the table of the networks.
READERS = ("collect", "summarise", "table", "violin", "visual", "volumes", "bland_altman", "claims")
SITE = ("site_paper", "site_cases", "site_slices", "site_case_index", "site")
ANEW = {rule: dag_sizes.TOY[rule] for rule in (*READERS, *SITE, "all")}
OWN = """
experiments:
  half:
    paper: wang2021
    predictions: own/{dataset}/{fold}/{case}.nrrd
    regions: {4: infection}
    train: [covid20]
    folds: 2
    evaluate: {covid20: test}
artefacts:
  wang2021:
    table1: {rows: &own {Upper half: half}}
    violin: {rows: *own}
    parameters: {rows: *own}
    figure2: {columns: *own}
"""


def write_predictions(toy):
    """Write the upper half of the true infection as NRRD, in another orientation, with label 4; no model's."""
    splits = pd.read_json(toy / "results" / "splits" / "covid20.json")["covid20"][:FOLDS]
    for fold, split in enumerate(splits):
        (toy / "own" / "covid20" / str(fold)).mkdir(parents=True)
        for case in split["test"]:
            truth = sitk.ReadImage(toy / "results" / "cases" / "covid20" / "labels" / f"{case}.nii.gz")
            array = sitk.GetArrayFromImage(truth)
            array[: upper(array)] = 0
            half = sitk.GetImageFromArray(4 * array)
            half.CopyInformation(truth)
            sitk.WriteImage(sitk.DICOMOrient(half, "SAR"), prediction(toy, fold, case))


def prediction(toy, fold, case):
    return toy / "own" / "covid20" / str(fold) / f"{case}.nrrd"


def upper(array):
    """The first slice of the upper half of the infection."""
    marked = array.any(axis=(1, 2)).nonzero()[0]
    return int(marked.mean()) if len(marked) else 0


def expected_dsc(toy, case):
    array = sitk.GetArrayFromImage(
        sitk.ReadImage(toy / "results" / "cases" / "covid20" / "labels" / f"{case}.nii.gz")
    )
    whole, found = int((array > 0).sum()), int((array[upper(array) :] > 0).sum())
    return 2 * found / (whole + found)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A finished toy, with two folds of predictions that are scored and shown; and the jobs that this took."""
    toy = copy_toy(finished_toy(tmp_path_factory), tmp_path_factory.mktemp("predictions") / "toy")
    (toy / "config" / "local" / "own.yaml").write_text(OWN)
    write_predictions(toy)
    output = snakemake(toy)
    assert "Predicted elsewhere" not in output
    return toy, output


def test_only_what_shows_it_is_made_and_nothing_is_trained(toy):
    toy, output = toy
    jobs = pd.Series([line.split("] ")[1].split()[0] for line in output.splitlines() if line.startswith("[")])
    expected = ANEW | {"import_predictions": FOLDS, "score": FOLDS, "count": 1, "site_data": 1}
    del expected["all"]
    assert jobs.value_counts().to_dict() == expected
    assert "double '/'" not in output, "no path of a model that is not there"
    assert jobs_of(snakemake(toy, "-n")) == {}
    assert not (toy / "results" / "models" / "half").exists()


def test_its_scores_are_those_by_hand_and_stand_beside_ours(toy):
    toy, _ = toy
    scores = pd.read_csv(toy / "results" / "scores.csv", dtype={"fold": str})
    own = scores[(scores.experiment == "half") & (scores.metric == "DSC")].dropna(subset="value")
    assert set(own.fold) == {"0", "1"}
    assert len(own) == 8
    for row in own.itertuples():
        assert row.value == pytest.approx(expected_dsc(toy, row.case), abs=1e-8)
    assert "time" not in set(scores[scores.experiment == "half"].metric)
    cells = pd.read_csv(toy / "results" / "paper" / "wang2021" / "table1.csv", keep_default_na=False)
    mean = cells[(cells.row == "Upper half") & (cells.fold == "avg") & (cells.metric == "DSC")].iloc[0]
    assert float(mean.ours_mean) == pytest.approx(own.value.mean(), abs=1e-8)
    assert (mean.status, mean.experiment, int(mean.n)) == ("run", "half", 8)
    assert cells[cells.row == "Train from scratch"].status.eq("run").all()
    tests = pd.read_csv(toy / "results" / "paper" / "wang2021" / "table1_tests.csv")
    assert {"half", "scratch"} <= {*tests.a, *tests.b}
    text = (toy / "results" / "paper" / "wang2021" / "table1.md").read_text()
    assert "Predicted elsewhere, and only scored here: Upper half." in text
    assert "Without Upper half" in (toy / "results" / "paper" / "wang2021" / "parameters.md").read_text()
    for name in ("violin", "figure2"):
        assert "Upperhalf" in svg_text(toy / "results" / "paper" / "wang2021" / f"{name}.svg"), name


def test_the_site_shows_it_without_a_training(toy, chromium):
    folder = toy[0] / "results" / "report"
    assert [link for link in broken_links(folder) if not link.startswith("docs/")] == [], (
        "the guide has its own test"
    )
    paper = (folder / "papers" / "wang2021" / "index.html").read_text()
    assert "half, predicted elsewhere" in paper
    assert "half" not in (folder / "trainings" / "index.html").read_text()
    with opened(chromium, folder / case_page("covid20", "coronacases_004")) as (page, complaints):
        page.locator("#readout", has_text="voxel").wait_for()
        assert page.locator("#origin", has_text="Training of A: scratch, fold 0").count() == 1
        assert page.locator("#origin", has_text="B was predicted elsewhere: half").count() == 1
        assert page.locator("#origin", has_text="Training of B").count() == 0
        assert page.locator("#scores th", has_text="half").count() == 1
        assert complaints == []
    with opened(chromium, folder / "cases" / "index.html") as (page, complaints):
        page.locator("#model").select_option("half")
        assert page.locator("#training").is_hidden()
        page.locator("#model").select_option("scratch")
        assert page.locator("#training").get_attribute("href").endswith("#scratch/fold0")
        assert complaints == []


def test_a_changed_file_is_scored_anew_with_what_reads_all_scores(toy):
    toy, _ = toy
    shutil.copyfile(prediction(toy, 1, "coronacases_007"), toy / "kept")
    prediction(toy, 1, "coronacases_007").write_bytes((toy / "kept").read_bytes())
    assert jobs_of(snakemake(toy, "-n")) == ANEW | {"import_predictions": 1, "score": 1}


def test_missing_files_are_named(toy, tmp_path):
    toy, _ = toy
    target, cases = "results/predictions/half/fold1", ("coronacases_007", "coronacases_008")
    for case in cases:
        prediction(toy, 1, case).rename(tmp_path / case)
    code, output = snakemake(toy, target, check=False)
    assert code != 0
    named = ", ".join(f"own/covid20/1/{case}.nrrd" for case in cases)
    assert f"2 of 4 predictions are not there: {named}; predict these cases too" in output
    assert "Traceback" not in output
    (toy / "own" / "covid20").rename(toy / "own" / "away")
    code, output = snakemake(toy, target, check=False)
    assert code != 0
    assert (
        "predictions: no file own/covid20/1/*.nrrd; predict the cases, or correct experiments.yaml" in output
    )
    (toy / "own" / "away").rename(toy / "own" / "covid20")
    for case in cases:
        (tmp_path / case).rename(prediction(toy, 1, case))
