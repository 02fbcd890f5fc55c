"""Every strategy: what it loads, leaves new and freezes, its schedule, and what its losses update."""

import dataclasses
import re
import subprocess
import sys

import pytest
import torch

import papers
from conftest import ROOT, SMALL_NETWORK
from covidseg.device import choose_compute
from covidseg.training.network import build_network, is_head
from covidseg.training.strategies import STRATEGIES, load_strategy
from covidseg.training.weights import load_model, read_tensors
from training_program import COLLABORATIVE, make_batch, make_run, prepared, start, trained

TRAINING = {"epochs": 6, "learning_rate": 0.01, "learning_rate_power": 0.9, "batch_dice": True}
FLOAT32 = choose_compute("cpu", "float32", threads=1)


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
    ("collaborative", COLLABORATIVE, {"general_encoder.": "encoder."}, ()),
    (
        "collaborative-backbone",
        {"general_encoder": "pretrained"},
        {"general_encoder.": "encoder."},
        ("general_encoder.",),
    ),
]


@pytest.mark.parametrize(("name", "options", "loaded", "frozen"), EXPECTED)
def test_what_is_loaded_new_and_frozen(pretrained, name, options, loaded, frozen):
    _, network, weights, before = prepared(name, pretrained if loaded else None, options)
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
    assert set(weights.loaded) == seen
    assert set(weights.loaded) | set(weights.new) == set(before)
    assert set(weights.frozen) == {key for key in before if key.startswith(frozen)}
    assert bool(loaded) == bool(seen)


def test_every_strategy_of_the_papers_is_tested_here():
    assert {name for name, *_ in EXPECTED} | {"pretrain"} == set(papers.STRATEGIES) <= set(STRATEGIES)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_registered_strategy_does_what_it_tells(pretrained, name):
    """One's own as well: what it lists as loaded, new and frozen is so."""
    entry = STRATEGIES[name]
    options = {
        key: values[-1] if isinstance(values, tuple) else values(4) for key, values in entry.options.items()
    }
    _, network, transfer, before = prepared(name, pretrained if entry.needs_source else None, options)
    assert bool(transfer.loaded) == entry.needs_source
    assert sorted([*transfer.loaded, *transfer.new]) == sorted(before)
    for key, parameter in network.named_parameters():
        assert torch.equal(parameter, before[key]) or key in transfer.loaded, key
        assert parameter.requires_grad == (key not in transfer.frozen), key


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
        schedule = load_strategy(name, {}, []).schedule(TRAINING, pretrained)
        assert (schedule.first_epoch, schedule.epoch_max) == (0, 6)
        assert schedule.learning_rate(TRAINING, 0) == 0.01


def test_continual_learning_goes_on_where_pretraining_ended(pretrained):
    """Four epochs of pre-training, then as many: the learning rate is one poly schedule over eight."""
    training = TRAINING | {"epochs": 4, "pretraining_schedule": "both phases"}
    first = load_strategy("pretrain", {"lesions": "union"}, []).schedule(training, None)
    second = load_strategy("continual", {}, []).schedule(training, pretrained)
    assert second.learning_rate(training, 0) == first.learning_rate(training, 4)
    rates = [part.learning_rate(training, epoch) for part in (first, second) for epoch in range(4)]
    assert rates == pytest.approx([0.01 * (1 - epoch / 8) ** 0.9 for epoch in range(8)])


def test_pretraining_may_use_up_a_schedule_of_its_own():
    training = TRAINING | {"pretraining_schedule": "own"}
    assert load_strategy("pretrain", {"lesions": "union"}, []).schedule(training, None).epoch_max == 6


def test_heads_see_the_cases_of_their_own_data_set_alone():
    strategy = load_strategy("pretrain", {"lesions": "heads"}, ["msd", "nsclc"])
    network = build_network(strategy.architecture(SMALL_NETWORK), classes=2, seed=0)
    samples = dataclasses.replace(make_batch(), datasets=["nsclc", "nsclc"])
    values = strategy.losses(network, samples, training=TRAINING, compute=FLOAT32, progress=0)
    values["loss"].backward()
    head = network.decoder.seg_layers[-1].weight.grad
    assert head.shape[0] == 4
    assert head[:2].eq(0).all(), "msd's head learned from nsclc's cases"
    assert head[2:].abs().sum() > 0
    outputs = [torch.arange(8.0).reshape(2, 4, 1, 1, 1)]
    picked = strategy.select(outputs, ["nsclc", "msd"])[0].flatten(1)
    assert picked.tolist() == [[2, 3], [4, 5]]


def test_a_model_with_heads_serves_as_a_source(training_folders, tmp_path):
    run = make_run(training_folders[:2], training_folders[2:], "pretrain", {"lesions": "heads"})
    run.strategy.datasets = ["blobs", "others"]
    start(run, tmp_path)
    _, _, weights, _ = prepared("body-finetune", tmp_path / "model.safetensors")
    assert len(weights.new) == 2


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lesion-representations", {}),
        ("hybrid", {"decoder": "new", "reduction": 4}),
        ("multi-encoder", {"decoder": "new"}),
        ("collaborative-backbone", {"general_encoder": "pretrained"}),
    ],
)
def test_a_frozen_encoder_does_not_change_in_training_and_the_log_proves_it(
    training_folders, pretrained, tmp_path, caplog, name, options
):
    with caplog.at_level("INFO"):
        trained(training_folders, tmp_path, name, options, pretrained)
    before, after = re.search(
        r"frozen parameters: sha256 (\w{64}) before and (\w{64}) after", caplog.text
    ).groups()
    assert before == after
    source, ours = read_tensors(pretrained), read_tensors(tmp_path / "model.safetensors")
    part = "encoder." if name == "lesion-representations" else "general_encoder."
    for key in source:
        if key.startswith("encoder."):
            assert torch.equal(source[key], ours[part + key.removeprefix("encoder.")])
    network, description = load_model(tmp_path / "model.safetensors")
    assert network(torch.zeros(1, 1, 4, 16, 16)).shape == (1, 2, 4, 16, 16)
    designs = {"hybrid": "selective-fusion", "lesion-representations": "unet"}
    assert description.architecture["design"] == designs.get(name, "concatenation")


def test_a_frozen_parameter_that_changes_ends_the_run(training_folders, pretrained, tmp_path, monkeypatch):
    """A strategy that unfreezes what it froze is found out by the checksum."""
    run = make_run(training_folders[:2], [], "lesion-representations", {}, pretrained)
    original = run.strategy.losses

    def unfreezing(network, *arguments, **keywords):
        with torch.no_grad():
            next(network.encoder.parameters()).add_(1)
        return original(network, *arguments, **keywords)

    monkeypatch.setattr(run.strategy, "losses", unfreezing)
    with pytest.raises(RuntimeError, match="frozen parameters have changed"):
        start(run, tmp_path)
    assert not (tmp_path / "model.safetensors").exists()


def test_no_gradient_is_computed_for_a_frozen_encoder(pretrained):
    _, network, _, _ = prepared("lesion-representations", pretrained)
    features = network.encoder(torch.randn(1, 1, 4, 16, 16))
    assert not any(feature.requires_grad for feature in features)


def test_the_registry_loads_without_torch():
    """The configuration is checked on every start of snakemake: torch would add seconds to each."""
    program = "import sys; import covidseg.config.configuration; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT / "workflow" / "scripts")
