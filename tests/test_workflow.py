"""The pipeline as a user runs it: from archives to artefacts, again, after changes, and after a stop."""

import base64
import csv
import json
import os
import re
import shutil
import subprocess
import time
import zipfile

import pytest

import dag_sizes
from covidseg.config.kinds import KINDS
from covidseg.files import digest
from site_browser import broken_links
from toy_workflow import (
    FIRST_OUTPUT,
    PARTS,
    SNAKEMAKE,
    change_yaml,
    copy_parts,
    copy_toy,
    finished_toy,
    jobs_of,
    snakemake,
    state_of,
    stop_in_epoch_three,
    svg_text,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The toy after its first run, shared by tests that only read."""
    folder = finished_toy(tmp_path_factory)
    before = state_of(folder)
    yield folder
    assert state_of(folder) == before, "a test has changed what all share"


@pytest.fixture
def toy(finished, tmp_path):
    """A finished toy of the test's own."""
    return copy_toy(finished, tmp_path / "toy")


def test_progress_and_the_way_to_the_results_are_shown(finished):
    output = (finished / FIRST_OUTPUT).read_text()
    assert jobs_of(output) == dag_sizes.TOY
    total = sum(dag_sizes.TOY.values()) - 1  # `all` makes no file
    told = re.findall(rf"^\[ *(\d+)/{total}\b", output, re.MULTILINE)
    assert told == [str(number) for number in range(1, total + 1)], "one line per finished job"
    assert "\x1b" not in output
    assert max(map(len, output.splitlines())) < 400
    tail = output[output.index("Done (toy). Look at:") :]
    for place in (
        "results/report/index.html",
        "results/paper",
        "results/scores.csv",
        "results/models",
        "logs",
    ):
        assert f"  {place} " in tail
    log = (finished / "logs" / "train" / "scratch" / "fold0.log").read_text()
    assert "2 of 2 epochs done" in log
    assert re.search(r"done in \d+\.\d\d s, peak memory 0\.\d\d GiB$", log)


def test_artefacts_and_scores_are_there_and_complete(finished):
    names = ["table1.csv", "table1.md", "table1.tex", "table1.html"]
    for name in (*names, "figure2.svg", "figure2.pdf", "figure2.png", "violin.svg", "violin.csv"):
        assert (finished / "results" / "paper" / "wang2021" / name).stat().st_size > 500
    with open(finished / "results" / "scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    # Seven metrics of a lung; of a lesion also five of volumes, the false positives, and three of lesions found;
    # where lungs are segmented too, two shares of the lungs.
    lung, lesion, shares = 7, 7 + 5 + 1 + 3, 2
    # Of each fold: 4 test cases; two lungs and infection, and MosMed; the source's one case.
    one, union, joint = 4 * lesion, 4 * (2 * lung + lesion + shares) + lesion, (4 + 1) * lesion
    # Six slices cut out of volumes and four of the archive's: DSC; AUPRC and the bound once per data set.
    weak = 6 + 4 + 2 * 2
    assert len(rows) == 2 * (one + one + union + joint) + 2 * weak
    without = {row["metric"] for row in rows if not row["patient"]}
    assert without == {"AUPRC", "DSC_lower_bound"}, "of all slices together"
    assert {(row["region"], row["split"]) for row in rows if row["experiment"] == "task1-union" and row["split"]} == {
        ("left_lung", "test"), ("right_lung", "test"), ("infection", "test"), ("infection", "mosmed"),
    }  # fmt: skip
    assert {(row["region"], row["split"]) for row in rows if row["experiment"] == "task3-msd" and row["split"]} == {
        ("infection", "test"), ("lesion", "validation"),
    }  # fmt: skip
    with open(finished / "results" / "paper" / "wang2021" / "table1.csv", newline="") as file:
        cells = list(csv.DictReader(file))
    assert {(cell["row"], cell["source"]) for cell in cells} == {
        ("Train from scratch", "none"),
        ("Body Fine-tuning", "MSD"),
    }
    splits = json.loads((finished / "results" / "splits.json").read_text())
    assert [len(fold["test"]) for fold in splits["covid20"][:2]] == [4, 4]
    for name in ("figure1.png", "datasets.html", "datasets.csv", "table9.tex", "figure4.svg", "figure5.png"):
        assert (finished / "results" / "paper" / "ma2021" / name).stat().st_size > 500


def copy_scores(finished, folder):
    """Copy the workflow with the scores and the localisers' numbers of pixels: no data, no models."""
    copy_parts(finished, folder)
    (folder / "results").mkdir()
    shutil.copy(finished / "results" / "scores.csv", folder / "results")
    shutil.copytree(finished / "results" / "curves", folder / "results" / "curves")


def test_an_empty_clone_rebuilds_every_table_and_violin_from_the_scores_alone(finished, tmp_path):
    """The same bytes."""
    copy_scores(finished, tmp_path)
    jobs = jobs_of(snakemake(tmp_path, "-n", "tables_and_violins"))
    assert jobs == dag_sizes.TOY_FROM_SCORES
    snakemake(tmp_path, "tables_and_violins")
    made = [path.relative_to(tmp_path) for path in (tmp_path / "results" / "paper").rglob("*.*")]
    rebuilt = [path for path in made if path.stem != "provenance"]
    assert len(rebuilt) == 3 * 7 + 2 * 4
    for path in rebuilt:
        assert (tmp_path / path).read_bytes() == (finished / path).read_bytes(), path
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / "results" / "models").exists()


def test_without_a_source_tables_and_violins_say_so_whatever_the_scores_hold(finished, tmp_path):
    copy_scores(finished, tmp_path)
    (tmp_path / "config" / "mine.yaml").write_text("{extends: config.yaml, name: mine, without: [msd]}")
    snakemake(tmp_path, "tables_and_violins", "--configfile", "config/mine.yaml")
    paper = tmp_path / "results" / "paper"
    with open(paper / "wang2021" / "table1.csv", newline="") as file:
        cells = [cell for cell in csv.DictReader(file) if cell["source"] == "MSD"]
    assert [cell["fold"] for cell in cells] == 2 * ["0", "1", "avg"]
    assert {(cell["ours_mean"], cell["status"], cell["left_out"]) for cell in cells} == {
        ("", "not run", "msd")
    }
    assert all(cell["published_mean"] for cell in cells)
    text = (paper / "wang2021" / "table1.md").read_text()
    assert re.search(r"Body Fine-tuning +\| MSD +\| not run \[0\.\d+ ± 0\.\d+\]", text)
    assert "Not run, as configuration mine is without msd: Body Fine-tuning." in text
    assert "Task3-MSD" in (paper / "ma2021" / "table9.html").read_text()
    drawn, before = (folder / "ma2021" / "figure4.svg" for folder in (paper, finished / "results" / "paper"))
    assert "Task3-MSD" in svg_text(before)
    assert svg_text(drawn).count("Task3-MSD") == 1
    assert "Notrun,asconfigurationmineiswithoutmsd:Task3-MSD." in svg_text(drawn)


def test_pooled_training_takes_the_published_cases_of_both_data_sets(finished):
    model = finished / "results" / "models" / "task3-msd" / "fold1" / "model.json"
    description, splits = (
        json.loads(model.read_text()),
        json.loads((finished / "results" / "splits.json").read_text()),
    )
    expected = [f"msd/{case}" for case in splits["msd"][0]["train"]]
    expected += [f"covid20/{case}" for case in splits["covid20"][1]["train"]]
    assert description["lineage"]["training_cases"] == expected
    assert description["labels"] == {"1": "lesion"}
    predicted = finished / "results" / "predictions" / "task3-msd" / "fold1"
    for name, fold in (("msd", splits["msd"][0]), ("covid20", splits["covid20"][1])):
        files = (predicted / name).glob("*.nii.gz")
        assert sorted(file.name.removesuffix(".nii.gz") for file in files) == fold["test"]


def test_a_model_tells_where_it_comes_from(finished):
    models = finished / "results" / "models"
    description = json.loads((models / "body-finetune-msd" / "fold1" / "model.json").read_text())
    parent = json.loads((models / "pretrain-msd" / "fold0" / "model.json").read_text())
    splits = json.loads((finished / "results" / "splits.json").read_text())
    lineage = description["lineage"]
    assert lineage["pretrained"] == {"experiment": "pretrain-msd", "weights_sha256": parent["weights_sha256"]}
    assert lineage["training_cases"] == [f"covid20/{case}" for case in splits["covid20"][1]["train"]]
    assert description["labels"] == {"1": "infection"}
    assert description["schedule"] == {"epochs": 2, "first_epoch": 0, "epoch_max": 2}
    assert parent["schedule"] == {"epochs": 2, "first_epoch": 0, "epoch_max": 2}
    assert description["parameters"].keys() == {"encoder", "decoder", "head"}
    assert all(numbers["new"] == numbers["frozen"] == 0 for numbers in description["parameters"].values())
    assert description["plan"] == {"spacing": [10.0, 7.5, 7.5], "patch": [8, 32, 32]}
    log = (finished / "logs" / "train" / "body-finetune-msd" / "fold1.log").read_text()
    assert "loaded from results/models/pretrain-msd/fold0/model.safetensors: 36 tensors" in log
    assert "segmentation heads: pre-trained (option head: auto)" in log
    assert "new: 0 tensors" in log
    assert "frozen: 0 tensors" in log


def test_a_system_that_learns_from_image_level_labels_has_read_no_mask(finished):
    model = b"results/models/weak-full/fold0/model.safetensors"
    record = finished / ".snakemake" / "metadata" / base64.b64encode(model).decode()
    assert json.loads(record.read_text())["input"] == ["results/slices/capepoint/images"]


def test_a_second_run_does_nothing(toy):
    assert "Nothing to be done" in snakemake(toy)


def test_the_run_tells_what_its_results_come_from(finished):
    found = json.loads((finished / "results" / "paper" / "provenance.json").read_text())
    assert found["configuration"]["name"] == "toy"
    assert found["commit"] == {"id": None, "remark": found["commit"]["remark"]}
    archive = finished / "data" / "raw" / "msd" / "Task06_Lung.tar"
    assert found["data"]["msd/Task06_Lung.tar"]["sha256"] == digest(archive)
    trainings = {rule: dag_sizes.TOY[rule] for rule in ("pretrain", "train", "train_weak")}
    assert found["devices"] == {"CPU with 1 thread, float32": sum(trainings.values())}
    jobs = {rule: time["jobs"] for rule, time in found["wall_times"].items()}
    assert trainings | {"collect": 1} == {rule: jobs[rule] for rule in (*trainings, "collect")}
    assert found["wall_times"]["train"]["longest"] < found["wall_times"]["train"]["seconds"]


def test_the_report_holds_tables_figures_misprints_and_provenance_and_needs_no_network(toy, tmp_path):
    offline = ["unshare", "--net", "--map-root-user"]
    if subprocess.run([*offline, "true"], capture_output=True).returncode:
        offline = []
    report = tmp_path / "report.html"
    subprocess.run([*offline, SNAKEMAKE, "--report", report], cwd=toy, check=True, capture_output=True)
    text = report.read_text()
    embedded = text.split('<script id="results">')[1].split("var results = ")[1]
    results, _ = json.JSONDecoder().raw_decode(embedded)
    for name in (
        "wang2021/table1.html",
        "wang2021/violin.svg",
        "ma2021/figure1.svg",
        "errata.html",
        "provenance.html",
    ):
        assert results[f"results/paper/{name}"]["data_uri"].startswith("data:"), name
    table = results["results/paper/wang2021/table1.html"]
    assert "Configuration: toy" in table["caption"]
    assert table["labels"]["Result"] == "Table 1 of wang2021"
    assert "made anew by one pipeline" in text, "the front page"
    assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="https?:', text), (
        "all of it is in the one file"
    )


