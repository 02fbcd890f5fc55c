"""Every strategy: what it loads, leaves new and freezes, its schedule, and what its losses update."""

import csv
import dataclasses
import json

import pytest
import torch

from conftest import ROOT, SMALL_NETWORK
from covidseg.device import choose_compute
from covidseg.losses import deep_supervision_loss
from covidseg.model_files import load_model, read_tensors
from covidseg.network import build_network, is_head
from covidseg.relations import ramp_up, relation_loss, relation_matrix
from covidseg.strategies import STRATEGIES, load_strategy
from covidseg.strategies.base import Batch
from covidseg.training import train
from training_program import make_run, start

TOGETHER = {"relations": "both", "general_encoder": "pretrained", "weight": 0.5, "snapshots": 3}
SETTINGS = {"epochs": 6, "learning_rate": 0.01, "learning_rate_power": 0.9, "batch_dice": True}
FLOAT32 = choose_compute("cpu", "float32", threads=1)


@pytest.fixture(scope="module")
def pretrained(training_folders, tmp_path_factory):
    """A pre-trained model: four epochs, the first half of a schedule over both phases."""
    output = tmp_path_factory.mktemp("pretrained")
    run = make_run(training_folders[:2], [], "pretrain", {"lesions": "union"})
    schedule = {"epochs": 4, "first_epoch": run.schedule.first_epoch, "epoch_max": run.schedule.epoch_max}
    train(
        run,
        model=output / "model.safetensors",
        log_table=output / "log.csv",
        state=output / "state",
        description={"labels": {"1": "lesion"}, "schedule": schedule},
    )
    return output / "model.safetensors"


def prepared(name, pretrained, options=None, classes=2):
    """Build and prepare a strategy's network."""
    strategy = load_strategy(name, options or {}, ["covid20"])
    architecture = strategy.architecture(
        {key: SMALL_NETWORK[key] for key in SMALL_NETWORK if key != "design"}
    )
    network = build_network(architecture, classes=classes, seed=7)
    before = {key: value.clone() for key, value in network.named_parameters()}
    return strategy, network, strategy.prepare(network, pretrained), before


EXPECTED = [  # strategy, options, prefixes loaded -> of the file, prefixes frozen
    ("scratch", {}, {}, ()),
    ("continual", {}, {"encoder.": "encoder.", "decoder.": "decoder."}, ()),
    ("body-finetune", {}, {"encoder.": "encoder.", "decoder.": "decoder."}, ()),
    ("lesion-representations", {}, {"encoder.": "encoder.", "decoder.": "decoder."}, ("encoder.",)),
    ("hybrid", {"decoder": "new", "reduction": 4}, {"general_encoder.": "encoder."}, ("general_encoder.",)),
    (
        "hybrid",
        {"decoder": "pretrained", "reduction": 4},
        {"general_encoder.": "encoder.", "decoder.": "decoder."},
        ("general_encoder.",),
    ),
    (
        "multi-encoder",
        {"decoder": "new"},
        {"encoder.": "encoder.", "general_encoder.": "encoder."},
        ("general_encoder.",),
    ),
    (
        "multi-encoder",
        {"decoder": "pretrained"},
        {"encoder.": "encoder.", "general_encoder.": "encoder.", "decoder.": "decoder."},
        ("general_encoder.",),
    ),
    ("collaborative", TOGETHER, {"general_encoder.": "encoder."}, ()),
    (
        "collaborative",
        TOGETHER | {"relations": "none"},
        {"general_encoder.": "encoder."},
        ("general_encoder.",),
    ),
]


@pytest.mark.parametrize(("name", "options", "loaded", "frozen"), EXPECTED)
def test_what_is_loaded_new_and_frozen(pretrained, name, options, loaded, frozen):
    _, network, transfer, before = prepared(name, pretrained if loaded else None, options)
    source = read_tensors(pretrained)
    seen = set()
    for key, parameter in network.named_parameters():
        prefix = next((prefix for prefix in loaded if key.startswith(prefix)), None)
        widened = name == "multi-encoder" and key.startswith("decoder.transpconvs.0.")
        if prefix is None or is_head(key) or widened:
            assert torch.equal(parameter, before[key]), f"{key} should be new"
        else:
            assert torch.equal(parameter, source[loaded[prefix] + key.removeprefix(prefix)]), key
            seen.add(key)
        assert parameter.requires_grad == (not key.startswith(frozen)), key
    assert set(transfer.loaded) == seen
    assert set(transfer.loaded) | set(transfer.new) == set(before)
    assert set(transfer.frozen) == {key for key in before if key.startswith(frozen)}
    assert bool(loaded) == bool(seen)


