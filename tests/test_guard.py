"""The guard of nnU-Net: a training that finds nothing is warned about, and starts again if it is asked to."""

import pytest
import torch
from torch import nn

from covidseg.device import choose_compute
from covidseg.training import guard
from covidseg.training.network import build_network
from covidseg.training.patches import load_cases
from covidseg.training.validation import finds_foreground, validation_dice
from covidseg.training.weights import read_tensors
from training_program import assert_same_model, interrupt, make_run, rows, start

AGAIN = {"epochs": 2, "momentum": 0.8}


class Rule(nn.Module):
    """A network that calls foreground what the rule says."""

    def __init__(self, rule):
        super().__init__()
        self.rule = rule

    def forward(self, image):
        foreground = self.rule(image).float()
        return [torch.cat([0.5 - foreground, foreground - 0.5], 1)]


@pytest.fixture
def blind(monkeypatch):
    """Nothing is ever found."""
    monkeypatch.setattr(guard, "finds_foreground", lambda *_: False)


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (lambda image: image > 2, True),  # the blocks are 3 above the rest
        (lambda image: image > -9, True),
        (lambda image: image > 99, False),
        (lambda image: image < -1.5, False),  # foreground, but in the wrong places alone
    ],
)
def test_foreground_is_found_where_its_dice_is_above_0(training_folders, rule, found):
    run, compute = make_run(training_folders, []), choose_compute("cpu", "float32", threads=1)
    groups = {"training": training_folders}
    (cases,) = load_cases(groups, labels=run.labels, device=compute.device, budget_gib=1)
    assert finds_foreground(run, Rule(rule), cases, compute) == found
    assert (validation_dice(run, Rule(rule), cases, compute) > 0) == found


@pytest.fixture(scope="module")
def unguarded(training_folders, tmp_path_factory):
    output = tmp_path_factory.mktemp("unguarded")
    start(make_run(training_folders[:2], training_folders[2:]), output)
    return output


def test_a_warning_alone_changes_nothing(training_folders, unguarded, blind, tmp_path, caplog):
    run = make_run(training_folders[:2], training_folders[2:], restart={"epochs": 2, "momentum": None})
    start(run, tmp_path)
    assert_same_model(unguarded, tmp_path)
    assert [message for message in caplog.messages if "finds no foreground" in message] == [
        "after 2 epochs the network finds no foreground in the training cases"
    ]
    assert "training does not start again, since training.restart.momentum is null" in caplog.text


def test_a_training_that_finds_something_goes_on(training_folders, unguarded, monkeypatch, tmp_path, caplog):
    searched = []
    monkeypatch.setattr(guard, "finds_foreground", lambda *_: searched.append(1) or True)
    start(make_run(training_folders[:2], training_folders[2:], restart=AGAIN), tmp_path)
    assert_same_model(unguarded, tmp_path)
    assert len(searched) == 1, "once, after the second epoch"
    assert "foreground" not in caplog.text


def test_a_restart_brings_back_the_first_weights(training_folders, blind, tmp_path):
    run = make_run(training_folders[:2], [], epochs=2, restart=AGAIN)
    start(run, tmp_path)
    first = build_network(run.architecture, classes=2, seed=run.seed)
    trained = read_tensors(tmp_path / "model.safetensors")
    for name, parameter in first.named_parameters():
        assert torch.equal(trained[name], parameter), name


def test_after_a_restart_the_momentum_is_lower_and_the_epochs_go_on(
    training_folders, blind, tmp_path, caplog
):
    start(make_run(training_folders[:2], [], restart=AGAIN), tmp_path)
    table = rows(tmp_path)
    assert [float(row["momentum"]) for row in table] == [0.99, 0.99, 0.8, 0.8]
    assert [int(row["epoch"]) for row in table] == [0, 1, 2, 3]
    rates = [0.05 * (1 - epoch / 4) ** 0.9 for epoch in range(4)]
    assert [float(row["learning_rate"]) for row in table] == pytest.approx(rates)
    assert "training starts again with momentum 0.8" in caplog.text


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_restarted_training_resumes_with_the_same_bits(training_folders, blind, tmp_path, caplog, epochs):
    """Stopped after two epochs: right at the restart, and one epoch later."""
    caplog.set_level("INFO")
    run = make_run(training_folders[:2], [], restart=AGAIN | {"epochs": epochs})
    start(run, tmp_path / "at once")
    interrupt(run, tmp_path / "resumed")
    start(run, tmp_path / "resumed")
    assert "resumed at epoch 2, iteration 0" in caplog.text
    assert_same_model(tmp_path / "at once", tmp_path / "resumed")


def test_a_frozen_encoder_comes_back_as_it_was(training_folders, pretrained, blind, tmp_path):
    """Training checks itself that no frozen parameter has changed."""
    options = {"decoder": "new", "reduction": 2}
    run = make_run(training_folders[:2], [], "hybrid", options, pretrained, restart=AGAIN)
    start(run, tmp_path)
    assert len(rows(tmp_path)) == 4
