"""A bounded number of random headers, the same ones every time; `make fuzz` tries others for longer."""

import subprocess
import sys

import pytest

from conftest import ROOT

PROGRAM = ROOT / "tests" / "malformed" / "fuzz.py"


@pytest.mark.slow
def test_random_headers_are_read_or_refused_in_one_line():
    command = [sys.executable, PROGRAM, "--seed", "2020", "--tries", "250"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert done.stdout.count(", 0 faults") == 7
