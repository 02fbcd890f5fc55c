"""The lists of `make mutants` name what is there."""

import tomllib

import pytest

from conftest import ROOT

FOLDER = ROOT / "tests" / "mutants"
LIBRARY = ROOT / "workflow" / "scripts" / "covidseg"
TESTS = tomllib.loads((FOLDER / "modules.toml").read_text())["tests"]
EQUIVALENT = tomllib.loads((FOLDER / "equivalent.toml").read_text())["mutant"]


@pytest.mark.parametrize("module", TESTS)
def test_a_module_and_its_tests_are_there(module):
    assert (LIBRARY / f"{module}.py").is_file()
    assert all((ROOT / "tests" / f"{name}.py").is_file() for name in TESTS[module])


@pytest.mark.parametrize("entry", EQUIVALENT, ids=lambda entry: entry["module"])
def test_an_equivalent_mutant_names_a_line_that_is_still_there(entry):
    lines = {" ".join(line.split()) for line in (LIBRARY / f"{entry['module']}.py").read_text().splitlines()}
    assert entry["module"] in TESTS
    assert entry["line"] in lines
    assert entry["line"] not in entry["changed"]
    assert entry["reason"]
