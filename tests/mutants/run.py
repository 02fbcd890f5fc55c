"""Change a module at one random place, run the tests of the module, and see whether a test fails.

`make mutants` runs this program with Cosmic Ray, which makes the changed modules ("mutants"). The tests run on
a copy of the checkout, so that no file of the checkout is changed. modules.toml says which tests belong to
which module. equivalent.toml lists mutants that change nothing, with the reason.
"""

import argparse
import ast
import difflib
import importlib
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB
from hypothesis import Phase

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COPY = ROOT / ".mutants" / "copy"
LIBRARY = Path("workflow/scripts/covidseg")
ENOUGH = 0.92  # share of the mutants that the tests must notice

# Loaded once. Every run of the tests is a copy of this process (fork), which saves seconds per mutant.
LOADED = (
    *(
        "dynamic_network_architectures.building_blocks.simple_conv_blocks",
        "hypothesis",
        "jsonschema",
        "pandas",
    ),
    *(
        "matplotlib.pyplot",
        "monai.networks.nets",
        "nibabel",
        "numpy",
        "pydicom",
        "requests",
        "safetensors.torch",
    ),
    *("scipy.ndimage", "scipy.stats", "SimpleITK", "skimage.transform", "torch", "yaml"),
)
OPTIONS = ["-x", "-n", "0", "-p", "no:cacheprovider", "--hypothesis-seed", "0"]
QUICK = "not slow and not slurm and not gpu"

NUMBERS = "(Add|Sub|Mul|Div|FloorDiv|Mod|Pow)"
MASKS = "(BitAnd|BitOr|BitXor)"
ORDERS = "(Eq|NotEq|Lt|LtE|Gt|GtE)"
# Cosmic Ray also puts a shift for a plus, or `is` for `==`. Such a mutant fails at once, or changes nothing.
KINDS = re.compile(
    rf"core/(ReplaceBinaryOperator_({NUMBERS}_{NUMBERS}|{MASKS}_{MASKS})"
    rf"|ReplaceComparisonOperator_({ORDERS}_{ORDERS}|Is_IsNot|IsNot_Is)"
    r"|ReplaceUnaryOperator_\w+|AddNot|Replace(True|False|And|Or|Break|Continue)With\w+"
    r"|ExceptionReplacer|NumberReplacer|RemoveDecorator|ZeroIterationForLoop)"
)


def main() -> None:
    """Try the mutants of the modules; exit with 1 if too few are noticed, or if a survivor is not listed."""
    arguments = read_arguments()
    tests = tomllib.loads((HERE / "modules.toml").read_text())["tests"]
    if unknown := sorted(set(arguments.modules) - set(tests)):
        sys.exit(f"error: modules.toml has no tests of {', '.join(unknown)}")
    copy_checkout()
    for name in LOADED:
        importlib.import_module(name)
    counts = [0, 0, 0, 0]
    print("module: mutants, noticed, equivalent, survivors", flush=True)
    for module in arguments.modules or tests:
        found = try_module(module, tests[module], number=arguments.number, seed=arguments.seed)
        counts = [sum(pair) for pair in zip(counts, found, strict=True)]
    tried, noticed, equivalent, left = counts
    print(f"all: {tried}, {noticed} ({noticed / tried:.1%}), {equivalent}, {left}")
    sys.exit(left > 0 or noticed < ENOUGH * tried)


def read_arguments() -> argparse.Namespace:
    """Return the modules, the number of mutants per module, and the seed of the choice."""
    parser = argparse.ArgumentParser(description="Mutation testing of modules of covidseg.")
    parser.add_argument("modules", nargs="*", help="such as training/losses; without a name, all of them")
    parser.add_argument("--number", type=int, default=30, help="mutants per module, 30 by default")
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice of mutants, 0 by default")
    return parser.parse_args()


def copy_checkout() -> None:
    """Copy the files that git tracks or would track, and go into the copy."""
    shutil.rmtree(COPY, ignore_errors=True)
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(lambda name: (ROOT / name).is_file(), listed.splitlines()):
        (COPY / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, COPY / name)
    (COPY / ".venv").symlink_to(ROOT / ".venv")
    os.chdir(COPY)
    os.environ["OMP_NUM_THREADS"] = "1"  # as in conftest.py


