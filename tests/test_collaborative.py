"""Collaborative learning: its losses, what they update, and what is kept of a training."""

import csv
import dataclasses

import pytest
import torch
from torch import nn

from conftest import SMALL_NETWORK
from covidseg.device import choose_compute
from covidseg.training.losses import deep_supervision_loss
from covidseg.training.network import build_network
from covidseg.training.optimisers import NesterovSGD
from covidseg.training.patches import load_cases
from covidseg.training.relations import ramp_up, relation_loss, relation_matrix
from covidseg.training.state import Progress
from covidseg.training.steps import Data, Steps
from covidseg.training.strategies import load_strategy
from covidseg.training.weights import read_tensors
from training_program import (
    COLLABORATIVE,
    assert_same_model,
    interrupt,
    make_batch,
    make_run,
    prepared,
    trained,
)

TRAINING = {"batch_dice": True}
FLOAT32 = choose_compute("cpu", "float32", threads=1)
PARTS = ("encoder", "general_encoder", "decoder")
ALL_LOSSES = {"segmentation_loss", "general_loss", "target_loss"}


def gradients(network, loss):
    """The gradient of a loss: part of the network -> gradients of the parameters that the loss depends on."""
    network.zero_grad()
    loss.backward(retain_graph=True)
    found = {
        part: [p.grad.clone() for p in getattr(network, part).parameters() if p.grad is not None]
        for part in PARTS
    }
    return {part: values for part, values in found.items() if any(value.any() for value in values)}


def losses_of(strategy, network, progress=0.5):
    return strategy.losses(
        network, make_batch(source=True), training=TRAINING, compute=FLOAT32, progress=torch.tensor(progress)
    )


def test_each_collaborative_loss_updates_what_algorithm_1_says(pretrained):
    strategy, network, _, _ = prepared("collaborative", pretrained, COLLABORATIVE)
    values = losses_of(strategy, network)
    assert set(gradients(network, values["segmentation_loss"])) == {"encoder", "decoder"}
    assert set(gradients(network, values["general_loss"])) == {"general_encoder"}
    assert set(gradients(network, values["target_loss"])) == {"encoder"}
    assert values["loss"].item() == pytest.approx(sum(values[name].item() for name in ALL_LOSSES), rel=1e-6)


def test_collaborative_losses_are_the_equations(pretrained):
    strategy, network, _, _ = prepared("collaborative", pretrained, COLLABORATIVE)
    values = losses_of(strategy, network)
    samples = make_batch(source=True)
    with torch.no_grad():
        skips = network.encoder(samples.images)
        covid = network.general_encoder(samples.images)[-1]
        non_covid = network.general_encoder(samples.source_images)[-1]
        outputs = network.decoder([*skips[:-1], torch.cat([skips[-1], covid], 1)])
        r_n, r_c, r_t = (relation_matrix(features) for features in (non_covid, covid, skips[-1]))
    expected = deep_supervision_loss(outputs, samples.labels, batch_dice=True)
    assert values["segmentation_loss"].item() == pytest.approx(expected.item(), abs=1e-6)
    rows, ramp = len(r_n), ramp_up(torch.tensor(0.5)).item()
    general, target = (relation_loss(*pair).item() / rows for pair in ((r_n, r_c), (r_c, r_t)))
    assert values["general_loss"].item() == pytest.approx(0.5 * ramp * general, rel=1e-4)
    assert values["target_loss"].item() == pytest.approx(-0.25 * ramp * target, rel=1e-4)
    assert values["general_difference"].item() == pytest.approx((r_n - r_c).abs().mean().item(), rel=1e-4)
    assert values["target_difference"].item() == pytest.approx((r_c - r_t).abs().mean().item(), rel=1e-4)


def test_the_relations_are_those_of_the_bottleneck():
    """Of 12 channels, the last of three stages."""
    three = SMALL_NETWORK | {
        "features": [4, 8, 12],
        "kernels": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
        "strides": [[1, 1, 1], [1, 2, 2], [1, 2, 2]],
        "convolutions": {"encoder": [1, 1, 1], "decoder": [1, 1]},
    }
    strategy = load_strategy("collaborative", COLLABORATIVE, [])
    losses_of(strategy, build_network(strategy.architecture(three), classes=2, seed=0))
    assert {tuple(matrix.shape) for matrix in strategy.snapshot(1, 5).values()} == {(12, 12)}


def test_the_ramp_up_may_end_before_the_training(pretrained):
    losses = []
    for share in (1.0, 0.5):
        strategy, network, _, _ = prepared("collaborative", pretrained, COLLABORATIVE | {"ramp_up": share})
        losses.append(losses_of(strategy, network)["general_loss"].item())
    assert losses[0] == pytest.approx(losses[1] * ramp_up(torch.tensor(0.5)).item(), rel=1e-5)
    strategy, network, _, _ = prepared("collaborative", pretrained, COLLABORATIVE | {"ramp_up": 0.5})
    later = losses_of(strategy, network, progress=0.9)["general_loss"].item()
    assert later == pytest.approx(losses[1], rel=1e-5), "lambda keeps its full value"


