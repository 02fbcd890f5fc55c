"""The conda files have the pins of requirements.txt; the light one is enough for the rules that have it."""

import runpy
import subprocess
import sys

import pytest
import yaml

from conftest import ROOT
from covidseg.runs.environments import HEAVY, LIGHT, WHOLE, environment_of
from test_requirements import pins

ENVS = ROOT / "envs"
SCRIPTS = ROOT / "workflow" / "scripts"

# Import modules where the heavy packages are missing.
IMPORT = """
import importlib, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {heavy!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
sys.path.insert(0, {scripts!r})
for name in {names!r}:
    importlib.import_module(name)
"""


@pytest.fixture(scope="module")
def program():
    return runpy.run_path(str(ENVS / "conda.py"))


def packages(text):
    """Return the pip packages of a conda file, name -> version."""
    nested = [entry["pip"] for entry in yaml.safe_load(text)["dependencies"] if isinstance(entry, dict)]
    return dict(line.split("==") for line in nested[0] if "==" in line)


@pytest.mark.parametrize("name", [WHOLE, LIGHT])
def test_the_files_are_those_of_the_list(program, name):
    text = (ENVS / name).read_text()
    assert text == program["conda_files"]()[name], "run make conda-files"
    assert packages(text).items() <= pins(ENVS / "requirements.txt").items()
    assert "requirements.txt" not in yaml.safe_dump(yaml.safe_load(text)), "Snakemake copies this file alone"


def test_the_whole_environment_has_all_but_the_tests_and_the_light_one_no_torch(program):
    whole, light = (packages((ENVS / name).read_text()).keys() for name in (WHOLE, LIGHT))
    sections = program["read_sections"](ENVS / "requirements.txt")
    assert sections["networks"].keys() | sections["images and numbers"].keys() <= whole
    assert light == light & whole
    assert not light & {*HEAVY, "timm", "sympy"}
    assert {"pandas", "matplotlib", "snakemake", "nibabel"} <= light
    assert not {"pytest", "moto", "ruff", "dvc"} & whole


def test_torch_for_cuda_12_has_its_index(program):
    text = program["conda_files"]("cu126")[WHOLE]
    assert packages(text)["torch"].endswith("+cu126")
    assert "--extra-index-url https://download.pytorch.org/whl/cu126" in text


@pytest.mark.parametrize(
    ("scripts", "expected"),
    [
        (["download"], LIGHT),
        (["summarise"], LIGHT),
        (["artefact", "covidseg/paper/violin"], LIGHT),
        (["artefact", "covidseg/paper/layers_table"], WHOLE),
        (["train"], WHOLE),
        (["ingest"], WHOLE),
    ],
)
def test_a_job_has_the_light_environment_if_nothing_of_it_imports_torch(scripts, expected):
    assert environment_of(SCRIPTS, scripts) == expected


def test_what_has_the_light_environment_can_be_imported_without_the_heavy_packages():
    """In a process of its own, in which the heavy packages cannot be imported."""
    modules = [
        path for folder in ("paper", "site") for path in sorted((SCRIPTS / "covidseg" / folder).glob("*.py"))
    ]
    files = [*sorted(SCRIPTS.glob("*.py")), *modules]
    names = [path.relative_to(SCRIPTS).with_suffix("").as_posix() for path in files]
    light = [name.replace("/", ".") for name in names if environment_of(SCRIPTS, [name]) == LIGHT]
    assert {"score", "collect", "covidseg.paper.violin", "covidseg.site.trainings_part"} <= set(light)
    program = IMPORT.format(heavy=HEAVY, scripts=str(SCRIPTS), names=light)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
