"""The gates at which the cluster's trainings wait (injected/sitecustomize.py), tried without a cluster."""

import os
import subprocess
import sys
import time

import pytest
from gates import environment_with_gates

from conftest import ROOT
from training_program import assert_same_model, make_run, start


def launch(folders, output, gates):
    """Train in a process of its own, until it waits at its gate."""
    output.mkdir(exist_ok=True)
    command = [sys.executable, ROOT / "tests" / "training_program.py", folders[0].parent, output]
    libraries = os.pathsep.join(map(str, (ROOT / "workflow" / "scripts", ROOT / "tests")))
    environment = environment_with_gates(gates, os.environ | {"PYTHONPATH": libraries})
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True
    )
    sign = gates / output.name / "state.waiting"
    while not sign.exists():
        if process.poll() is not None:
            pytest.fail(f"it did not wait at its gate:\n{process.stdout.read()}")
        time.sleep(0.1)
    return process


@pytest.mark.slow
def test_a_training_waits_for_its_gate_and_for_sigterm(training_folders, tmp_path):
    output, gates = tmp_path / "gated", tmp_path / "gates"
    process = launch(training_folders, output, gates)
    process.terminate()
    log, _ = process.communicate(timeout=60)
    assert "stopped at epoch 3" in log
    assert process.returncode == 143
    process = launch(training_folders, output, gates)
    assert not (output / "model.safetensors").exists()
    (gates / "gated" / "state").touch()
    log, _ = process.communicate(timeout=60)
    assert "resumed at epoch 3" in log
    assert process.returncode == 0
    assert list((gates / "gated").iterdir()) == [gates / "gated" / "state"]
    undisturbed = tmp_path / "undisturbed"
    start(make_run(training_folders[:2], training_folders[2:]), undisturbed)
    assert_same_model(output, undisturbed)