def test_the_first_ablation_leaves_one_loss_out_and_the_second_both(pretrained):
    strategy, network, _, _ = prepared("collaborative", pretrained, COLLABORATIVE | {"relations": "general"})
    assert losses_of(strategy, network).keys() & ALL_LOSSES == {"segmentation_loss", "general_loss"}
    strategy, network, _, _ = prepared(
        "collaborative-backbone", pretrained, {"general_encoder": "pretrained"}
    )
    values = strategy.losses(
        network, make_batch(), training=TRAINING, compute=FLOAT32, progress=torch.tensor(0.5)
    )
    assert set(values) == {"loss"}, "without a case of the source"
    assert set(gradients(network, values["loss"])) == {"encoder", "decoder"}


def step_once(run, training_folders, pretrained, progress):
    """Do one step of a training; returns the logged scalars, and the network with its clipped gradients."""
    _, network, _, _ = prepared("collaborative", pretrained, COLLABORATIVE)
    device, labels = torch.device("cpu"), {"blobs": {1: 1}}
    (cases,) = load_cases({"training": training_folders}, labels=labels, device=device, budget_gib=1)
    optimiser = NesterovSGD(network, momentum=0.99, weight_decay=0)
    data = Data(cases, cases, [])
    return Steps(run, network, optimiser, data, FLOAT32)(progress), network


def test_the_general_encoder_is_clipped_apart_from_target_encoder_and_decoder(training_folders, pretrained):
    """Each group ends at the limit, which the gradient of the other group does not use up."""
    run = make_run(training_folders, [], "collaborative", COLLABORATIVE, pretrained, gradient_clip=1e-6)
    _, network = step_once(run, training_folders, pretrained, Progress())
    found = {part: [p.grad for p in getattr(network, part).parameters()] for part in PARTS}
    assert nn.utils.get_total_norm(found["general_encoder"]).item() == pytest.approx(1e-6, rel=0.01)
    others = nn.utils.get_total_norm(found["encoder"] + found["decoder"])
    assert others.item() == pytest.approx(1e-6, rel=0.01)


def test_other_strategies_clip_all_parameters_together(pretrained):
    strategy, network, _, _ = prepared("body-finetune", pretrained, {"head": "auto"})
    (group,) = strategy.clipped_apart(network)
    assert len(group) == len(list(network.parameters()))


def test_the_norms_of_the_gradients_are_those_of_the_losses_apart(pretrained):
    strategy, network, _, _ = prepared("collaborative", pretrained, COLLABORATIVE)
    values = losses_of(strategy, network)
    norms = strategy.gradient_norms(network, values)
    expected = {
        f"{name}_gradient": torch.cat(
            [g.flatten() for part in gradients(network, values[f"{name}_loss"]).values() for g in part]
        ).norm()
        for name in ("segmentation", "general", "target")
    }
    assert norms.keys() == expected.keys()
    for name, norm in norms.items():
        assert norm.item() == pytest.approx(expected[name].item(), rel=1e-4)


def test_the_norms_of_an_epoch_are_those_of_its_last_iteration(training_folders, pretrained):
    run = make_run(training_folders, [], "collaborative", COLLABORATIVE, pretrained, iterations=3)
    first, _ = step_once(run, training_folders, pretrained, Progress(iteration=1))
    assert not any(name.endswith("_gradient") for name in first)
    last, _ = step_once(run, training_folders, pretrained, Progress(iteration=2))
    assert sum(name.endswith("_gradient") for name in last) == 3
    run.strategy.gradient_norms = lambda *_: {"a_gradient": torch.tensor(5.0)}
    last, _ = step_once(run, training_folders, pretrained, Progress(iteration=2))
    assert last["a_gradient"] / 3 == 5, "the loop divides the sum by the three iterations"


def test_one_step_with_the_sum_is_algorithm_1s_two_updates_of_the_target_encoder():
    """Each update with its own Nesterov momentum, and weight decay in one of them."""
    generator = torch.Generator().manual_seed(0)
    network = nn.Linear(3, 2, bias=False)
    together, one, other = (NesterovSGD(network, momentum=0.9, weight_decay=w) for w in (0.1, 0.1, 0.0))
    start = network.weight.detach().clone()
    ends = []
    for order in ("sum", "sequence"):
        generator.manual_seed(1)
        with torch.no_grad():
            network.weight.copy_(start)
        for _ in range(5):
            segmentation, relation = (torch.randn(2, 3, generator=generator) for _ in range(2))
            if order == "sum":
                network.weight.grad = segmentation + relation
                together.step(torch.tensor(0.1))
            else:
                for optimiser, gradient in ((one, segmentation), (other, relation)):
                    network.weight.grad = gradient
                    optimiser.step(torch.tensor(0.1))
        ends.append(network.weight.detach().clone())
    torch.testing.assert_close(*ends)


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
    logged = [f"{name}_{what}" for name in ("general", "target") for what in ("difference", "gradient")]
    assert all(float(row[column]) > 0 for row in rows for column in logged)


def test_a_resumed_collaborative_training_ends_with_the_same_bits(training_folders, pretrained, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run = trained(training_folders, whole, "collaborative", COLLABORATIVE, pretrained)
    interrupt(dataclasses.replace(run, strategy=load_strategy("collaborative", COLLABORATIVE, [])), broken)
    trained(training_folders, broken, "collaborative", COLLABORATIVE, pretrained)
    assert_same_model(whole, broken)
    first, second = (read_tensors(folder / "relations.safetensors") for folder in (whole, broken))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
