"""The workflow as a module of another one, in another folder, and as Snakemake's catalogue of workflows wants it."""

import os
import shutil
import subprocess

import pytest
import yaml

import config_page
import dag_sizes
from conftest import ROOT
from covidseg.config.loading import sheets_folder
from toy_workflow import SNAKEMAKE, jobs_of, make_toy, snakemake

IMPORTER = """
configfile: "config/config.yaml"
module covidseg:
    snakefile: {snakefile}
    config: config
use rule * from covidseg{names}
rule lines:
    default_target: True
    input: "results/scores.csv", "results/paper/licences.csv"
    output: "lines.txt"
    shell: "wc -l < {{input[1]}} > {{output}}"
"""


def test_the_page_of_keys_is_the_one_that_the_schemas_give():
    assert config_page.PAGE.read_text() == config_page.page(), "python tests/config_page.py makes it anew"


def test_the_page_of_keys_has_every_key_of_the_shipped_configuration():
    text = config_page.PAGE.read_text()

    def keys(content, above=""):
        for key, value in content.items():
            yield f"{above}{key}"
            if isinstance(value, dict) and key not in ("cases", "variants", "tolerance_mm"):
                yield from keys(value, f"{above}{key}.")

    shipped = yaml.safe_load((ROOT / "config/paper.yaml").read_text())
    assert [key for key in keys(shipped) if f"| `{key}` |" not in text] == []


def test_the_catalogue_finds_what_it_looks_for():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage.keys() == {"mandatory-flags", "software-stack-deployment", "report"}
    for path in ("workflow/Snakefile", "config/README.md", ".test/config/config.yaml"):
        assert (ROOT / path).is_file(), path
    assert len((ROOT / "Snakefile").read_text().splitlines()) == 2


def test_sheets_of_the_working_directory_come_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sheets_folder(ROOT) == ROOT / "config"
    (tmp_path / "config").mkdir()
    assert sheets_folder(ROOT) == ROOT / "config", "a configuration alone is no folder of sheets"
    (tmp_path / "config/datasets.yaml").touch()
    assert str(sheets_folder(ROOT)) == "config"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return make_toy(tmp_path_factory.mktemp("reuse"))


def importer(folder, snakefile, names=""):
    (folder / "config").mkdir(parents=True)
    (folder / "workflow").mkdir()
    (folder / "workflow/Snakefile").write_text(IMPORTER.format(snakefile=snakefile, names=names))
    return folder


@pytest.mark.slow
def test_another_workflow_imports_this_one_changes_its_settings_and_adds_a_rule(toy, tmp_path):
    """The job runs this workflow's script, on the importer's settings, in the importer's folder."""
    own = importer(tmp_path / "own", f'"{toy}/workflow/Snakefile"', " as ct_*")
    changed = {"extends": str(toy / "config/config.yaml"), "name": "own", "without": ["mosmed"]}
    (own / "config/config.yaml").write_text(yaml.safe_dump(changed))
    (own / "config/local").mkdir()
    row = {"paper": "wang2021", "strategy": "scratch", "train": ["covid20"], "folds": 1}
    added = {"experiments": {"more": row | {"evaluate": {"covid20": "test"}}}}
    (own / "config/local/my.yaml").write_text(yaml.safe_dump(added))
    jobs = jobs_of(snakemake(own, "--cores", "1", "-n"))
    assert jobs["lines"] == 1
    assert jobs["ct_train"] == dag_sizes.TOY["train"] + 1
    snakemake(own, "--cores", "1", "results/paper/licences.csv")
    assert (own / "results/paper/licences.md").read_text().split("\n")[2].startswith("Configuration: own.")
    assert not (toy / "results").exists()


@pytest.mark.slow
def test_a_workflow_on_github_is_imported(toy, tmp_path):
    """Snakemake clones the repository; here git is told that the address is a folder."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    environment = os.environ | {
        f"GIT_{one}_{what}": "a@example.org" for one in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    copy = shutil.copytree(toy, tmp_path / "upstream", symlinks=True)
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "One"], ["tag", "v1"]):
        subprocess.run(["git", *words], cwd=copy, check=True, env=environment)
    own = importer(tmp_path / "own", 'github("someone/covidseg", path="workflow/Snakefile", tag="v1")')
    (own / "config/config.yaml").write_text(f"extends: {copy}/config/config.yaml\nname: own\n")
    environment |= {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{copy}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/someone/covidseg",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    command = [SNAKEMAKE, "--cores", "1", "results/paper/licences.csv"]
    done = subprocess.run(command, cwd=own, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert (own / "results/paper/licences.csv").exists()


@pytest.mark.slow
def test_a_folder_holds_one_configuration_and_the_refusal_names_another_folder(toy):
    (toy / "config/other.yaml").write_text("extends: config.yaml\nname: other\n")
    target = "data/raw/msd/Task06_Lung.tar"
    snakemake(toy, target, "--directory", "runs/toy")
    assert (toy / "runs/toy/results/configuration.txt").read_text() == "toy\n"
    assert (toy / "runs/toy" / target).exists()
    assert not (toy / "results").exists()
    words = ("--directory", "runs/toy", "--configfile", "config/other.yaml")
    code, output = snakemake(toy, "results/splits/msd.json", *words, check=False)
    assert code != 0
    assert "this run is 'other': give it a folder of its own (--directory runs/other)" in output


@pytest.mark.slow
def test_a_container_sees_the_checkout_and_where_links_lead(toy, tmp_path, monkeypatch):
    """A program in place of Apptainer writes down how it is called, and runs the job outside of any container."""
    called, program = tmp_path / "called", tmp_path / "bin" / "apptainer"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\n[ "$1" != --version ] || exec echo apptainer version 1.4.5\necho "$@" >>{called}\n'
        f'for last; do :; done\nPATH={SNAKEMAKE.parent}:$PATH exec bash -c "$last"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    words = ("--sdm", "apptainer", "--directory", str(tmp_path / "run"), "results/paper/errata.html")
    (tmp_path / "run").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "run" / "data").symlink_to(tmp_path / "disk")
    code, output = snakemake(toy, *words, check=False)
    assert code != 0
    assert f"{toy / 'covidseg.sif'}: no such image" in output
    (toy / "covidseg.sif").touch()
    snakemake(toy, *words)
    assert f"--bind {toy} " in called.read_text()
    assert f"--bind {tmp_path / 'disk'} " in called.read_text()
