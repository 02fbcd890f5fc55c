"""The house: the order of its rooms, and the code behind each job."""

import ast
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT
from covidseg.config.kinds import KINDS
from covidseg.runs.code import WITHOUT_EFFECT, code_of, imported, imports_of, page_files
from covidseg.training.strategies import STRATEGIES
from covidseg.weak import SYSTEMS

SCRIPTS = ROOT / "workflow" / "scripts"
LIBRARY = SCRIPTS / "covidseg"
ROOMS = ["archives", "cases", "training", "weak", "evaluation", "config", "paper", "site", "segment", "runs"]
FILES = sorted(SCRIPTS.rglob("*.py"))


def room_of(path):
    """The place of a file in the order of the rooms; the hall is the ground floor."""
    parts = path.relative_to(LIBRARY).parts
    return 0 if len(parts) == 1 else 1 + ROOMS.index(parts[0])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SCRIPTS)))
def test_every_import_is_a_tracked_file_or_a_packages_own_file(path):
    for module in imports_of(path, SCRIPTS):
        assert module.is_file()


def test_what_is_imported_from_a_package_is_defined_in_its_own_file():
    """A module reached by way of its package, as in `from covidseg.archives import phantom`, is tracked by nobody."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
            package = SCRIPTS.joinpath(*(getattr(node, "module", None) or "none").split("."), "__init__.py")
            if not names or not package.is_file():
                continue
            modules = {name for name in names if package.with_name(f"{name}.py").is_file()}
            defined = {
                getattr(found, "name", None) or found.targets[0].id
                for found in ast.parse(package.read_text()).body
                if isinstance(found, ast.Assign | ast.ClassDef | ast.FunctionDef)
            }
            assert set(names) - modules <= defined, path


def test_a_module_imports_its_own_room_and_those_before_it():
    wrong = [
        (path.relative_to(LIBRARY), module.relative_to(LIBRARY))
        for path in LIBRARY.rglob("*.py")
        for module in imports_of(path, SCRIPTS)
        if room_of(module) > room_of(path)
    ]
    assert wrong == []
    assert {path.name for path in LIBRARY.iterdir() if path.is_dir()} - {"__pycache__"} == set(ROOMS)


def test_no_import_leads_in_a_circle_not_even_for_type_checkers():
    arrows = {path: every_import(path) for path in LIBRARY.rglob("*.py")}
    while leaves := [path for path, modules in arrows.items() if not modules & arrows.keys()]:
        for path in leaves:
            del arrows[path]
    assert sorted(str(path.relative_to(LIBRARY)) for path in arrows) == []


def every_import(path):
    """The files of the library that a file imports, also those that it imports for type checkers alone."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("covidseg"):
            for alias in node.names:
                place = SCRIPTS.joinpath(*node.module.split("."), alias.name)
                near = [
                    place.with_suffix(".py"),
                    place.parent.with_suffix(".py"),
                    place.parent / "__init__.py",
                ]
                names.add(next(file for file in near if file.is_file()))
    return names - {path}


def test_the_hall_has_ten_modules_at_most_beside_its_init():
    assert len(list(LIBRARY.glob("[!_]*.py"))) <= 10


def behind(*scripts):
    return {str(path.relative_to(SCRIPTS).with_suffix("")) for path in imported(SCRIPTS, scripts)}


def test_a_figure_of_cases_and_preprocessing_run_little_code():
    assert len(behind("artefact", "covidseg/paper/cases_figure")) <= 15
    assert len(behind("preprocess")) <= 14


def test_a_module_named_in_a_from_import_is_among_the_code():
    assert (
        "from covidseg.archives.phantom import lesions"
        in (LIBRARY / "archives/phantom/cohort.py").read_text()
    )
    assert "covidseg/archives/phantom/lesions" in behind("covidseg/archives/phantom/hosts")


