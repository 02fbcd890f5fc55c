"""The precision that `precision: auto` means on a CPU."""

import logging

import pytest
import torch

from covidseg import device


@pytest.mark.parametrize(
    ("units", "seconds", "chosen"),
    [
        (True, {"float32": 0.005, "bfloat16": 0.001}, torch.bfloat16),
        (True, {"float32": 0.005, "bfloat16": 0.008}, torch.float32),  # instructions, but no units for them
        (False, {"float32": 0.005, "bfloat16": 0.001}, torch.float32),  # not tried: it can take minutes
    ],
)
def test_auto_is_the_faster_precision_of_the_processor(monkeypatch, caplog, units, seconds, chosen):
    monkeypatch.setattr(device, "_has_bfloat16", lambda _: units)
    monkeypatch.setattr(device, "_convolution_seconds", lambda: seconds)
    with caplog.at_level(logging.INFO):
        assert device.choose_compute("cpu", "auto", threads=1).precision == chosen
    assert ("5.0 ms in float32" in caplog.text) == units


@pytest.mark.skipif(not device._has_bfloat16("cpu"), reason="without instructions, bfloat16 takes seconds")
def test_the_comparison_of_precisions_keeps_the_number_of_threads():
    torch.set_num_threads(2)
    assert all(0 < seconds < 60 for seconds in device._convolution_seconds().values())
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
