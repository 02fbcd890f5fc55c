"""What the workflow takes from inside of Snakemake: fails, and says what is gone, when that changes."""

import importlib.metadata
import subprocess

import pytest

from conftest import ROOT
from covidseg.runs import internals
from toy_workflow import SNAKEMAKE

PROBE = """
import sys
sys.path.insert(0, "{scripts}")
from covidseg.runs import internals

CHOSEN = internals.chosen_files(workflow)

rule all:
    input: "a.txt"

rule one:
    output: "{{name}}.txt"
    threads: 3
    resources: gpu=1, runtime=lambda wildcards, attempt: attempt * 10
    shell: "touch {{output}}"

onstart:
    print("alone", internals.is_asked_for(workflow, "all"), internals.is_asked_for(workflow, "one"))
    print("due", [job.wildcards.name for job in internals.due_jobs(workflow, "one")])
    print("gpu", internals.needs_gpu(workflow))
    print("slurm", internals.runs_on_slurm(workflow))
    print("limit", workflow.scheduler.job_rate_limiter is None)
    internals.lift_rate_limit(workflow)
    print("lifted", workflow.scheduler.job_rate_limiter is None)
    print("rules", internals.rules_asked(workflow))
    print("chosen", CHOSEN)
"""


def test_the_installed_snakemake_is_the_one_that_was_looked_into():
    found = importlib.metadata.version("snakemake")
    assert found == internals.CHECKED_WITH, (
        f"Snakemake is {found}, covidseg/runs/internals.py was checked with {internals.CHECKED_WITH}: "
        "if the test below passes, write the new version there"
    )


@pytest.mark.slow
def test_everything_that_is_taken_from_inside_is_there(tmp_path):
    (tmp_path / "Snakefile").write_text(PROBE.format(scripts=ROOT / "workflow" / "scripts"))
    (tmp_path / "mine.yaml").write_text("{}")
    done = subprocess.run(
        [SNAKEMAKE, "--cores", "1", "--max-jobs-per-second", "5", "--configfile", "mine.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (
        "alone True False",
        "due ['a']",
        "gpu True",
        "slurm False",
        "limit False",
        "lifted True",
        "rules {'one': (1, 10, 3, True)}",
        "/mine.yaml']",
    ):
        assert line in done.stdout, f"{line}: another Snakemake inside; see covidseg/runs/internals.py"
