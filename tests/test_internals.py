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
    print("beside", internals.runs_beside_its_jobs(workflow))
    print("limit", workflow.scheduler.job_rate_limiter is None)
    print("jobs", internals.count_due(workflow))
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
        "beside True",
        "jobs Counter({'one': 1})",
        "limit False",
        "lifted True",
        "rules {'one': (1, 10, 3, True)}",
        "/mine.yaml']",
    ):
        assert line in done.stdout, f"{line}: another Snakemake inside; see covidseg/runs/internals.py"


SCRIPTS = """
import sys
sys.path.insert(0, "{scripts}")
from pathlib import Path
from covidseg.runs import internals

rule forked:
    output: "forked.csv"
    script: "forked.py"

rule plain:
    output: "plain.csv"
    script: "plain.py"

rule threaded:
    output: "threaded.csv"
    threads: 2
    script: "threaded.py"

rule moved:
    output: "moved.csv"
    resources: tmpdir="mine"
    script: "moved.py"

rule failing:
    output: "failing.csv"
    script: "failing.py"

def run(file):
    name = file.split(".")[-2]
    sys.stdout.write(f"asked {{name}} {{'snakemake preamble' in Path(file).read_text()}}\\n")
    if name == "forked":
        Path("forked.csv").touch()
    return {{"forked": 0, "plain": None, "failing": 7}}[name]

onstart:
    internals.run_scripts_by(run)
"""


@pytest.mark.slow
def test_scripts_without_needs_of_their_own_are_run_by_what_asks_for_them(tmp_path):
    (tmp_path / "Snakefile").write_text(SCRIPTS.format(scripts=ROOT / "workflow" / "scripts"))
    rules = ("forked", "plain", "threaded", "moved", "failing")
    for rule in rules:
        writes = rule in ("plain", "threaded", "moved")
        (tmp_path / f"{rule}.py").write_text("open(snakemake.output[0], 'w')" if writes else "1 / 0")
    targets = [f"{rule}.csv" for rule in rules]
    done = subprocess.run(
        [SNAKEMAKE, "--cores", "2", "--keep-going", *targets], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "failing.py' returned non-zero exit status 7" in done.stderr
    assert [rule for rule in rules if (tmp_path / f"{rule}.csv").exists()] == list(rules[:-1])
    asked = sorted(line for line in done.stdout.splitlines() if line.startswith("asked"))
    assert asked == ["asked failing True", "asked forked True", "asked plain True"]
