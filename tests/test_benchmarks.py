"""The benchmark for GPUs: its table and its limits, and in tiny sizes all that it measures."""

import csv
import os
import subprocess
import sys

import pytest

from conftest import ROOT

sys.path.append(str(ROOT / "benchmarks"))

import gpu
from on_gpu import results as table
from on_gpu.clock import Clock, Enough
from on_gpu.numerics import verdict
from on_gpu.plan import PAPERS, TINY, strategy_options
from on_gpu.results import Results, Row
from on_gpu.training import STRATEGIES


def run(output, *parts, python=sys.executable):
    """Run parts in tiny sizes without a GPU; returns what was printed, and the rows."""
    command = [python, ROOT / "benchmarks" / "gpu.py", "--small", "--output", output, *parts]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    found = [path.read_text().splitlines() for path in output.glob("*.csv")]
    return done.stdout, [row for lines in found for row in csv.DictReader(lines)]


def assert_measured(rows):
    for row in rows:
        assert not row["note"].startswith("failed"), row
        if row["unit"]:
            assert 0 <= float(row["minimum"]) <= float(row["median"]) <= float(row["maximum"])


def test_the_seconds_of_an_epoch_by_hand():
    row = Row("training", "scratch", "covidseg")
    row.set("s per iteration", [0.5, 0.25, 0.125])
    assert (row.minimum, row.median, row.maximum, row.n, row.epoch_seconds) == (0.125, 0.25, 0.5, 3, 62.5)
    row = Row("prediction", "scan", "covidseg")
    row.set("s per scan", [3.0])
    assert (row.median, row.epoch_seconds) == (3.0, None)


def test_rows_are_written_at_once_and_an_error_is_a_row(tmp_path):
    results = Results(tmp_path, "training")
    with results.row("scratch", "covidseg") as row:
        row.set("s per iteration", [0.5])
    with results.row("hybrid", "covidseg"):
        assert [row["what"] for row in results.read()] == ["scratch"]
        raise MemoryError("no room\nat all")
    assert [row["note"] for row in results.read()] == ["", "failed: MemoryError: no room"]


def test_a_part_that_runs_again_replaces_its_rows_only(tmp_path):
    for part in ("training", "prediction"):
        with Results(tmp_path, part).row("what", "covidseg") as row:
            row.set("s", [1.0])
    Results(tmp_path, "training").clear()
    assert [row["part"] for row in Results(tmp_path, "").read()] == ["prediction"]


def test_the_file_is_named_after_the_card(monkeypatch):
    monkeypatch.setattr(table, "machine", lambda: ("NVIDIA H100 80GB HBM3", "580.1"))
    assert table.card_slug() == "h100-80gb-hbm3"


def test_a_clock_times_the_iterations_after_the_warm_up(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    times = iter([0.0, 10.0, 10.0, 12.0, 15.0, 15.5])  # made, warm-up over, its mark, three iterations
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    clock = Clock(2, 3)
    for _ in range(4):
        clock.tick()
    with pytest.raises(Enough):
        clock.tick()
    assert clock.seconds() == [2.0, 3.0, 0.5]
    row = Row("training", "scratch", "covidseg")
    clock.fill(row)
    assert (row.median, row.start_seconds) == (2.0, 6.0)  # ten seconds, less two iterations of two


@pytest.mark.parametrize(
    ("dices", "answer"),
    [
        (
            [[0.70, 0.74], [0.71, 0.77]],
            "yes, of 2 precisions: the means differ by 0.0200, the seeds of one precision by up to 0.0600",
        ),
        (
            [[0.70, 0.71], [0.80, 0.82]],
            "no, of 2 precisions: the means differ by 0.1050, the seeds of one precision by up to 0.0200",
        ),
    ],
)
def test_precisions_agree_if_their_means_differ_less_than_their_seeds(dices, answer):
    assert verdict(dices) == answer


def test_a_part_is_read_with_its_strategies_and_its_limit():
    assert gpu.Chosen.of("training:scratch,hybrid=30") == gpu.Chosen("training", ("scratch", "hybrid"), 30)
    assert gpu.Chosen.of("prediction") == gpu.Chosen("prediction", (), gpu.PARTS["prediction"][2])
    with pytest.raises(SystemExit, match="no part 'trainnig'"):
        gpu.Chosen.of("trainnig")


def test_the_papers_plan_is_measured():
    assert (PAPERS.patch, PAPERS.sections["training"]["batch"]) == ((56, 160, 192), 2)
    assert len(PAPERS.sections["network"]["features"]) == 6
    assert strategy_options("collaborative")["relations"] == "both"


def test_a_part_ends_at_its_limit(tmp_path):
    printed, rows = run(tmp_path, "training=0.1")
    assert "training: 0 s, stopped at its limit" in printed
    assert rows == []


@pytest.mark.slow
def test_every_part_but_nnunet_s_runs_in_tiny_sizes(tmp_path):
    printed, rows = run(
        tmp_path, "compile+numerics", "training", "prediction", "gpu-share", "profile:scratch"
    )
    assert_measured(rows)
    assert printed.count("exit status 0") == 6
    assert [row["what"] for row in rows if row["part"] == "training"] == list(STRATEGIES)
    assert len([row for row in rows if row["part"] == "gpu-share"]) == 3
    timed = [row for row in rows if row["unit"] == "s per iteration"]
    assert all(int(row["n"]) == TINY.timed for row in timed)
    assert "convolution" in next(tmp_path.glob("*-kernels.txt")).read_text()


@pytest.mark.slow
def test_nnunet_s_parts_run_in_tiny_sizes(tmp_path, nnunet):
    parts = ("nnunet-compile", "nnunet-training", "nnunet-prediction")
    _, rows = run(tmp_path, *parts, python=nnunet / "python")
    assert_measured(rows)
    counts = {part: sum(row["part"] == part for row in rows) for part in parts}
    assert counts == {"nnunet-compile": 1, "nnunet-training": 3, "nnunet-prediction": 1}