def test_a_report_in_a_zip_file_holds_the_site_too(toy, tmp_path):
    subprocess.run([SNAKEMAKE, "--report", tmp_path / "report.zip"], cwd=toy, check=True, capture_output=True)
    names = zipfile.ZipFile(tmp_path / "report.zip").namelist()
    for path in (toy / "results" / "report").rglob("*.html"):
        assert any(name.endswith(str(path.relative_to(toy / "results" / "report"))) for name in names), path


def test_the_site_of_the_toy_has_no_broken_link(toy):
    assert broken_links(toy / "results" / "report") == []


def test_a_clone_of_the_results_alone_is_up_to_date_without_the_last_runs_provenance(toy):
    for name in ("provenance.json", "provenance.html"):
        (toy / "results" / "paper" / name).unlink()
    assert "Nothing to be done" in snakemake(toy, "-n")


def test_touching_every_file_reruns_nothing(toy):
    time.sleep(1.1)
    for part in PARTS:
        for path in [toy / part, *(toy / part).rglob("*")]:
            os.utime(path)
    assert "Nothing to be done" in snakemake(toy, "-n")


def test_another_learning_rate_trains_again(toy):
    change_yaml(
        toy / "config" / "config.yaml", lambda content: content["training"].update(learning_rate=0.123)
    )
    jobs = jobs_of(snakemake(toy, "-n"))
    assert {rule: jobs[rule] for rule in ("pretrain", "train")} == {
        rule: dag_sizes.TOY[rule] for rule in ("pretrain", "train")
    }
    assert "preprocess" not in jobs