def test_every_registered_strategy_is_tested_here():
    assert {name for name, *_ in EXPECTED} | {"pretrain"} == set(STRATEGIES)


def test_both_encoders_start_apart_and_are_listed_once():
    network = build_network(SMALL_NETWORK | {"design": "selective-fusion", "reduction": 4}, classes=2, seed=0)
    names = [name for name, _ in network.named_parameters()]
    assert {name.split(".")[0] for name in names} == {"encoder", "general_encoder", "fusion", "decoder"}
    first = dict(network.encoder.named_parameters())
    assert all(
        p.ndim == 1 or not torch.equal(p, first[name])
        for name, p in network.general_encoder.named_parameters()
    )


def test_a_fresh_schedule_starts_at_the_full_learning_rate(pretrained):
    for name in ("scratch", "body-finetune", "lesion-representations"):
        schedule = load_strategy(name, {}, []).schedule(SETTINGS, pretrained)
        assert (schedule.first_epoch, schedule.epoch_max) == (0, 6)
        assert schedule.learning_rate(SETTINGS, 0) == 0.01


def test_continual_learning_goes_on_where_pretraining_ended(pretrained):
    """Four epochs of pre-training, then as many: the learning rate is one poly schedule over eight."""
    settings = SETTINGS | {"epochs": 4, "pretraining_schedule": "both phases"}
    first = load_strategy("pretrain", {"lesions": "union"}, []).schedule(settings, None)
    second = load_strategy("continual", {}, []).schedule(settings, pretrained)
    assert second.learning_rate(settings, 0) == first.learning_rate(settings, 4)
    rates = [part.learning_rate(settings, epoch) for part in (first, second) for epoch in range(4)]
    assert rates == pytest.approx([0.01 * (1 - epoch / 8) ** 0.9 for epoch in range(8)])


def test_pretraining_may_use_up_a_schedule_of_its_own():
    settings = SETTINGS | {"pretraining_schedule": "own"}
    assert load_strategy("pretrain", {"lesions": "union"}, []).schedule(settings, None).epoch_max == 6


def batch(seed=0, source=False):
    generator = torch.Generator().manual_seed(seed)
    images, source_images = (torch.randn(2, 1, 4, 16, 16, generator=generator) for _ in range(2))
    labels = (images[:, 0] > 0.5).to(torch.uint8)
    return Batch(images, labels, ["covid20", "covid20"], source_images if source else None)


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
        network, batch(source=True), settings=SETTINGS, compute=FLOAT32, progress=progress
    )
    return values, kept


def test_each_collaborative_loss_updates_what_algorithm_1_says(pretrained, monkeypatch):
    strategy, network, _, _ = prepared("collaborative", pretrained, TOGETHER)
    values, kept = losses_of(strategy, network, monkeypatch)
    target, general, decoder = "encoder", "general_encoder", "decoder"
    assert gradients(network, values["segmentation_loss"]) == {target: True, general: False, decoder: True}
    assert gradients(network, kept["general"]) == {target: False, general: True, decoder: False}
    assert gradients(network, kept["target"]) == {target: True, general: False, decoder: False}
    assert values["loss"] == values["segmentation_loss"] + kept["general"] + kept["target"]


def test_collaborative_losses_are_the_equations(pretrained, monkeypatch):
    strategy, network, _, _ = prepared("collaborative", pretrained, TOGETHER)
    values, kept = losses_of(strategy, network, monkeypatch)
    samples = batch(source=True)
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


def test_the_ablations_leave_losses_out(pretrained, monkeypatch):
    for relations, general, target in (
        ("none", False, False),
        ("general", True, False),
        ("both", True, True),
    ):
        strategy, network, _, _ = prepared("collaborative", pretrained, TOGETHER | {"relations": relations})
        _, kept = losses_of(strategy, network, monkeypatch)
        assert (bool(kept["general"] != 0), bool(kept["target"] != 0)) == (general, target)


def test_heads_see_the_cases_of_their_own_data_set_alone():
    strategy = load_strategy("pretrain", {"lesions": "heads"}, ["msd", "nsclc"])
    network = build_network(strategy.architecture(SMALL_NETWORK), classes=2, seed=0)
    samples = dataclasses.replace(batch(), datasets=["nsclc", "nsclc"])
    values = strategy.losses(network, samples, settings=SETTINGS, compute=FLOAT32, progress=0)
    values["loss"].backward()
    head = network.decoder.seg_layers[-1].weight.grad
    assert head.shape[0] == 4
    assert head[:2].eq(0).all(), "msd's head learned from nsclc's cases"
    assert head[2:].abs().sum() > 0
    outputs = [torch.arange(8.0).reshape(2, 4, 1, 1, 1)]
    picked = strategy.select(outputs, ["nsclc", "msd"])[0].flatten(1)
    assert picked.tolist() == [[2, 3], [4, 5]]


