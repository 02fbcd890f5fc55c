"""The memory of jobs with a network, on the host and on the GPU, from config/memory.csv.

The table has the largest use of one job without the cases that the device holds, in bfloat16:

host_gib: of the process, which computes on a CPU. On a GPU the process needs less.
device_gib: of torch on a GPU; the driver takes half a GiB more. In float32, which `precision: auto` chooses
on cards without bfloat16 (Volta), torch takes 1.8 times as much.
"""

import csv
import math
from dataclasses import dataclass

from covidseg.config.configuration import Configuration

# A job asks for more than was measured: torch compiles, another processor has no bfloat16, a scan is larger.
MARGIN = 1.5
DRIVER_GIB = 0.5  # what NVIDIA's driver and libraries take of a GPU per process
ALL = "all"  # strategy of a row that holds for all strategies
SLICE_RULES = ("train_weak", "localise")


@dataclass(frozen=True)
class Need:
    """The memory of one job.

    Attributes:
        host_gib: GiB of the host.
        device_gib: GiB of the GPU; NaN where the table has no number.
        patch: patch or slice for which the numbers hold, as in the table.
        basis: where the numbers come from.
    """

    host_gib: float
    device_gib: float
    patch: str
    basis: str


@dataclass(frozen=True)
class Memory:
    """The memory of the jobs of one configuration.

    Attributes:
        rows: the rows of config/memory.csv.
        patch: size (z, y, x) of a patch in voxels.
        size: side of a slice in pixels.
        cases_gib: GiB of cases that a training holds on its device, at most.
        on_host: whether the device of trainings is the host.
    """

    rows: list[dict[str, str]]
    patch: tuple[int, ...]
    size: int
    cases_gib: float
    on_host: bool

    @classmethod
    def of(cls, config: Configuration) -> "Memory":
        """Return the memory of a configuration's jobs."""
        sections = config.sections
        training, patch = sections["training"], tuple(sections["plan"]["patch"])
        with open(config.folder / "memory.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        cases, on_host = training["device_memory_gib"], training["device"] == "cpu"
        return cls(rows, patch, sections["weak"]["size"], cases, on_host)

    def need(self, rule: str, strategy: str) -> Need:
        """Return the memory of a job without cases.

        The row is that of the smallest patch that is at least as large as the configuration's. Beyond the
        largest patch of the table the memory grows in proportion to the voxels. A strategy without a row, for
        example a user's own, needs as much as the strategy that needs most.

        Args:
            rule: train (which stands for pretrain and collaborative too), predict, train_weak or localise.
            strategy: name of the strategy, or of the system that learns from image-level labels.
        """
        voxels = self.size**2 if rule in SLICE_RULES else math.prod(self.patch)
        of_rule = [row for row in self.rows if row["rule"] == rule]
        sizes = sorted({_voxels(row) for row in of_rule})
        chosen = next((size for size in sizes if size >= voxels), sizes[-1])
        of_size = [row for row in of_rule if _voxels(row) == chosen]
        rows = [row for row in of_size if row["strategy"] == strategy] or of_size
        row, times = max(rows, key=lambda row: float(row["host_gib"])), max(1, voxels / chosen)
        device = float(row["device_gib"] or math.nan)
        return Need(times * float(row["host_gib"]), times * device, row["patch"], row["measured on"])

    def host_mb(self, rule: str, strategy: str) -> int:
        """Return the memory of the host that a job asks for, in MB: whole thousands."""
        gib = MARGIN * self.need(rule, strategy).host_gib
        if self.on_host and rule == "train":
            gib += self.cases_gib
        return 1000 * math.ceil(gib * 2**30 / 1e9)

    def device_gib(self, rule: str, strategy: str) -> float:
        """Return the memory of a GPU that a job takes, in GiB, with the cases and the driver's share."""
        cases = self.cases_gib if rule == "train" else 0
        return self.need(rule, strategy).device_gib + DRIVER_GIB + cases


def _voxels(row: dict[str, str]) -> int:
    return math.prod(map(int, row["patch"].split("x")))
