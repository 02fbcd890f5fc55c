"""What a run refuses at its start, and what a refused run leaves behind: nothing."""

import os
import subprocess

import pytest

from conftest import refused_in_one_line
from covidseg import slurm
from covidseg.runs import start


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_results_of_another_configuration_are_refused(checkout):
    start.claim("paper")
    (checkout / "results" / "scores.csv").touch()
    with refused_in_one_line(
        r"hold configuration 'paper', this run is 'phantom': give it a folder of its own \(--directory runs/phantom\)"
    ):
        start.check_owner("phantom")
    start.check_owner("paper")
    assert start.results_owner() == "paper"


def test_a_run_in_containers_needs_their_image(checkout):
    with refused_in_one_line(
        r"covidseg\.sif: no such image; `make container` writes it \(docs/install\.md\)$"
    ):
        start.check_image(checkout / "covidseg.sif")
    (checkout / "covidseg.sif").touch()
    start.check_image(checkout / "covidseg.sif")


def test_a_copy_of_dvc_is_refused(checkout, monkeypatch):
    start.check_records()
    copy = checkout / ".dvc" / "tmp" / "exps" / "standalone" / "tmpabc"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    with refused_in_one_line(r"lacks Snakemake's records, .* without --temp and --queue$"):
        start.check_records()


@pytest.mark.parametrize(
    "made", [[], ["results/paper/licences.md", "results/paper/errata.html", "logs/x.log"]]
)
def test_a_claim_without_results_blocks_nobody(checkout, made):
    start.claim("paper")
    for path in made:
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).touch()
    assert start.results_owner() is None
    start.check_owner("phantom")
    start.claim("phantom")
    assert start.MARK.read_text() == "phantom\n"


@pytest.mark.parametrize(
    "kept", ["data/raw/msd/Task06_Lung.tar", "results/state/scratch/fold0/state.safetensors"]
)
def test_a_download_and_a_half_training_are_kept(checkout, kept):
    start.claim("paper")
    (checkout / kept).parent.mkdir(parents=True)
    (checkout / kept).touch()
    assert start.results_owner() == "paper"


def test_a_claim_that_stands_is_not_written_again(checkout):
    start.claim("paper")
    before = start.MARK.stat().st_mtime_ns
    start.claim("paper")
    assert start.MARK.stat().st_mtime_ns == before


def test_a_mark_that_is_no_file_is_named(checkout):
    start.MARK.mkdir(parents=True)
    (checkout / "results" / "scores.csv").touch()
    with refused_in_one_line(r"results/configuration\.txt: cannot be read: Is a directory; delete"):
        start.check_owner("phantom")


def test_an_empty_mark_belongs_to_nobody(checkout):
    (checkout / "results").mkdir()
    start.MARK.touch()
    (checkout / "results" / "scores.csv").touch()
    start.check_owner("phantom")


def test_a_file_in_the_place_of_a_folder_is_named(checkout):
    start.check_folders()
    (checkout / "results").touch()
    with refused_in_one_line(r"/results: a file, expected a folder; move the file away"):
        start.check_folders()


def test_a_folder_that_cannot_be_written_to_is_named(checkout, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: "logs" not in str(path))
    (checkout / "logs").mkdir()
    with refused_in_one_line(r"/logs: cannot be written to; change the permissions"):
        start.check_folders()


def test_archives_of_a_host_need_consent_and_phantoms_and_own_files_do_not(config):
    start.check_consent(config, [("msd", "Task06_Lung.tar")], "config.yaml")
    sections = {**config.sections, "phantom": None}
    real = type(config)(**{**vars(config), "sections": sections})
    with refused_in_one_line(
        r"paper\.yaml: accept_licences: false; read the licences .* set the key to true"
    ):
        start.check_consent(real, [("msd", "Task06_Lung.tar")], "paper.yaml")
    start.check_consent(real, [], "paper.yaml")
    agreed = type(config)(**{**vars(config), "sections": {**sections, "accept_licences": True}})
    start.check_consent(agreed, [("msd", "Task06_Lung.tar")], "paper.yaml")


def test_a_machine_without_slurm_is_told_so(monkeypatch, checkout):
    monkeypatch.setenv("PATH", str(checkout))
    with refused_in_one_line(
        r"--profile slurm: no sbatch, squeue, scontrol, scancel on this machine; start on"
    ):
        slurm.check_cluster()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'slurm_load_jobs error: Unable to contact' >&2\necho two >&2; exit 1", r"does not answer \(slurm_load_jobs .* two\); start"),
        ("sleep 5", r"no answer from squeue in 0\.5 s"),
    ],
)  # fmt: skip
def test_a_cluster_that_does_not_answer_is_told_so(monkeypatch, checkout, script, message):
    for command in slurm.COMMANDS:
        (checkout / command).write_text(f"#!/bin/sh\n{script}\n")
        (checkout / command).chmod(0o755)
    monkeypatch.setenv("PATH", f"{checkout}:/usr/bin:/bin")
    monkeypatch.setattr(slurm, "ANSWER_SECONDS", 0.5)
    with refused_in_one_line(message):
        slurm.check_cluster()


def test_a_cluster_that_answers_is_fine(monkeypatch, checkout):
    for command in slurm.COMMANDS:
        (checkout / command).write_text("#!/bin/sh\n")
        (checkout / command).chmod(0o755)
    monkeypatch.setenv("PATH", f"{checkout}:/usr/bin:/bin")
    slurm.check_cluster()
    assert subprocess.run(["squeue"]).returncode == 0
