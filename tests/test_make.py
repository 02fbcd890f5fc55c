"""`make` says what there is, and what is nearest to a target that does not exist."""

import os
import re
import subprocess

import pytest

from conftest import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()


def make(*arguments):
    own = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}  # of `make test`
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, env=own)


def test_make_alone_prints_the_help_and_starts_nothing():
    done = make()
    assert done.returncode == 0
    assert done.stdout == make("help").stdout
    assert done.stdout.startswith("make help ")
    assert "make demo " in done.stdout
    assert "#" not in done.stdout


def test_the_help_names_every_target():
    targets = set(re.search(r"\.PHONY: (.*)", MAKEFILE)[1].split()) - {"other-torch"}
    assert targets == set(re.findall(r"^make ([\w-]+)", make().stdout, re.MULTILINE))


@pytest.mark.parametrize(
    ("target", "told"),
    [("dmo", "nearest: demo"), ("slurm-upp", "nearest: slurm-up, slurm-down"), ("xyz", "see make help")],
)
def test_a_target_that_does_not_exist_gets_the_nearest(target, told):
    done = make(target)
    assert done.returncode != 0
    assert f"make {target}: no such target; {told}" in done.stderr