def test_another_configuration_does_not_overwrite_the_results(toy):
    path = toy / "config" / "config.yaml"
    original = path.read_text()
    change_yaml(path, lambda content: content.update(name="other", seed=1))
    code, output = snakemake(toy, check=False)
    path.write_text(original)
    assert code != 0
    assert (
        "hold configuration 'toy', this run is 'other': give it a folder of its own (--directory runs/other)"
        in output
    )
    assert "Traceback" not in output
    assert "Nothing to be done" in snakemake(toy)


def test_the_same_training_gives_the_same_bytes(toy):
    model = toy / "results" / "models" / "scratch" / "fold0" / "model.safetensors"
    before = model.read_bytes()
    snakemake(toy, "--force", str(model.relative_to(toy)))
    assert model.read_bytes() == before


@pytest.mark.parametrize(
    ("sheet", "change", "message"),
    [
        ("config", {"trainig": {}}, "config/config.yaml: top level: unknown key 'trainig'; allowed: name"),
        ("experiments", {"sources": 3}, "experiments.yaml: sources: 3 is not of type object"),
    ],
)
def test_a_typo_is_refused_before_any_job(toy, sheet, change, message):
    change_yaml(toy / "config" / f"{sheet}.yaml", lambda content: content.update(change))
    code, output = snakemake(toy, check=False)
    assert code != 0
    assert message in output
    assert "Traceback" not in output
    assert "Job stats" not in output


