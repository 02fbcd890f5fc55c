"""Every time and every size in the pages on speed is one of benchmarks/results."""

import re

import pandas as pd
import pytest

from conftest import ROOT

RESULTS = ROOT / "benchmarks" / "results"
PAGES = ["benchmarks/README.md", "docs/results-on-real-data.md", "docs/comparison.md"]
# What a row of a table begins with -> part of cpu-*.csv, or part and thing of gpu-*.csv.
CPU = {
    "preprocessing of 275x512x512, ": "preprocessing",
    "training step, papers' plan": "step",
    "training step of the papers' plan, two cores": "step",
    "a batch cut and augmented, papers' plan": "batch",
    "sliding window, 729 small tiles": "window",
    "DSC and NSD of lungs, 1 mm": "lungs",
    "DSC and NSD of a tumour, 3 mm": "tumour",
}
GPU = {
    "from scratch, everything included": ["scratch"],
    "frozen encoder": ["lesion-representations"],
    "Hybrid-encoder": ["hybrid"],
    "Multi-encoder": ["multi-encoder"],
    "collaborative": ["collaborative"],
    "nnU-Net's training step (": ["training step, random batch on the device"],
    "nnU-Net's training step with": ["training step, loader of 12 processes"],
    "nnU-Net 2.8.1, its training step": ["training step, loader of 12 processes"],
    "an epoch of the papers' plan, H100": ["scratch", "training step, loader of 12 processes"],
}
UNITS = {"s": 1, "ms": 0.001, "GiB": 1}


def rows(page, begins):
    """Yield the cells of the table rows that begin with one of some texts, with what the text stands for."""
    for line in (ROOT / page).read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        for begin, found in begins.items():
            if line.startswith(f"| {begin}"):
                yield found, cells


def printed(cells):
    """Return the seconds and GiB of the cells after the first, with half of the last digit."""
    found = re.findall(r"(\d+(?:\.(\d+))?) (s|ms|GiB)\b", " | ".join(cells[1:]))
    return [
        (float(number) * UNITS[unit], 0.51 * 10.0 ** -len(digits) * UNITS[unit])
        for number, digits, unit in found
    ]


def unknown(values, known):
    """Return the printed values that are none of the known ones."""
    return [value for value, half in values if not any(abs(value - one) <= half for one in known)]


@pytest.mark.parametrize("page", PAGES)
def test_the_times_beside_the_peers_on_a_cpu_are_those_of_the_last_benchmark(page):
    (path,) = RESULTS.glob("cpu-*.csv")
    table = pd.read_csv(path)
    found = [(part, cells) for part, cells in rows(page, CPU) if len(cells) <= 4]  # not those of old changes
    assert {part for part, _ in found} == set(CPU.values()), "the table is there"
    for part, cells in found:
        known = table.loc[table.part == part, ["median_s", "peak_gib"]].to_numpy().ravel()
        assert unknown(printed(cells), known) == [], cells


@pytest.mark.parametrize("page", PAGES)
def test_the_epochs_on_a_gpu_are_those_of_the_benchmark(page):
    (path,) = RESULTS.glob("gpu-*.csv")
    table = pd.read_csv(path)
    found = list(rows(page, GPU))
    assert found, "the table is there"
    for names, cells in found:
        known = table.loc[table.what.isin(names), ["epoch_seconds", "allocated_gib"]].to_numpy().ravel()
        values = [f"{cell} s" if re.fullmatch(r"[\d.]+", cell) else cell for cell in cells[:2]] + cells[3:]
        assert unknown(printed(values), known) == [], cells
