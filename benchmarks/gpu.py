"""Speed and memory of training and prediction on a GPU, beside nnU-Net; and whether bfloat16 costs accuracy.

    .venv/bin/python benchmarks/gpu.py                        every part
    .venv/bin/python benchmarks/gpu.py training nnunet-training=90
                                                              two parts, one with another limit in seconds
    .venv/bin/python benchmarks/gpu.py training:scratch,hybrid
                                                              a part, for two strategies only
    .venv/bin/python benchmarks/gpu.py compile+numerics       two parts at once: neither is timed
    .venv/bin/python benchmarks/gpu.py --small                tiny sizes, also without a GPU: a test, without
                                                              torch's compiler

Runs alone on a machine with a CUDA device, torch >= 2.11 and the packages that the library's training and
prediction import: numpy, scipy, nibabel, safetensors, PyYAML, psutil, filelock, flufl.lock and
dynamic-network-architectures. The parts with nnU-Net need the packages of envs/nnunet.txt too.

Every part runs in a process of its own. Every measurement is one row of benchmarks/results/gpu-<card>.csv,
written as soon as it is made. A part that runs again replaces its rows.
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
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "benchmarks")]

PARTS = {  # part: (module, function, time limit in s)
    "compile": ("training", "compile_ahead", 180),
    "nnunet-compile": ("nnunet", "compile_ahead", 180),
    "numerics": ("numerics", "compare", 180),
    "training": ("training", "recorded", 120),
    "training-compiled": ("training", "compiled", 150),
    "nnunet-training": ("nnunet", "train", 150),
    "prediction": ("prediction", "ours", 90),
    "nnunet-prediction": ("nnunet", "predict", 120),
    "gpu-share": ("sharing", "share", 120),
    "profile": ("training", "profile", 90),
}
EVERY = ["compile+nnunet-compile+numerics", *list(PARTS)[3:-1]]


@dataclass(frozen=True)
class Chosen:
    """A part that the command line names: `name[:strategy,...][=seconds]`."""

    name: str
    strategies: tuple[str, ...]
    limit: float

    @classmethod
    def of(cls, text: str) -> "Chosen":
        """Read a part's name, strategies and limit."""
        rest, _, limit = text.partition("=")
        name, _, strategies = rest.partition(":")
        if name not in PARTS:
            sys.exit(f"no part {name!r}; the parts are {', '.join(PARTS)}")
        return cls(name, tuple(filter(None, strategies.split(","))), float(limit or PARTS[name][2]))


def run_here(part: Chosen, arguments: argparse.Namespace) -> None:
    """Run one part in this process."""
    import torch
    from on_gpu.plan import PAPERS, TINY
    from on_gpu.results import Results
    from on_gpu.training import STRATEGIES

    if not arguments.small and not torch.cuda.is_available():
        sys.exit("gpu.py needs a CUDA device; --small runs on a CPU")
    results = Results(arguments.output, part.name)
    results.clear()
    module, function, _ = PARTS[part.name]
    measure = getattr(importlib.import_module(f"on_gpu.{module}"), function)
    measure(TINY if arguments.small else PAPERS, arguments.work, results, part.strategies or STRATEGIES)


def run_apart(texts: list[str], arguments: argparse.Namespace, work: str) -> None:
    """Run parts at the same time, each in a process of its own; end them and their children at the limit."""
    command = [sys.executable, __file__, "--output", str(arguments.output), "--work", work]
    command += ["--small"] if arguments.small else []
    begun = time.monotonic()
    running = {text: subprocess.Popen([*command, text], process_group=0) for text in texts}
    for text, process in running.items():
        part = Chosen.of(text)
        try:
            end = f"exit status {process.wait(max(0.0, begun + part.limit - time.monotonic()))}"
        except subprocess.TimeoutExpired:
            end = "stopped at its limit"
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        print(f"{part.name}: {time.monotonic() - begun:.0f} s, {end}", flush=True)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", default=EVERY, help=f"of {', '.join(PARTS)}")
    parser.add_argument("--small", action="store_true", help="tiny sizes, also without a GPU")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results", help="folder")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)  # given to the process of one part
    return parser.parse_args()


def main() -> None:
    """Run the parts, and print the table."""
    arguments = parse()
    if arguments.work:
        run_here(Chosen.of(arguments.parts[0]), arguments)
        return
    groups = [group.split("+") for group in arguments.parts]
    for text in chain.from_iterable(groups):
        Chosen.of(text)  # a misspelt part ends the run before it starts
    with tempfile.TemporaryDirectory() as work:
        for group in groups:
            run_apart(group, arguments, work)
    from on_gpu.results import Results, print_table

    print_table(Results(arguments.output, "").read())


if __name__ == "__main__":
    main()
