"""What a training writes into its log: the numbers of log.csv, nothing that was not measured, the time left."""

import csv
import logging
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidseg.training import epoch_log
from covidseg.training.epoch_log import Epoch, EpochLog, duration, last_epoch, write_head
from training_program import make_run, start


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets, in seconds."""
    times = [0.0]
    monkeypatch.setattr(epoch_log.time, "monotonic", lambda: times[0])
    return times


def lines(caplog):
    return [f"{record.levelname} {record.getMessage()}" for record in caplog.records]


def row(epoch, **values):
    return {"epoch": epoch, "learning_rate": 0.3, "loss": 0.52134, "validation_dice": math.nan, **values}


def test_a_line_has_what_was_measured_and_the_time_left(clock, caplog):
    caplog.set_level(logging.INFO)
    log = EpochLog(4)
    for epoch, end in enumerate((10.0, 30.0, 50.0, 70.0)):
        clock[0] = end
        log.write(row(epoch, validation_dice=0.81 if epoch == 3 else math.nan, seconds=None), 9.94)
    assert lines(caplog) == [
        "INFO epoch 0: learning rate 0.3, loss 0.5213, 9.9 s; 1 of 4 epochs done, about 30 s left",
        "INFO epoch 1: learning rate 0.3, loss 0.5213, 9.9 s; 2 of 4 epochs done, about 30 s left",
        "INFO epoch 2: learning rate 0.3, loss 0.5213, 9.9 s; 3 of 4 epochs done, about 17 s left",
        "INFO epoch 3: learning rate 0.3, loss 0.5213, validation dice 0.81, 9.9 s; 4 of 4 epochs done",
    ]


def test_the_time_left_counts_the_last_ten_epochs_and_only_those_of_this_process(clock, caplog):
    """A first epoch is slow, since it compiles; and a training that goes on has done the others elsewhere."""
    caplog.set_level(logging.INFO)
    log = EpochLog(1000)
    for epoch in range(500, 511):
        clock[0] += 1000 if epoch == 500 else 2
        log.write(row(epoch), 1)
    assert "501 of 1000 epochs done, about 5 d 18 h left" in lines(caplog)[0]  # 499 x 1000 s
    assert "511 of 1000 epochs done, about 16 min 18 s left" in lines(caplog)[-1]  # 489 x 2 s


def test_a_log_is_read_as_it_was_written(clock, caplog):
    caplog.set_level(logging.INFO)
    assert last_epoch("2026-01-01 10:00:00 INFO training on CPU\n") is None
    log = EpochLog(3)
    clock[0] = 60
    log.write({"epoch": 0, "seconds": 3.0, "critic_loss": 9.0, "loss": -0.25}, 3)
    log.write({"epoch": 1, "seconds": 3.0, "critic_loss": 9.0, "loss": 16.188}, 3)
    text = "\n".join(f"2026-01-01 10:00:00 {line}" for line in lines(caplog))
    assert last_epoch(text) == Epoch(2, 3, "16.19", "30 s")
    assert last_epoch(text.splitlines()[0]) == Epoch(1, 3, "-0.25", "2 min 0 s")
    log.write({"epoch": 2, "accuracy": 1.0}, 3)
    assert last_epoch(lines(caplog)[-1]) == Epoch(3, 3, "", "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (185, "3 min 5 s"), (7800, "2 h 10 min"), (273600, "3 d 4 h")],
)
def test_a_duration_has_two_units(seconds, text):
    assert duration(seconds) == text


@given(st.floats(0, 1e8))
def test_a_duration_leaves_less_than_its_second_unit_away(seconds):
    sizes = {"d": 86400, "h": 3600, "min": 60, "s": 1}
    words = duration(seconds).split()
    told = sum(int(number) * sizes[unit] for number, unit in zip(words[::2], words[1::2], strict=True))
    assert abs(seconds - told) <= sizes[words[-1]]


def test_the_head_names_the_training(caplog):
    caplog.set_level(logging.INFO)
    write_head("hybrid-msd", strategy="hybrid", source="pretrain-msd", fold=3)
    assert lines(caplog) == ["INFO training of hybrid-msd: strategy hybrid, source pretrain-msd, fold 3"]


def test_a_training_s_log_counts_as_its_table(training_folders, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    start(make_run(training_folders[:2], [], epochs=2), tmp_path)
    with open(tmp_path / "log.csv", newline="") as file:
        table = list(csv.DictReader(file))
    told = [line for line in lines(caplog) if line.startswith("INFO epoch")]
    assert [line.split(":")[0] for line in told] == [f"INFO epoch {row['epoch']}" for row in table]
    assert all(f"loss {float(row['loss']):.4g}," in line for row, line in zip(table, told, strict=True))
    assert "nan" not in caplog.text
    assert "INFO training of scratch: strategy scratch, source none, fold 0" in lines(caplog)
