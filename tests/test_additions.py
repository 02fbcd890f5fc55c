"""Additions as docs/data.md teaches them leave the tests green: data sets, a strategy, a weak system."""

import ast
import copy
import os
import re
import shutil
import subprocess
import sys

import pytest

import dag_sizes
from conftest import ROOT
from docs_blocks import blocks
from papers import leave_additions_out
from toy_workflow import PARTS, jobs_of, snakemake

pytestmark = pytest.mark.slow

TESTED = (*PARTS, "README.md", "dvc.yaml", "pyproject.toml", "slurm", "tests")
# The quick tests of everything that reads the sheets or the registries, and those that count jobs.
READERS = (
    "claims_sheet", "configuration", "dicom_hosts", "experiments", "in_use", "licences", "parameters", "provenance",
    "scoring", "settings", "splits", "strategies", "tables", "weak_losses", "without", "workload",
)  # fmt: skip
COUNTING = (
    "test_dag.py::test_both_configurations_train_every_model_once_and_reach_every_artefact",
    "test_dag.py::test_without_a_source_the_dag_has_nothing_of_it_and_every_artefact_that_is_left",
    "test_nnunet.py::test_both_configurations_export_every_data_set_that_an_experiment_uses",
    "test_workload.py::test_a_fresh_clone_counts_the_jobs_of_a_dry_run",
    "test_slurm.py::test_the_profile_plans_the_papers_run_as_it_is",
)


def register(package, name, like, module):
    """Copy a module of a package and give the copy a line in the package's registry, like another's."""
    registry = package / "__init__.py"
    tree = ast.parse(registry.read_text())
    table = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict) and like in [getattr(key, "value", None) for key in node.keys]
    )
    entry = copy.deepcopy(table.values[[key.value for key in table.keys].index(like)])
    for node in ast.walk(entry):
        if isinstance(node, ast.Constant) and node.value == module:
            node.value = f"my_{module}"
    table.keys.append(ast.Constant(name))
    table.values.append(entry)
    registry.write_text(ast.unparse(tree))
    shutil.copy(package / f"{module}.py", package / f"my_{module}.py")


# What the page does not teach: a strategy and a system of one's own, Task 3 on one's own data, and their rows.
MORE = """
experiments:
  my-strategy:
    paper: wang2021
    strategy: my-strategy
    sources: [msd, structseg, nsclc, multi]
    train: [covid20]
    folds: 5
    evaluate: {covid20: test}
    options: {head: auto}
  task3-hospital:
    paper: ma2021
    strategy: scratch
    source: hospital
    train: [hospital, covid20]
    lesions: union
    folds: 5
    evaluate: {hospital: validation, covid20: test}
weak:
  models: {my-system: {system: my-system}}
  localisers: {my-system: {model: my-system}}
artefacts:
  wang2021: {table1: {rows: {My strategy: my-strategy}}}
  wang2020: {table1: {rows: {My strategy: my-strategy}}}
  ma2021: {table9: {rows: {Task3-Hospital: task3-hospital}}, datasets: {datasets: {Hospital: [hospital]}}}
  yang2021: {numbers: {rows: {My system: my-system}}}
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the checkout with the additions."""
    folder = tmp_path_factory.mktemp("extended")
    for part in TESTED:
        copied = folder / part
        if (ROOT / part).is_dir() and not (ROOT / part).is_symlink():
            shutil.copytree(ROOT / part, copied, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, copied, follow_symlinks=False)
    scans = tmp_path_factory.mktemp("scans")  # what is not there is refused
    for block in blocks("yaml", page="data.md"):
        (folder / block.file).write_text(re.sub("file:/path/to/[a-z]+", scans.as_uri(), block.text))
    (folder / "config" / "local" / "more.yaml").write_text(MORE)
    library = folder / "workflow" / "scripts" / "covidseg"
    register(
        library / "training" / "strategies", "my-strategy", "lesion-representations", "lesion_representations"
    )
    register(library / "weak", "my-system", "classifier", "classifier")
    return folder


def run_tests(folder, *arguments):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        f"--basetemp={folder}_tests",
        *arguments,
    ]
    done = subprocess.run(
        command, cwd=folder / "tests", env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(r"\d+ passed", done.stdout)


def test_the_additions_make_jobs(extended):
    jobs = jobs_of(snakemake(extended, "-n"))
    folds, sources = dag_sizes.FOLDS, 4
    # Body fine-tuning from both data sets of the page; the strategy from four sources; the data set in Task 3.
    # Task 2 evaluates the pre-trained model.
    expected = dag_sizes.PHANTOM["train"] + 2 * folds + folds * sources + folds
    assert jobs["train"] == expected
    for rule in ("pretrain", "ingest"):
        assert jobs[rule] == dag_sizes.PHANTOM[rule] + 2, rule
    for rule in ("train_weak", "score_weak"):
        assert jobs[rule] == dag_sizes.PHANTOM[rule] + 1, rule


def test_the_papers_part_of_the_configuration_is_the_same_with_them(extended, papers_sheets, tmp_path):
    leave_additions_out(shutil.copytree(extended / "config", tmp_path / "config"))
    for name in ("datasets", "experiments", "artefacts"):
        assert (tmp_path / "config" / f"{name}.yaml").read_text() == (
            papers_sheets / f"{name}.yaml"
        ).read_text()


def test_the_quick_tests_stay_green(extended):
    run_tests(extended, "-m", "not slow", *(f"test_{name}.py" for name in READERS))


def test_the_tests_that_count_jobs_stay_green(extended):
    run_tests(extended, *COUNTING)