def test_a_damaged_archive_stops_the_run_in_one_line(toy):
    path = toy / "data" / "raw" / "msd" / "Task06_Lung.tar"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    code, output = snakemake(toy, "results/cases/msd/cases.csv", check=False)
    assert code != 0
    assert "data/raw/msd/Task06_Lung.tar: truncated or not an archive" in output
    assert "Traceback" not in output
    assert not (toy / "results" / "cases" / "msd" / "cases.csv").exists()


def test_an_interrupted_run_goes_on_where_it_was(toy):
    """Ctrl-C in the middle of a training, then the same command again."""
    target = "results/models/scratch/fold1/model.safetensors"
    log = stop_in_epoch_three(toy, target)
    assert not (toy / target).exists()
    assert (toy / "results" / "state" / "scratch" / "fold1" / "state.safetensors").exists()
    snakemake(toy, target)
    assert "resumed at epoch" in log.read_text()
    assert (toy / target).exists()
    assert not (toy / "results" / "state" / "scratch" / "fold1").exists()


def test_a_case_is_left_out_everywhere_and_named_with_the_reason(toy):
    """Of the five cases of MSD, four train; and the reason in other words reruns only what prints it."""

    def leave_out(reason):
        change = {"lung_001": reason}
        change_yaml(toy / "config/datasets.yaml", lambda sheet: sheet["msd"].update(leave_out=change))

    leave_out("half a scan")
    output = snakemake(toy)
    note = "Left out of the published split of msd: lung_001 (half a scan)."
    assert f"WARNING {note}" in output
    assert "WARNING msd: cases found: 5, taken: 4; left out: lung_001 (half a scan)" in output
    results = toy / "results"
    assert not list(results.glob("*/msd/**/lung_001*"))
    splits = json.loads((results / "splits.json").read_text())
    assert [len(splits["msd"][0][part]) for part in ("train", "test")] == [3, 1]
    model = json.loads((results / "models/pretrain-msd/fold0/model.json").read_text())
    assert model["lineage"]["training_cases"] == [f"msd/{case}" for case in splits["msd"][0]["train"]]
    paper = results / "paper"
    for page in ("wang2021/table1.md", "wang2021/claims.md", "ma2021/datasets.md", "ma2021/table9.html"):
        assert note in (paper / page).read_text(), page
    assert note.replace(" ", "") in svg_text(paper / "wang2021/violin.svg")
    for page in ("yang2021/numbers.md", "wang2021/parameters.md"):
        assert "Left out of" not in (paper / page).read_text(), page
    snakemake(toy, "export_nnunet")
    assert note in (results / "nnunet_raw/Dataset504_Msd/dataset.json").read_text().replace(
        "Medical Segmentation Decathlon, Task06 Lung", "msd"
    )

    leave_out("half of the scan is missing")
    jobs = jobs_of(snakemake(toy, "-n"))
    made = {rule for rule in jobs if not rule.startswith("site")}
    assert made <= {"all", *(kind.rule for kind in KINDS.values())}
    assert {"table", "violin", "claims", "describe"} <= set(jobs)
    snakemake(toy)
    assert "(half of the scan is missing)" in (paper / "wang2021/table1.md").read_text()
