"""The table of results: one row per measurement, written as soon as it is made."""

import csv
import importlib.metadata
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from functools import cache
from pathlib import Path

import torch
from filelock import FileLock


@cache
def machine() -> tuple[str, str]:
    """Return the card's name and the driver's version; "CPU" and "" without a card."""
    if shutil.which("nvidia-smi") is None:
        return "CPU", ""
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    first = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    name, driver = first.split(", ")
    return name, driver


@dataclass
class Row:
    """One measurement.

    Attributes:
        part: the part of the benchmark.
        what: what was done.
        contender: program, precision and whether its network was compiled.
        unit: unit of median, minimum and maximum.
        median, minimum, maximum, n: of the n repeated measurements.
        epoch_seconds: seconds of an epoch of 250 iterations.
        start_seconds: seconds before the first timed iteration, less what the iterations before it take:
            to read the cases, build the network and compile it.
        allocated_gib: peak of the tensors' memory on the device.
        reserved_gib: peak of the memory that torch took from the device for these tensors.
        note: what else to know, for example an error.
        card, torch, driver, date: where and when.
    """

    part: str
    what: str
    contender: str
    unit: str = ""
    median: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    n: int | None = None
    epoch_seconds: float | None = None
    start_seconds: float | None = None
    allocated_gib: float | None = None
    reserved_gib: float | None = None
    note: str = ""
    card: str = field(default_factory=lambda: machine()[0])
    torch: str = field(default_factory=lambda: importlib.metadata.version("torch"))
    driver: str = field(default_factory=lambda: machine()[1])
    date: str = field(default_factory=lambda: date.today().isoformat())

    def set(self, unit: str, values: list[float]) -> None:
        """Set the measured values, and the seconds per epoch where the unit is seconds per iteration."""
        self.unit, self.n = unit, len(values)
        self.median, self.minimum, self.maximum = statistics.median(values), min(values), max(values)
        if unit == "s per iteration":
            self.epoch_seconds = 250 * self.median

    def set_memory(self) -> None:
        """Set the peaks of the device's memory since the last reset."""
        if torch.cuda.is_available():
            self.allocated_gib = torch.cuda.max_memory_allocated() / 2**30
            self.reserved_gib = torch.cuda.max_memory_reserved() / 2**30


COLUMNS = [column.name for column in fields(Row)]
SHOWN = ("what", "contender", "unit", "median", "minimum", "maximum", "n", "epoch_seconds", "start_seconds",
         "allocated_gib", "note")  # fmt: skip


def card_slug() -> str:
    """Return the card's name as part of a file's name: "NVIDIA H200" becomes "h200"."""
    return machine()[0].lower().removeprefix("nvidia ").replace(" ", "-")


class Results:
    """The table of results on disk.

    Attributes:
        path: the CSV file.
        part: the part of the benchmark that is measured.
    """

    def __init__(self, folder: Path, part: str) -> None:
        self.path, self.part = folder / f"gpu-{card_slug()}.csv", part

    def read(self) -> list[dict[str, str]]:
        """Return the rows that are there."""
        if not self.path.exists():
            return []
        with open(self.path, newline="") as file:
            return list(csv.DictReader(file))

    def clear(self) -> None:
        """Delete the rows that an earlier run of this part left."""
        with self._locked():
            self._write([row for row in self.read() if row["part"] != self.part])

    def _locked(self) -> FileLock:
        """Return the lock of the table, which parts that run at the same time share."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(Path(tempfile.gettempdir()) / f"{self.path.name}.lock")

    def _write(self, rows: list[dict[str, str]]) -> None:
        with open(self.path, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)

    @contextmanager
    def row(self, what: str, contender: str) -> Iterator[Row]:
        """Yield a row to fill in, and write it; an error becomes its note, and the part goes on."""
        row = Row(self.part, what, contender)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        try:
            yield row
        except Exception as error:
            row.note = f"failed: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
        self.add(row)

    def add(self, row: Row) -> None:
        """Write one more row, and print it."""
        text = {name: _text(value) for name, value in asdict(row).items()}
        with self._locked():
            self._write([*self.read(), text])
        print(_line(text), flush=True)


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _line(row: dict[str, str]) -> str:
    return " | ".join([row["part"], *(row[name] for name in SHOWN)])


def print_table(rows: list[dict[str, str]]) -> None:
    """Print the most important columns of all rows."""
    print(" | ".join(["part", *SHOWN]))
    for row in rows:
        print(_line(row))