def test_all_code_is_behind_a_script_a_registry_or_the_workflow_itself():
    scripts = [path.stem for path in SCRIPTS.glob("*.py")]
    registered = [
        *(f"covidseg/training/strategies/{entry.module}" for entry in STRATEGIES.values()),
        *(f"covidseg/weak/{entry.module}" for entry in SYSTEMS.values()),
        *(f"covidseg/paper/{kind.module}" for kind in KINDS.values()),
    ]
    pages = (ROOT / "workflow/rules/site.smk").read_text()
    registered += [f"covidseg/site/{name}" for name in re.findall(r'site_part\(\s*"(\w+)"', pages)]
    text = "".join(
        path.read_text() for path in [ROOT / "workflow/Snakefile", *(ROOT / "workflow/rules").rglob("*.smk")]
    )
    rules = [name.replace(".", "/") for name in re.findall(r"from (covidseg[\w.]*\w) import \w", text)]
    rules += [
        f"covidseg/{room}/{name}"
        for room, names in re.findall(r"from covidseg\.(\w+) import ([\w, ]+)", text)
        for name in names.split(", ")
    ]
    known = [name for name in rules if (SCRIPTS / f"{name}.py").exists()]
    found = behind(*scripts, *registered, *known) | set(WITHOUT_EFFECT)
    modules = {str(path.relative_to(SCRIPTS).with_suffix("")) for path in FILES if path.name != "__init__.py"}
    assert modules - found == set()


def test_modules_without_effect_write_no_result():
    """They import each other and `files`, and no module that a result comes from imports what they compute."""
    for name in WITHOUT_EFFECT:
        allowed = {*WITHOUT_EFFECT, "covidseg/files"}
        assert {
            str(path.relative_to(SCRIPTS).with_suffix(""))
            for path in imports_of(SCRIPTS / f"{name}.py", SCRIPTS)
        } <= allowed
        assert name not in behind(*(path.stem for path in SCRIPTS.glob("*.py")))


TYPES_ALONE = [name for name in WITHOUT_EFFECT if name.endswith(("dataset", "entries", "sheets", "sections"))]


@pytest.mark.parametrize("name", TYPES_ALONE)
def test_a_module_of_shapes_holds_types_alone(name):
    """Classes of annotations without values or functions, and names of types: nothing that a job computes with."""
    for node in ast.parse((SCRIPTS / f"{name}.py").read_text()).body:
        if isinstance(node, ast.ClassDef):
            assert all(
                (isinstance(part, ast.AnnAssign) and part.value is None) or isinstance(part, ast.Expr)
                for part in node.body
            ), node.name
        elif isinstance(node, ast.Assign):
            (alias,) = node.targets
            types = ast.unparse(node.value)
            assert alias.id[0].isupper(), alias.id
            assert isinstance(node.value, ast.Subscript | ast.BinOp) or types.startswith("TypedDict("), types
        else:
            assert isinstance(node, ast.ImportFrom | ast.Expr)


CLOCK = itertools.count()


def checksum(folder, text):
    module = folder / "covidseg" / "module.py"
    module.parent.mkdir(exist_ok=True)
    module.write_text(text)
    # Two edits may fall into one tick of the file system's clock; then the second one would not be seen.
    os.utime(module, ns=(next(CLOCK), next(CLOCK)))
    (folder / "script.py").write_text("from covidseg.module import f\n")
    return code_of(folder, ["script"])


CODE = '"""A module."""\n\nX = 1  # why\n\n\ndef f(a):\n    """Return."""\n    return a + X\n'


@pytest.mark.parametrize(
    "same",
    [
        CODE.replace("# why", "# another reason"),
        CODE.replace("A module.", "The module."),
        CODE.replace('    """Return."""\n', ""),
        CODE.replace("a + X", "(a  +\n            X)"),
        "# licence\n" + CODE + "\n# end\n",
    ],
)
def test_comments_docstrings_and_layout_do_not_count(tmp_path, same):
    assert same != CODE
    assert checksum(tmp_path, same) == checksum(tmp_path, CODE)


