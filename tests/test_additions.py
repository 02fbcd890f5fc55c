"""Additions as docs/ teaches them leave the tests green: a data set, a strategy, a weak system."""

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
from papers import leave_additions_out
from toy_workflow import PARTS, change_yaml, documented_data_set, jobs_of, snakemake

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


def add_experiments(sheet, learned):
    """The documented source for body-finetune, its rows of Tasks 2 and 3, and a strategy and a system of one's own."""
    experiments, weak = sheet["experiments"], sheet["weak"]
    sheet["sources"] |= learned["sources"]
    experiments["body-finetune"]["sources"].append("hospital")
    experiments["my-strategy"] = experiments["lesion-representations"] | {"strategy": "my-strategy"}
    own = {"model": "pretrain-hospital", "evaluate": {"hospital": "in_domain", "covid20": "test"}}
    experiments["task2-hospital"] = experiments["task2-msd"] | own
    own = {"source": "hospital", "train": ["hospital", "covid20"]}
    own |= {"evaluate": {"hospital": "validation", "covid20": "test"}}
    experiments["task3-hospital"] = experiments["task3-msd"] | own
    weak["models"]["my-system"] = {"system": "my-system"}
    weak["localisers"]["my-system"] = {"model": "my-system"}


def add_rows(sheet):
    for paper in ("wang2021", "wang2020"):
        sheet[paper]["table1"]["rows"]["My strategy"] = "my-strategy"
    sheet["ma2021"]["table6"]["rows"]["Task2-Hospital"] = "task2-hospital"
    sheet["ma2021"]["table9"]["rows"]["Task3-Hospital"] = "task3-hospital"
    sheet["ma2021"]["datasets"]["datasets"]["Hospital"] = ["hospital"]
    sheet["yang2021"]["numbers"]["rows"]["My system"] = "my-system"


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
    learned = documented_data_set()
    described = learned["datasets"]
    scans = tmp_path_factory.mktemp("scans")  # what is not there is refused
    described["hospital"]["archives"]["scans.zip"]["address"] = scans.as_uri()
    library = folder / "workflow" / "scripts" / "covidseg"
    register(
        library / "training" / "strategies", "my-strategy", "lesion-representations", "lesion_representations"
    )
    register(library / "weak", "my-system", "classifier", "classifier")
    change_yaml(folder / "config" / "datasets.yaml", lambda sheet: sheet.update(described))
    change_yaml(folder / "config" / "experiments.yaml", lambda sheet: add_experiments(sheet, learned))
    change_yaml(folder / "config" / "artefacts.yaml", add_rows)
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
    # Body fine-tuning from the data set; the strategy from four sources; the data set in Task 3. Task 2 evaluates
    # the pre-trained model.
    expected = dag_sizes.PHANTOM["train"] + folds + folds * sources + folds
    assert jobs["train"] == expected
    for rule in ("pretrain", "ingest", "train_weak", "score_weak"):
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
