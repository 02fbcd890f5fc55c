"""A job on a GPU whose memory does not suffice ends with one line; the errors are those of torch, injected."""

import re
import runpy

import pytest
import torch

from conftest import ROOT, refused_in_one_line
from covidseg.training.gpu_memory import enough_gpu_memory


def fake_memory(monkeypatch):
    """Let the card have 16 GiB: torch holds 14, another process or the driver holds 1."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2**30, 16 * 2**30))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 14 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla V100-SXM2-16GB")


FULL_CARD = (
    "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 15.77 GiB of which 1.21 GiB "
    "is free. Including non-PyTorch memory, this process has 14.50 GiB memory in use."
)


@pytest.mark.parametrize(
    ("error", "asks"),
    [
        (torch.OutOfMemoryError(FULL_CARD), "2.50 GiB"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "more"),
        (torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might ..."), "more"),
    ],
)
def test_a_card_that_is_too_small_is_named_with_what_the_job_needs(monkeypatch, error, asks):
    fake_memory(monkeypatch)
    expected = (
        rf"^the memory of the GPU is full: this job holds 14\.0 GiB and asks for {asks}, other processes and the "
        r"driver hold 1\.0 GiB, and Tesla V100-SXM2-16GB has 16\.0 GiB; lower x$"
    )
    with refused_in_one_line(expected), enough_gpu_memory("lower x"):
        raise error


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="the strategy is wrong"), enough_gpu_memory("lower x"):
        raise RuntimeError("the strategy is wrong")


class Zero(str):
    """What Snakemake tells a script: every file, wildcard and parameter is "0"."""

    def __getattr__(self, name):
        return Zero("0")

    def __getitem__(self, key):
        return Zero("0")

    def __call__(self, *arguments):
        return Zero("0")


@pytest.mark.parametrize(
    ("script", "function", "remedy"),
    [
        ("train", "training.train.train", r"lower training\.device_memory_gib \(0\), or take a larger card"),
        (
            "predict",
            "evaluation.prediction.predict_cases",
            r"take a larger card",
        ),
        ("train_weak", "weak.training.train_weakly", "take a larger card"),
        ("localise", "weak.heat.localise", "take a larger card"),
    ],
)
def test_a_job_on_a_card_that_is_too_small_ends_with_one_line(
    monkeypatch, tmp_path, script, function, remedy
):
    def run_out(*_, **__):
        raise torch.OutOfMemoryError(FULL_CARD)

    monkeypatch.chdir(tmp_path)
    for name in ("training.run.make_run", "training.run.describe_run", "cases.splits.read_splits"):
        monkeypatch.setattr(f"covidseg.{name}", lambda *_, **__: {})
    for name in ("weak.training.make_weak_run", "weak.training.describe_weak_run"):
        monkeypatch.setattr(f"covidseg.{name}", lambda *_, **__: {})
    monkeypatch.setattr("covidseg.cases.splits.evaluation_cases", lambda *_: [])
    monkeypatch.setattr(f"covidseg.{function}", run_out)
    fake_memory(monkeypatch)
    program = ROOT / "workflow" / "scripts" / f"{script}.py"
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(program), {"snakemake": Zero()}, run_name="__main__")
    assert ended.value.code == 1
    (line,) = (tmp_path / "0").read_text().splitlines()
    assert re.search(
        f" ERROR the memory of the GPU is full: .* Tesla V100-SXM2-16GB has 16.0 GiB; {remedy}", line
    )
