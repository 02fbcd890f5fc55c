"""How the tests run nnU-Net's programs in a copy of the workflow."""

import os
import subprocess


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
