"""The pipeline under DVC: its stages, its metrics, its remotes, and that it agrees with Snakemake."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
import playwright.sync_api
import pytest
import yaml

import dag_sizes
from conftest import NEEDS_GIT, ROOT
from covidseg.config.kinds import KINDS
from covidseg.runs.code import imported
from covidseg.training.strategies import STRATEGIES
from covidseg.weak import SYSTEMS
from toy_workflow import change_yaml, copy_toy, finished_toy, jobs_of, snakemake

pytestmark = NEEDS_GIT
BINARIES = Path(sys.executable).parent
PARTS = (
    ".dvc/config",
    ".dvc/.gitignore",
    ".dvc/plots/trainings.json",
    ".dvcignore",
    ".gitignore",
    "dvc.yaml",
)
CHROMIUM = "/usr/bin/chromium"
STAGES = ["ingest", "preprocess", "train", "evaluate", "paper", "site"]
STORE = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
WHO = {
    f"GIT_{who}_{what}": "test@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


def run(folder, *command):
    environment = os.environ | STORE | WHO | {"PATH": f"{BINARIES}:{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dvc(folder, *arguments):
    return run(folder, "dvc", *arguments)


def git(folder, *arguments):
    return run(folder, "git", *arguments)


def stages_to_run(folder):
    return re.findall(r"Running stage '(\w+)'", dvc(folder, "repro", "--dry"))


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    """The toy's results in a repository of its own, under DVC; shared, and copied before anything runs there."""
    folder = copy_toy(finished_toy(tmp_path_factory), tmp_path_factory.mktemp("dvc") / "toy")
    for part in PARTS:
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / part, folder / part)
    git(folder, "init", "--quiet")
    dvc(folder, "add", "data")
    dvc(folder, "commit", "--force")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "Lock")
    return folder


@pytest.fixture
def toy(committed, tmp_path):
    """A committed toy of the test's own."""
    return copy_toy(committed, tmp_path / "toy")


@pytest.fixture(scope="module")
def s3():
    """The address of a server with S3's interface on this machine, with a bucket."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [BINARIES / "moto_server", "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.1)
        client = boto3.client(
            "s3", endpoint_url=address, region_name=STORE["AWS_DEFAULT_REGION"],
            aws_access_key_id=STORE["AWS_ACCESS_KEY_ID"], aws_secret_access_key=STORE["AWS_SECRET_ACCESS_KEY"],
        )  # fmt: skip
        client.create_bucket(Bucket="covidseg")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


SCRIPTS = ROOT / "workflow" / "scripts"
# Modules that a script imports only where a job needs them.
CHOSEN_BY_A_JOB = {
    "ingest": ["covidseg/archives/phantom/hosts", "covidseg/archives/download", "covidseg/config/loading"],
    "train": [f"covidseg/training/strategies/{strategy.module}" for strategy in STRATEGIES.values()],
    "evaluate": [f"covidseg/weak/{system.module}" for system in SYSTEMS.values()],
    "paper": [f"covidseg/paper/{kind.module}" for kind in KINDS.values()],
    "site": [f"covidseg/site/{path.stem}" for path in SCRIPTS.glob("covidseg/site/*_part.py")]
    + ["covidseg/site/front"],
}


def code_of_stages():
    """Return stage -> the paths of code that it depends on."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert list(stages) == STAGES
    return {
        name: [path for path in stage["deps"] if path.startswith("workflow/scripts/")]
        for name, stage in stages.items()
    }


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_depends_on_the_code_that_it_runs_and_on_no_other(stage):
    places = [ROOT / path for path in code_of_stages()[stage]]
    scripts = [place.stem for place in places if place.parent == SCRIPTS]
    files = imported(SCRIPTS, [*scripts, *CHOSEN_BY_A_JOB.get(stage, [])])
    behind = {file: [place for place in places if file.is_relative_to(place)] for file in files}
    assert [file for file, found in behind.items() if not found] == []
    assert set(places) == {place for found in behind.values() for place in found}


def test_every_script_of_the_pipeline_belongs_to_a_stage():
    scripts = {path.stem for path in SCRIPTS.glob("*.py")}
    staged = {
        Path(path).stem for paths in code_of_stages().values() for path in paths if path.count("/") == 2
    }
    assert scripts - staged == {
        "check",
        "export_model",
        "export_nnunet",
        "progress",
        "rehearse",
        "release",
        "segment",
        "workload",
    }, "which run by their names only"


def test_every_parameter_of_a_stage_is_one_of_the_configuration():
    sections = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    for stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values():
        for key in stage["params"][0]["config/config.yaml"]:
            value = sections
            for part in key.split("."):
                value = value[part]


@pytest.mark.slow
def test_after_a_run_there_is_nothing_to_do_and_touching_files_changes_that_in_neither(toy):
    assert "up to date" in dvc(toy, "status")
    for path in [*(toy / "workflow").rglob("*.*"), *(toy / "config").rglob("*.*")]:
        os.utime(path)
    assert "up to date" in dvc(toy, "status")
    assert stages_to_run(toy) == []
    assert "Running" not in dvc(toy, "repro")
    assert jobs_of(snakemake(toy, "-n")) == {}


@pytest.mark.slow
def test_another_learning_rate_trains_again_in_both(toy):
    change_yaml(
        toy / "config" / "config.yaml", lambda content: content["training"].update(learning_rate=0.123)
    )
    assert stages_to_run(toy) == ["train"], "and what depends on its models, once they are others"
    jobs = jobs_of(snakemake(toy, "-n"))
    assert {rule: jobs[rule] for rule in ("pretrain", "train")} == {
        rule: dag_sizes.TOY[rule] for rule in ("pretrain", "train")
    }
    assert "preprocess" not in jobs


@pytest.mark.slow
def test_editing_a_figure_draws_it_again_in_both_and_nothing_else(toy):
    with open(toy / "workflow" / "scripts" / "covidseg" / "paper" / "violin.py", "a") as file:
        file.write("\nEDITED = True\n")
    violins = dag_sizes.TOY["violin"]
    drawn = {"violin": violins, "site_paper": violins, "site": 1, "all": 1}
    assert jobs_of(snakemake(toy, "-n")) == drawn
    assert stages_to_run(toy) == ["paper", "site"]
    before = (toy / "results" / "paper" / "ma2021" / "figure5.png").stat().st_mtime_ns
    violin = toy / "results" / "paper" / "wang2021" / "violin.png"
    violin.write_bytes(b"old")
    os.utime(violin, (0, 0))
    dvc(toy, "repro")
    assert violin.stat().st_size > 500
    assert (toy / "results" / "paper" / "ma2021" / "figure5.png").stat().st_mtime_ns == before
    assert "up to date" in dvc(toy, "status")


@pytest.mark.slow
def test_metrics_are_the_mean_scores_of_every_strategy_and_are_compared_with_a_commit(toy):
    """One file per experiment, so that `dvc metrics show` has one row per experiment."""
    shown = json.loads(dvc(toy, "metrics", "show", "--json"))[""]["data"]
    folder = toy / "results" / "metrics"
    metrics = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert {path: entry["data"] for path, entry in shown.items()} == {
        f"results/metrics/{name}.json": values for name, values in metrics.items()
    }
    assert set(metrics) == {"scratch", "body-finetune-msd", "task3-msd"}
    printed = dvc(toy, "metrics", "show").splitlines()
    assert printed[0].split() == ["Path", "DSC", "NSD"]
    assert len(printed) == 1 + len(metrics)
    assert max(map(len, printed)) < 80
    metrics["scratch"]["DSC"] += 0.25
    (folder / "scratch.json").write_text(json.dumps(metrics["scratch"]))
    difference = json.loads(dvc(toy, "metrics", "diff", "--json", "HEAD"))
    assert difference["results/metrics/scratch.json"]["DSC"]["diff"] == pytest.approx(0.25)


@pytest.fixture(scope="module")
def plots(committed, tmp_path_factory):
    """The page of `dvc plots show`."""
    folder = tmp_path_factory.mktemp("plots")
    dvc(committed, "plots", "show", "--out", str(folder))
    return folder / "index.html"


@pytest.mark.slow
def test_plots_show_the_strategies_the_trainings_and_the_violins(plots):
    page = plots.read_text()
    for text in ("Mean DSC", "Mean NSD", "Loss of every training", "body-finetune-msd", "violin.png"):
        assert text in page


# In place of the library that the page loads from the network: it looks for the place of a plot as the library does.
VEGA = """
window.drawn = {};
window.vegaEmbed = (place, plot) => { document.querySelector(place).append("drawn"); drawn[place] = plot; };
"""


