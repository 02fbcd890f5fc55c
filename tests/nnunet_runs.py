"""How the tests install nnU-Net, and run its programs in a copy of the workflow."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest


def install_nnunet(environment, pins):
    """Make an environment of nnU-Net and the packages that the tests run with."""
    venv.create(environment, clear=True, symlinks=True)
    own = Path(sysconfig.get_path("purelib"))
    link = environment / own.relative_to(sys.prefix) / "covidseg.pth"
    # Not the path alone: the .pth files there bring distutils, which nnU-Net imports, to Python 3.12 and later.
    link.write_text(f"import site; site.addsitedir({str(own)!r})\n")
    command = [sys.executable, "-m", "pip", "--python", environment, "install", "--retries", "1", "--no-deps"]
    done = subprocess.run([*command, "--requirement", pins], capture_output=True, text=True, timeout=900)
    output = done.stdout + done.stderr
    if done.returncode and "connection broken" in output:
        pytest.skip("nnunetv2 cannot be installed: no package index is reached")
    assert done.returncode == 0, output[-3000:]


def run_nnunet(folder, *command, **environment):
    """Run a program with nnU-Net's folders below the copy: the exported data, and `nnunet` for all that it makes."""
    paths = {"nnUNet_raw": "results/nnunet_raw", "nnUNet_preprocessed": "nnunet/preprocessed"}
    paths |= {"nnUNet_results": "nnunet/results"}
    quick = {"nnUNet_n_proc_DA": "1", "nnUNet_compile": "f", "OMP_NUM_THREADS": "1"}
    variables = {name: str(folder / path) for name, path in paths.items()} | quick | environment
    done = subprocess.run(
        command, cwd=folder, env=os.environ | variables, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout
