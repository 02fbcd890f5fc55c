"""Runs that are refused at their start: one line says why, and nothing is left that blocks another run."""

import re
from pathlib import Path

import pytest

from toy_workflow import papers_checkout, snakemake

pytestmark = pytest.mark.slow

SLURM = {"sbatch", "squeue", "scontrol", "scancel", "sinfo", "sacct"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return papers_checkout(tmp_path_factory.mktemp("checkout"))


def refusal(checkout, *arguments):
    """Return the line with which Snakemake refuses a run, of which nothing is left."""
    code, output = snakemake(checkout, *arguments, check=False)
    assert code != 0, output[-2000:]
    assert "Traceback" not in output
    for folder in ("data", "results", "logs"):
        assert not (checkout / folder).exists(), folder
    return output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: config.yaml\nname: x\n\tseed: 1\n", "mine.yaml: line 3: found character"),
        ("extends: config.yaml\nname: x\nseed: 1\nname: y\n", "mine.yaml: key 'name' is there twice, in line 2 and in line 4"),
        ("", "mine.yaml: empty; correct the file"),
        ("extends: config.yaml\ntraining: {epochs: 012}\n", "mine.yaml: line 2: 012: YAML reads 10"),
        ("extends: config.yaml\n__use_yte__: true\n", "mine.yaml: top level: unknown key '__use_yte__'"),
        (None, "config/mine.yaml: cannot be read: No such file"),
    ],
)  # fmt: skip
def test_a_chosen_configuration_that_is_wrong_is_named_with_its_line(checkout, text, message):
    path = checkout / "config" / "mine.yaml"
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text)
    assert message in refusal(checkout, "-n", "--configfile", "config/mine.yaml")


def test_the_default_configuration_is_read_as_strictly(checkout):
    path = checkout / "config" / "config.yaml"
    text = path.read_text()
    path.write_text(f"{text}\nseed: 3\n")
    try:
        assert "config.yaml: key 'seed' is there twice, in line " in refusal(checkout)
    finally:
        path.write_text(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("trainig={epochs: 3}", "top level: unknown key 'trainig'; allowed: name"),
        ("accept_licences=true", "accept_licences: 'true' is not of type boolean (a text"),
        ("seed=1e3", "seed: 1000.0 is not of type integer"),
    ],
)
def test_a_wrong_change_on_the_command_line_is_named(checkout, change, message):
    assert message in refusal(checkout, "-n", "--config", change)


def test_a_run_without_consent_leaves_nothing_that_blocks_the_demo(checkout):
    # The free disk is compared first: archives of any size must fit here.
    sheet = checkout / "config" / "datasets.yaml"
    sheet.write_text(re.sub(r"gigabytes: .*", "gigabytes: 0.001", sheet.read_text()))
    output = refusal(checkout, "--configfile", "config/paper.yaml")
    assert "config/paper.yaml: accept_licences: false; read the licences" in output
    assert "under these licences:" in output
    assert "Job stats" in snakemake(checkout, "-n")


def test_a_cluster_s_run_without_a_cluster_is_told_so(checkout, tmp_path, monkeypatch):
    """With all programs of this machine but SLURM's."""
    for program in [*Path("/usr/bin").iterdir(), *Path("/bin").iterdir()]:
        link = tmp_path / program.name
        if program.name not in SLURM and not link.is_symlink():
            link.symlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path))
    output = refusal(checkout, "--profile", "profiles/slurm")
    assert "--profile slurm: no sbatch, squeue, scontrol, scancel on this machine; start on the" in output
