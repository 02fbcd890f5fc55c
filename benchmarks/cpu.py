"""Speed and memory on a CPU, beside nnU-Net, MONAI and surface-distance: what `make benchmark` runs.

    PYTHONPATH=.nnunet/packages .venv/bin/python benchmarks/cpu.py                  every part: 20 minutes
    PYTHONPATH=.nnunet/packages .venv/bin/python benchmarks/cpu.py batch lungs      two parts
    PYTHONPATH=.nnunet/packages .venv/bin/python benchmarks/cpu.py --small          tiny sizes: a test

Every measurement runs in a process of its own on two threads, ours and the peer's in turn, and is one row of
benchmarks/results/cpu-<processor>.csv. The file is written after each measurement, so that a run that is cut
keeps its rows. The rows of parts that are not measured stay as they are.
"""

import argparse
import csv
import importlib
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from covidseg.files import write_csv

ROOT = Path(__file__).resolve().parents[1]
THREADS = 2
Row = Mapping[str, str | float]
PARTS = {  # part -> contender -> module and function
    "tumour": {"covidseg": ("masks", "ours"), "surface-distance": ("masks", "peer")},
    "lungs": {"covidseg": ("masks", "ours"), "surface-distance": ("masks", "peer")},
    "preprocessing": {"covidseg": ("pipeline", "preprocess"), "nnU-Net": ("pipeline", "nnunet_preprocess")},
    "window": {"covidseg": ("window", "ours"), "MONAI": ("window", "peer")},
    "batch": {"covidseg": ("pipeline", "batches"), "nnU-Net": ("pipeline", "nnunet_batches")},
    "step": {"covidseg": ("pipeline", "steps"), "nnU-Net": ("pipeline", "nnunet_steps")},
}
COLUMNS = (
    "part",
    "contender",
    "median_s",
    "minimum_s",
    "maximum_s",
    "n",
    "peak_gib",
    "faster",
    "processor",
    "date",
)


def processor() -> str:
    """Return the processor's name, as Linux writes it."""
    return re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())[0]


def measure_here(part: str, contender: str, *, small: bool) -> None:
    """Print the seconds of one contender's repetitions, and the peak memory of this process in GiB."""
    import torch

    torch.set_num_threads(THREADS)
    module, name = PARTS[part][contender]
    with tempfile.TemporaryDirectory() as folder:
        function = getattr(importlib.import_module(f"on_cpu.{module}"), name)
        seconds = list(function(part, Path(folder), small=small))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(*seconds, peak)


def measure(part: str, contender: str, *, small: bool) -> Row:
    """Measure one contender in a process of its own, and return a row."""
    command = [sys.executable, __file__, "--here", contender, *["--small"] * small, part]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(THREADS))
    begun = time.perf_counter()
    done = subprocess.run(command, env=os.environ | threads, stdout=subprocess.PIPE, text=True, check=True)
    *seconds, peak = map(float, done.stdout.splitlines()[-1].split())
    print(f"{part}, {contender}: {time.perf_counter() - begun:.0f} s with its start", file=sys.stderr)
    values = statistics.median(seconds), min(seconds), max(seconds), len(seconds), peak
    whence = {"processor": processor(), "date": date.today().isoformat()}
    return {"part": part, "contender": contender} | dict(zip(COLUMNS[2:7], values, strict=True)) | whence


def compare(parts: Sequence[str], path: Path, *, small: bool) -> None:
    """Measure the contenders of each part, print their rows and write the table after each of them.

    The row of covidseg says how often it is as fast as the peer.
    """
    kept = [row for row in read_rows(path) if row["part"] not in parts]
    rows: list[Row] = []
    for part in parts:
        for contender in PARTS[part]:
            rows.append(measure(part, contender, small=small))
            if contender != "covidseg":
                own, peer = rows[-2:]
                rows[-2] = {**own, "faster": float(peer["median_s"]) / float(own["median_s"])}
                print_rows(rows[-2:])
            write_csv(path, in_order([*kept, *rows]), columns=COLUMNS, digits=4)


def read_rows(path: Path) -> list[Row]:
    """Return the rows of an earlier run; none if there is no file."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def in_order(rows: list[Row]) -> list[Row]:
    """Return the rows in the order of the parts; rows of parts that no longer exist are left out."""
    return [row for part in PARTS for row in rows if row["part"] == part]


def print_rows(rows: list[Row]) -> None:
    """Print medians and peak memory."""
    for row in rows:
        faster = f"  {row['faster']:.1f} times as fast" if "faster" in row else ""
        values = f"{row['median_s']:9.4g} s {row['peak_gib']:6.2f} GiB"
        print(f"{row['part']:14}{row['contender']:18}{values}{faster}", flush=True)


def main() -> None:
    """Run the parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--small", action="store_true", help="tiny sizes")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--here", metavar="CONTENDER", help="measure one contender in this process")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no part {', '.join(unknown)}; the parts are {', '.join(PARTS)}")
    if arguments.here:
        measure_here(arguments.parts[0], arguments.here, small=arguments.small)
        return
    slug = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)", "", processor().lower())).strip("-")
    compare(arguments.parts or list(PARTS), arguments.output / f"cpu-{slug}.csv", small=arguments.small)


if __name__ == "__main__":
    main()
