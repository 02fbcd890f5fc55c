"""Speed and memory of training and prediction on a GPU, beside nnU-Net; and whether bfloat16 costs accuracy.

    .venv/bin/python benchmarks/gpu.py                               every part
    .venv/bin/python benchmarks/gpu.py training nnunet-training=90   two parts, one with another time limit
    .venv/bin/python benchmarks/gpu.py --small                       tiny sizes, also without a GPU: a test

Runs alone on a machine with a CUDA device, torch >= 2.11 and the packages of envs/requirements.txt that the
library's training imports: numpy, scipy, nibabel, safetensors, PyYAML, psutil, filelock, flufl.lock and
dynamic-network-architectures. The parts with nnU-Net need the packages of envs/nnunet.txt too.

Every part runs in a process of its own and has a time limit in seconds. Every measurement is one row of
benchmarks/results/gpu-<card>.csv, written as soon as it is made. A part that runs again replaces its rows.
"""

import argparse
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "benchmarks")]

PARTS = {  # part: (module, function, time limit in s)
    "compile": ("training", "compile_ahead", 150),
    "training": ("training", "compiled", 150),
    "training-eager": ("training", "eager", 120),
    "nnunet-training": ("nnunet", "train", 120),
    "prediction": ("prediction", "ours", 60),
    "nnunet-prediction": ("nnunet", "predict", 90),
    "numerics": ("numerics", "compare", 180),
    "gpu-share": ("sharing", "share", 120),
    "profile": ("training", "profile", 60),
}
EVERY = [part for part in PARTS if part != "profile"]


def run_here(part: str, arguments: argparse.Namespace, work: Path) -> None:
    """Run one part in this process."""
    import torch
    from on_gpu.plan import PAPERS, TINY
    from on_gpu.results import Results
    from on_gpu.training import STRATEGIES

    if not arguments.small and not torch.cuda.is_available():
        sys.exit("gpu.py needs a CUDA device; --small runs on a CPU")
    results = Results(arguments.output, part)
    results.clear()
    module, function, _ = PARTS[part]
    measure = getattr(importlib.import_module(f"on_gpu.{module}"), function)
    measure(TINY if arguments.small else PAPERS, work, results, arguments.strategies or STRATEGIES)


def run_apart(part: str, limit: float, work: Path) -> None:
    """Run one part in a process of its own, and end it and its children at the limit."""
    command = [sys.executable, __file__, *sys.argv[1:], "--here", part, "--work", str(work)]
    begun = time.monotonic()
    process = subprocess.Popen(command, start_new_session=True)
    try:
        status = process.wait(limit)
        print(f"{part}: {time.monotonic() - begun:.0f} s, exit status {status}", flush=True)
    except subprocess.TimeoutExpired:
        print(f"{part}: stopped after {limit:.0f} s", flush=True)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all but profile if none is named")
    parser.add_argument("--small", action="store_true", help="tiny sizes, also without a GPU")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results", help="folder")
    parser.add_argument("--strategies", nargs="+", help="train only these")
    parser.add_argument("--here", help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Run the parts, and print the table."""
    arguments = parse()
    if arguments.here:
        run_here(arguments.here, arguments, arguments.work)
        return
    chosen = [part.partition("=") for part in arguments.parts or EVERY]
    with tempfile.TemporaryDirectory() as work:
        for part, _, limit in chosen:
            run_apart(part, float(limit or PARTS[part][2]), Path(work))
    from on_gpu.results import Results, print_table

    print_table(Results(arguments.output, "").read())


if __name__ == "__main__":
    main()
