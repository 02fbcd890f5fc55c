"""The files about the project say what is so: versions, checks, rooms, links."""

import re
import shutil
import subprocess
import sysconfig
import tomllib
from pathlib import Path

import pytest
import yaml

import dag_sizes
from conftest import ROOT
from covidseg.files import digest

LIBRARY = ROOT / "workflow" / "scripts" / "covidseg"
# Of https://www.apache.org/licenses/LICENSE-2.0.txt
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


@pytest.fixture(scope="module")
def citation():
    return yaml.safe_load((ROOT / "CITATION.cff").read_text())


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_licence_is_the_official_text(project, citation):
    assert digest(ROOT / "LICENSE") == APACHE_2
    assert project["license"] == citation["license"] == "Apache-2.0"


def test_the_citation_has_the_project_s_version_and_each_paper_once(project, citation):
    assert citation["version"] == project["version"]
    papers = [reference["notes"].split(" ")[0].rstrip(",;") for reference in citation["references"]]
    assert sorted(papers) == sorted(yaml.safe_load((ROOT / "config" / "artefacts.yaml").read_text()))


def test_the_changelog_begins_with_what_is_unreleased_and_has_the_project_s_version(project):
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[:2] == ["Unreleased", project["version"]]


def test_the_hooks_run_every_check_of_make_test_but_the_tests():
    recipe = (ROOT / "Makefile").read_text().partition("\ntest:")[2].partition("\n\n")[0]
    checks = re.findall(r"^\t\$\(BIN\)/(.+)$", recipe, re.MULTILINE)
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    entries = {hook["entry"].removeprefix(".venv/bin/") for hook in hooks}
    assert len(checks) > 4
    assert {check for check in checks if not check.startswith("pytest")} <= entries


def test_contributing_names_every_room():
    rooms = {folder.parent.name for folder in LIBRARY.glob("*/__init__.py")}
    table = re.findall(r"^\| `(\w+)/` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert rooms <= set(table)
    assert "archives" in rooms


def test_the_checks_leave_results_out_also_where_git_is_absent(tmp_path):
    # Outside of a repository of git (a downloaded archive), both programs read .ignore but not .gitignore.
    fault = "import os  # te" + "h\n"
    for name in ("pyproject.toml", ".gitignore", ".ignore"):
        shutil.copy(ROOT / name, tmp_path, follow_symlinks=False)
    for name in ("results/a.py", "data/a.py", "logs/a.py", "runs/a.py", ".nnunet/a.py", ".venv-3.13/a.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(fault)
    scripts = Path(sysconfig.get_path("scripts"))
    for command in (["ruff", "check", "."], ["typos"]):
        subprocess.run([scripts / command[0], *command[1:]], cwd=tmp_path, check=True)
    (tmp_path / "a.py").write_text(fault)
    for command in (["ruff", "check", "."], ["typos"]):
        assert subprocess.run([scripts / command[0], *command[1:]], cwd=tmp_path).returncode != 0


def test_the_picture_of_the_dag_has_every_rule_of_the_default_target():
    picture = (ROOT / "docs" / "rulegraph.svg").read_text()
    assert set(re.findall(r"<text [^>]*>(\w+)</text>", picture)) == dag_sizes.PHANTOM.keys()
