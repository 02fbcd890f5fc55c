"""Time and memory of the jobs of the phantom pipeline, and time of the imports of a training.

    .venv/bin/snakemake && .venv/bin/python benchmarks/pipeline.py

Reads the seconds per job from the jobs' logs, which do not count the imports, and the elapsed time of the
last run from Snakemake's log.
"""

import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DONE = re.compile(r"done in ([\d.]+) s, peak memory ([\d.]+) GiB")


def import_seconds(module: str) -> float:
    """Return the median time in s of five processes that import a module and then end."""
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", f"import {module}"], cwd=ROOT / "workflow" / "scripts", check=True
        )
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def main() -> None:
    """Print one row per rule, the elapsed time of the last run, and the import times."""
    print("rule        jobs  median s   max s  peak GiB")
    for folder in sorted(path for path in (ROOT / "logs").iterdir() if path.is_dir()):
        rows = [DONE.findall(path.read_text())[-1] for path in folder.rglob("*.log")]
        seconds, peaks = ([float(value) for value in column] for column in zip(*rows, strict=True))
        median = statistics.median(seconds)
        print(f"{folder.name:10} {len(rows):5} {median:9.1f} {max(seconds):7.1f} {max(peaks):9.2f}")
    logs = sorted((ROOT / ".snakemake" / "log").glob("*.log"), key=lambda path: path.stat().st_mtime)
    elapsed = re.findall(r"Elapsed time: (\S+)", "".join(path.read_text() for path in logs))
    print(f"last run that had work: {elapsed[-1] if elapsed else 'unknown'}")
    for module in ("torch", "covidseg.training.run"):
        print(f"import {module}: {import_seconds(module):.2f} s")


if __name__ == "__main__":
    main()