@pytest.mark.parametrize(
    "other",
    [
        CODE.replace("X = 1", "X = 2"),
        CODE.replace("X = 1", "X = 1.0"),
        CODE.replace("a + X", "a - X"),
        CODE.replace("a + X", "X + a"),
        CODE.replace("X = 1", "X = None"),
        CODE.replace("X = 1", "X = True"),
        CODE.replace("X = 1", 'X = "1"'),
        CODE.replace('    """Return."""\n', '    x = """Return."""\n'),
    ],
)
def test_everything_else_counts(tmp_path, other):
    before, after = checksum(tmp_path, CODE), checksum(tmp_path, other)
    assert [line.split()[0] for line in before] == ["covidseg/module.py", "script.py"]
    assert before[0] != after[0]
    assert before[1] == after[1]


START = """
import ast, sys
from pathlib import Path
from covidseg.runs.code import code_of, recall, remember

parse, parsed = ast.parse, []
ast.parse = lambda text: parsed.append(text) or parse(text)
folder, kept = map(Path, sys.argv[1:])
recall(kept)
lines = code_of(folder, ["script"])
remember(kept)
print(len(parsed), *lines)
"""


def test_a_start_reads_only_the_modules_that_were_edited_since_the_last_start(tmp_path):
    kept = tmp_path / "kept" / "code.json"

    def start():
        environment = os.environ | {"PYTHONPATH": str(SCRIPTS)}
        command = [sys.executable, "-c", START, tmp_path, kept]
        parsed, *lines = subprocess.check_output(command, env=environment, text=True).split()
        return int(parsed), lines

    before = " ".join(checksum(tmp_path, CODE)).split()
    assert start() == (2, before)
    assert start() == (0, before)
    checksum(tmp_path, CODE + "# more\n")
    assert start() == (1, before)
    after = " ".join(checksum(tmp_path, CODE.replace("X = 1", "X = 2"))).split()
    assert after != before
    assert start() == (1, after)
    for damaged in ("", "[]", kept.read_text()[:-9], kept.read_text().replace('"reader": "', '"reader": "0')):
        kept.write_text(damaged)
        assert start() == (2, after)
        assert start() == (0, after)
    kept.unlink()
    kept.parent.rmdir()
    kept.parent.write_text("a file where the folder should be")
    assert start() == (2, after)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("from covidseg.missing import f", "no file for its import of covidseg.missing.f"),
        ("import covidseg.missing", "no file for its import of covidseg.missing"),
        ("from . import module", "a relative import"),
    ],
)
def test_an_import_that_is_no_file_is_refused(tmp_path, line, message):
    (tmp_path / "script.py").write_text(line + "\n")
    with pytest.raises(LookupError, match=re.escape(message)):
        imported(tmp_path, ["script"])


def test_imports_for_type_checkers_alone_do_not_count(tmp_path):
    Path(tmp_path, "script.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from covidseg.missing import f\n"
    )
    assert imported(tmp_path, ["script"]) == [tmp_path / "script.py"]


def test_a_part_of_the_site_is_made_anew_only_for_the_templates_that_its_pages_use():
    def files(module):
        return {line.split()[0] for line in page_files(SCRIPTS, f"covidseg/site/{module}")}

    shared = {"base.html", "macros.html"}
    trainings, front = files("trainings_part"), files("front")
    assert shared | {"trainings.html"} <= trainings
    assert "start.html" not in trainings, "another page"
    assert "site.css" not in trainings, "which the part front copies"
    assert shared | {"start.html", "paper_cards.html", "claims.html", "site.css", "site.js"} <= front
    assert "trainings.html" not in front
    modules = [path.stem for path in (SCRIPTS / "covidseg" / "site").glob("*_part.py")]
    used = set().union(*map(files, [*modules, "front", "provenance"]))
    assert {path.name for path in (SCRIPTS / "covidseg" / "site").glob("templates/*")} <= used