def test_heads_and_union_both_serve_as_a_source(training_folders, tmp_path):
    run = make_run(training_folders[:2], training_folders[2:], "pretrain", {"lesions": "heads"})
    run.strategy.datasets = ["blobs", "others"]
    start(run, tmp_path)
    _, _, transfer, _ = prepared("body-finetune", tmp_path / "model.safetensors")
    assert len(transfer.new) == 2


def trained(training_folders, output, name, options, pretrained, **changes):
    source = training_folders[1:] if STRATEGIES[name].trains_on_source else ()
    run = make_run(training_folders[:2], [], name, options, pretrained, source, **changes)
    train(
        run,
        model=output / "model.safetensors",
        log_table=output / "log.csv",
        state=output / "state",
        description={"labels": {"1": "lesion"}},
        snapshots=output / "relations.safetensors" if source else None,
    )
    return run


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lesion-representations", {}),
        ("hybrid", {"decoder": "new", "reduction": 4}),
        ("multi-encoder", {"decoder": "new"}),
    ],
)
def test_a_frozen_encoder_does_not_change_in_training_and_the_log_proves_it(
    training_folders, pretrained, tmp_path, caplog, name, options
):
    with caplog.at_level("INFO"):
        trained(training_folders, tmp_path, name, options, pretrained)
    line = next(line for line in caplog.messages if line.startswith("frozen parameters: sha256 "))
    _, before, after = line.split("sha256 ")[1].split()[0], *[line.split()[i] for i in (3, 6)]
    assert before == after
    source, ours = read_tensors(pretrained), read_tensors(tmp_path / "model.safetensors")
    part = "encoder." if name == "lesion-representations" else "general_encoder."
    for key in source:
        if key.startswith("encoder."):
            assert torch.equal(source[key], ours[part + key.removeprefix("encoder.")])
    network, description = load_model(tmp_path / "model.safetensors")
    assert network(torch.zeros(1, 1, 4, 16, 16)).shape == (1, 2, 4, 16, 16)
    assert description["architecture"]["design"] == network_design(name)


def network_design(name):
    return {"hybrid": "selective-fusion", "multi-encoder": "concatenation"}.get(name, "unet")


def test_collaborative_training_keeps_relation_matrices_and_their_differences(
    training_folders, pretrained, tmp_path
):
    trained(training_folders, tmp_path, "collaborative", TOGETHER, pretrained, epochs=5)
    kept = read_tensors(tmp_path / "relations.safetensors")
    names = ("general_covid", "general_non_covid", "target_covid")
    assert sorted(kept) == [f"epoch{epoch:04d}.{name}" for epoch in (1, 3, 5) for name in names]
    assert kept["epoch0005.target_covid"].shape == (8, 8)
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    assert all(float(row["general_difference"]) > 0 < float(row["target_difference"]) for row in rows)


def test_a_resumed_collaborative_training_ends_with_the_same_bits(training_folders, pretrained, tmp_path):
    from test_training import _interrupt, assert_same_model

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run = trained(training_folders, whole, "collaborative", TOGETHER, pretrained)
    _interrupt(dataclasses.replace(run, strategy=load_strategy("collaborative", TOGETHER, [])), broken)
    trained(training_folders, broken, "collaborative", TOGETHER, pretrained)
    assert_same_model(whole, broken)
    first, second = (read_tensors(folder / "relations.safetensors") for folder in (whole, broken))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_no_gradient_is_computed_for_a_frozen_encoder(pretrained):
    _, network, _, _ = prepared("lesion-representations", pretrained)
    features = network.encoder(torch.randn(1, 1, 4, 16, 16))
    assert not any(feature.requires_grad for feature in features)


def test_the_registry_loads_without_torch():
    """The configuration is checked on every start of snakemake: torch would add seconds to each."""
    import subprocess
    import sys

    program = "import sys; import covidseg.configuration; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT / "workflow" / "scripts")


def test_the_pretrained_model_tells_its_schedule(pretrained):
    assert json.loads(pretrained.with_suffix(".json").read_text())["schedule"]["epoch_max"] == 8
