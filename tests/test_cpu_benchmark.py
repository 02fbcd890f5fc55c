"""`make benchmark` in tiny sizes: every part beside its peer."""

import csv
import importlib
import subprocess
import sys

import pytest

from conftest import ROOT


@pytest.mark.slow
def test_every_part_is_measured_beside_its_peer(nnunet, tmp_path):
    command = [nnunet / "python", ROOT / "benchmarks" / "cpu.py", "--small", "--output", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    (path,) = tmp_path.glob("cpu-*.csv")
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["part"] for row in rows[::2]] == [
        "tumour", "lungs", "preprocessing", "window", "batch", "step"
    ]  # fmt: skip
    for own, peer in zip(rows[::2], rows[1::2], strict=True):
        assert (own["contender"], own["part"]) == ("covidseg", peer["part"])
        assert float(own["faster"]) == pytest.approx(
            float(peer["median_s"]) / float(own["median_s"]), rel=0.01
        )
        assert all(0 < float(row["minimum_s"]) <= float(row["median_s"]) for row in (own, peer))


def test_a_part_is_measured_anew_and_the_others_keep_their_rows(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    cpu = importlib.import_module("cpu")
    medians = iter((1.0, 4.0, 2.0, 6.0, 1.0, 7.0))
    monkeypatch.setattr(
        cpu,
        "measure",
        lambda part, contender, small: {
            "part": part,
            "contender": contender,
            "median_s": next(medians),
            "peak_gib": 1.0,
        },
    )
    path = tmp_path / "cpu.csv"
    cpu.compare(["tumour"], path, small=True)
    cpu.compare(["step", "lungs"], path, small=True)
    with open(path, newline="") as file:
        rows = [(row["part"], row["contender"], row["faster"]) for row in csv.DictReader(file)]
    assert rows == [
        ("tumour", "covidseg", "4"), ("tumour", "surface-distance", ""),
        ("lungs", "covidseg", "7"), ("lungs", "surface-distance", ""),
        ("step", "covidseg", "3"), ("step", "nnU-Net", ""),
    ]  # fmt: skip