@pytest.mark.slow
def test_a_browser_draws_every_plot(plots, browser, tmp_path):
    """Without network: whether each plot reaches its place; an apostrophe in a plot's name broke the page."""
    page, errors = open_page(
        browser, plots, lambda route: route.fulfill(body=VEGA, content_type="text/javascript")
    )
    drawn = page.evaluate("drawn")
    page.screenshot(path=tmp_path / "plots.png", full_page=True)
    assert errors == []
    assert len(drawn) == 3
    trainings = drawn["#Loss_of_every_training"]["data"]["values"]
    assert {row["experiment"] for row in trainings} == {
        *(
            "scratch",
            "body-finetune-msd",
            "task1-union",
            "task3-msd",
            "pretrain-msd",
            "weak-full",
            "classifier",
        )
    }
    bars = [drawn[f"#Mean_{metric}_on_the_test_cases_of_the_target"] for metric in ("DSC", "NSD")]
    assert [len(plot["data"]["values"]) for plot in bars] == [3, 3]
    assert page.locator("img").evaluate_all("images => images.map(image => image.naturalWidth > 0)") == [True]


@pytest.mark.slow
def test_a_browser_with_network_draws_every_plot(plots, browser, tmp_path):
    """With the library itself."""
    page, errors = open_page(browser, plots, lambda route: route.continue_())
    if any("ERR_" in error for error in errors):
        pytest.skip(f"the page of DVC loads its library from the network: {errors[0]}")
    page.wait_for_selector("#Loss_of_every_training .marks")
    page.screenshot(path=tmp_path / "plots.png", full_page=True)
    assert errors == []
    sizes = page.locator(".marks").evaluate_all("plots => plots.map(plot => plot.clientWidth)")
    assert len(sizes) == 3
    assert min(sizes) > 200


@pytest.fixture(scope="module")
def browser():
    """The system's Chromium, without a window."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no {CHROMIUM}")
    with playwright.sync_api.sync_playwright() as started:
        yield started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


def open_page(browser, path, answer):
    """Open a page, answer what it asks the network for; returns the page and the errors on its console."""
    page, errors = browser.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.route(re.compile("^https:"), answer)
    page.goto(path.as_uri())
    return page, errors


@pytest.mark.slow
def test_an_experiment_of_dvc_changes_a_setting_and_trains_anew(toy):
    dvc(toy, "exp", "run", "--set-param", "config/config.yaml:training.epochs=3", "train")
    described = json.loads((toy / "results/models/scratch/fold0/model.json").read_text())
    assert described["schedule"]["epochs"] == 3
    assert (toy / "results/trainings.csv").read_text().count("scratch,0,") == 3
    assert "epochs: 3" in (toy / "config" / "config.yaml").read_text()


@pytest.mark.slow
def test_an_experiment_in_a_copy_of_dvc_is_refused_with_the_reason(toy):
    command = ["exp", "run", "--temp", "--set-param", "config/config.yaml:training.epochs=3", "train"]
    with pytest.raises(AssertionError, match="run the experiment without --temp and --queue"):
        dvc(toy, *command)


@pytest.mark.slow
def test_a_clone_without_data_fetches_what_data_dvc_says(toy, tmp_path):
    git(tmp_path, "clone", "--quiet", str(toy), "clone")
    clone = tmp_path / "clone"
    snakemake(clone, "fetched")
    dvc(clone, "commit", "data.dvc")
    assert "up to date" in dvc(clone, "status", "data.dvc")
    assert git(clone, "status", "--short") == ""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["local", "s3"])
def test_data_and_models_come_back_from_a_remote_to_a_clone_that_predicts(kind, toy, tmp_path, request):
    clone, remote = tmp_path / "clone", ["remote", "add", "--local", "--default", "store"]
    git(tmp_path, "clone", "--quiet", str(toy), str(clone))
    for folder in (toy, clone):
        if kind == "local":
            dvc(folder, *remote, "--force", str(tmp_path / "remote"))
        else:
            dvc(folder, *remote, "--force", "s3://covidseg/toy")
            dvc(folder, "remote", "modify", "--local", "store", "endpointurl", request.getfixturevalue("s3"))
    dvc(toy, "push")
    dvc(clone, "pull")
    assert "up to date" in dvc(clone, "status")
    snakemake(clone, "--touch")
    assert jobs_of(snakemake(clone, "-n")) == {}
    predicted = "results/predictions/scratch/fold0"
    snakemake(clone, "--force", predicted)
    for path in (toy / predicted).rglob("*.nii.gz"):
        assert (clone / path.relative_to(toy)).read_bytes() == path.read_bytes()
    assert "up to date" in dvc(clone, "status")
    assert git(clone, "status", "--short") == ""