def try_module(module: str, tests: list[str], *, number: int, seed: int) -> tuple[int, int, int, int]:
    """Return the numbers of mutants, noticed ones, equivalent ones and other survivors; print them."""
    path, start = LIBRARY / f"{module}.py", time.monotonic()
    keep_bytecode(True)
    if not tests_pass(tests, timeout=None):
        sys.exit(f"error: the tests of {module} fail without a mutant, see {COPY.parent}/output.txt")
    keep_bytecode(False)  # else one mutant could be taken for the next one, which is as old and as long
    timeout = 30 + 5 * (time.monotonic() - start)
    code, survivors = path.read_text(), []
    mutants = choose(path, number, random.Random(f"{seed} {module}"))
    for mutant in mutants:
        path.write_text(mutant)
        if tests_pass(tests, timeout):
            survivors.append(change(module, code, mutant))
    path.write_text(code)
    listed = tomllib.loads((HERE / "equivalent.toml").read_text())["mutant"]
    left = [s for s in survivors if not any(is_listed(s, entry) for entry in listed)]
    noticed, equivalent = len(mutants) - len(survivors), len(survivors) - len(left)
    print(f"{module}: {len(mutants)}, {noticed}, {equivalent}, {len(left)}", flush=True)
    for survivor in left:
        print("\n".join(f"    {key} = '{value}'" for key, value in survivor.items()), flush=True)
    return len(mutants), noticed, equivalent, len(left)


def keep_bytecode(keep: bool) -> None:
    """Say whether Python, here and in the programs that tests start, writes compiled modules to files."""
    sys.dont_write_bytecode = not keep
    os.environ["PYTHONDONTWRITEBYTECODE"] = "" if keep else "1"


def tests_pass(tests: list[str], timeout: float | None) -> bool:
    """Run tests in a process of their own; a test that exceeds the timeout (in seconds) fails."""
    process = multiprocessing.get_context("fork").Process(target=run_tests, args=[tests])
    process.start()
    process.join(timeout)
    if process.exitcode is None:
        os.killpg(process.pid, signal.SIGKILL)  # also what the tests have started
        process.join()
    return process.exitcode == 0


def run_tests(tests: list[str]) -> None:
    """Run pytest in this process, the head of a new process group; the output goes to a file."""
    os.setsid()
    # An example that fails is enough: Hypothesis need not look for the smallest one.
    hypothesis.settings.register_profile("mutants", phases=[Phase.explicit, Phase.generate], database=None)
    hypothesis.settings.load_profile("mutants")
    with open(COPY.parent / "output.txt", "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.exit(pytest.main([*OPTIONS, "-m", QUICK, *(f"tests/{name}.py" for name in tests)]))


def choose(path: Path, number: int, generator: random.Random) -> list[str]:
    """Choose places in a module, and one mutant per place; returns the code of the mutants."""
    code = path.read_text()
    ignored = set(positions_left_out(code))
    places: dict[tuple[int, int], list[tuple[str, int]]] = {}
    session = WorkDB(":memory:", WorkDB.Mode.create)
    init([path], session, {})
    for item in session.work_items:
        (mutation,) = item.mutations
        if KINDS.fullmatch(mutation.operator_name) and mutation.start_pos not in ignored:
            found = mutation.operator_name, mutation.occurrence
            places.setdefault(mutation.start_pos, []).append(found)
    chosen = (
        generator.choice(sorted(places[place])) for place in generator.sample(sorted(places), len(places))
    )
    return list(islice(filter(None, (make(code, *one) for one in chosen)), number))


def positions_left_out(code: str) -> Iterator[tuple[int, int]]:
    """Yield every (line, column) whose change no test can show.

    These are type annotations, caches, the star before keyword-only parameters, and the flags that only guard
    against errors of programming.
    """
    for number, text in enumerate(code.splitlines(), 1):
        yield from ((number, star.start()) for star in re.finditer(r"\*,", text))
    for node in ast.walk(ast.parse(code)):
        parts = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        parts += [found for found in getattr(node, "decorator_list", []) if "cache" in ast.unparse(found)]
        if isinstance(node, ast.keyword) and node.arg in ("strict", "frozen"):
            parts.append(node.value)
        for part in filter(None, parts):
            for line in range(part.lineno, part.end_lineno + 1):
                yield from ((line, column) for column in range(part.col_offset - 1, part.end_col_offset))


def make(code: str, operator: str, occurrence: int) -> str | None:
    """Return the code of a mutant; None if Cosmic Ray cannot make it, or if Python does not accept it.

    An example is a starred name among exceptions.
    """
    try:
        mutant = mutate_code(code, get_operator(operator)(), occurrence)
        ast.parse(mutant)
    except (AttributeError, SyntaxError):
        return None
    return mutant


def change(module: str, code: str, mutant: str) -> dict[str, str]:
    """Return a mutant as equivalent.toml names it: the module, the line as it is, and the changed line."""
    lines = list(difflib.unified_diff(code.splitlines(), mutant.splitlines(), n=0, lineterm=""))[3:]
    old, new = (" ".join(" ".join(line[1:] for line in lines if line[0] == sign).split()) for sign in "-+")
    return {"module": module, "line": old, "changed": new}


def is_listed(survivor: dict[str, str], entry: dict[str, Any]) -> bool:
    """Whether an entry of equivalent.toml names the survivor; an entry may name several changes of a line."""
    same = all(survivor[key] == entry[key] for key in ("module", "line"))
    return same and survivor["changed"] in entry["changed"]


if __name__ == "__main__":
    main()
