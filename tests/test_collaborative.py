"""Collaborative learning: its losses, what they update, and what is kept of a training."""

import csv
import dataclasses

import pytest
import torch

from covidseg.device import choose_compute
from covidseg.training.losses import deep_supervision_loss
from covidseg.training.relations import ramp_up, relation_loss, relation_matrix
from covidseg.training.strategies import load_strategy
from covidseg.training.weights import read_tensors
from training_program import COLLABORATIVE, assert_same_model, interrupt, make_batch, prepared, trained

TRAINING = {"batch_dice": True}
FLOAT32 = choose_compute("cpu", "float32", threads=1)


def gradients(network, loss):
    parts = {
        part: list(getattr(network, part).parameters()) for part in ("encoder", "general_encoder", "decoder")
    }
    network.zero_grad()
    loss.backward(retain_graph=True)
    return {
        part: any(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)
        for part, parameters in parts.items()
    }


def losses_of(strategy, network, monkeypatch, progress=0.5):
    """Return the collaborative strategy's three losses apart."""
    kept = {}
    original = strategy._relation_losses

    def keep(matrices, share):
        kept["general"], kept["target"] = original(matrices, share)
        return kept["general"], kept["target"]

    monkeypatch.setattr(strategy, "_relation_losses", keep)
    values = strategy.losses(
        network, make_batch(source=True), training=TRAINING, compute=FLOAT32, progress=progress
    )
    return values, kept


def test_each_collaborative_loss_updates_what_algorithm_1_says(pretrained, monkeypatch):
    strategy, network, _, _ = prepared("collaborative", pretrained, COLLABORATIVE)
    values, kept = losses_of(strategy, network, monkeypatch)
    target, general, decoder = "encoder", "general_encoder", "decoder"
    assert gradients(network, values["segmentation_loss"]) == {target: True, general: False, decoder: True}
    assert gradients(network, kept["general"]) == {target: False, general: True, decoder: False}
    assert gradients(network, kept["target"]) == {target: True, general: False, decoder: False}
    assert values["loss"] == values["segmentation_loss"] + kept["general"] + kept["target"]


def test_collaborative_losses_are_the_equations(pretrained, monkeypatch):
    strategy, network, _, _ = prepared("collaborative", pretrained, COLLABORATIVE)
    values, kept = losses_of(strategy, network, monkeypatch)
    samples = make_batch(source=True)
    with torch.no_grad():
        skips = network.encoder(samples.images)
        covid = network.general_encoder(samples.images)[-1]
        non_covid = network.general_encoder(samples.source_images)[-1]
        outputs = network.decoder([*skips[:-1], torch.cat([skips[-1], covid], 1)])
        r_n, r_c, r_t = (relation_matrix(features) for features in (non_covid, covid, skips[-1]))
    expected = deep_supervision_loss(outputs, samples.labels, batch_dice=True)
    assert values["segmentation_loss"].item() == pytest.approx(expected.item(), abs=1e-6)
    weight = 0.5 / 8 * ramp_up(0.5)
    assert kept["general"].item() == pytest.approx(weight * relation_loss(r_n, r_c).item(), rel=1e-4)
    assert kept["target"].item() == pytest.approx(-weight * relation_loss(r_c, r_t).item(), rel=1e-4)
    assert values["general_difference"].item() == pytest.approx((r_n - r_c).abs().mean().item(), rel=1e-4)


def test_the_ramp_up_may_end_before_the_training(pretrained, monkeypatch):
    losses = []
    for share in (1.0, 0.5):
        strategy, network, _, _ = prepared("collaborative", pretrained, COLLABORATIVE | {"ramp_up": share})
        losses.append(losses_of(strategy, network, monkeypatch)[1]["general"].item())
    assert losses[0] == pytest.approx(losses[1] * ramp_up(0.5), rel=1e-5)


def test_the_ablations_leave_losses_out(pretrained, monkeypatch):
    for relations, general, target in (
        ("none", False, False),
        ("general", True, False),
        ("both", True, True),
    ):
        strategy, network, _, _ = prepared(
            "collaborative", pretrained, COLLABORATIVE | {"relations": relations}
        )
        _, kept = losses_of(strategy, network, monkeypatch)
        assert (bool(kept["general"] != 0), bool(kept["target"] != 0)) == (general, target)


def test_collaborative_training_keeps_relation_matrices_and_their_differences(
    training_folders, pretrained, tmp_path
):
    trained(training_folders, tmp_path, "collaborative", COLLABORATIVE, pretrained, epochs=5)
    kept = read_tensors(tmp_path / "relations.safetensors")
    names = ("general_covid", "general_non_covid", "target_covid")
    assert sorted(kept) == [f"epoch{epoch:04d}.{name}" for epoch in (1, 3, 5) for name in names]
    assert kept["epoch0005.target_covid"].shape == (8, 8)
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    assert all(float(row["general_difference"]) > 0 < float(row["target_difference"]) for row in rows)


def test_a_resumed_collaborative_training_ends_with_the_same_bits(training_folders, pretrained, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run = trained(training_folders, whole, "collaborative", COLLABORATIVE, pretrained)
    interrupt(dataclasses.replace(run, strategy=load_strategy("collaborative", COLLABORATIVE, [])), broken)
    trained(training_folders, broken, "collaborative", COLLABORATIVE, pretrained)
    assert_same_model(whole, broken)
    first, second = (read_tensors(folder / "relations.safetensors") for folder in (whole, broken))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
