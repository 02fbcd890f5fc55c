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
from covidseg.errors import InputError
from covidseg.training.network import build_network, is_head
from covidseg.training.strategies import STRATEGIES, load_strategy
from covidseg.training.weights import load_model, read_tensors
from training_program import COLLABORATIVE, make_batch, make_run, prepared, start, trained

TRAINING = {"epochs": 6, "learning_rate": 0.01, "learning_rate_power": 0.9, "batch_dice": True}
HALF = {"lesions": "union", "schedule": "first half"}
FLOAT32 = choose_compute("cpu", "float32", threads=1)

WHOLE = {"encoder.": "encoder.", "decoder.": "decoder."}
EXPECTED = [  # strategy, options, prefixes loaded -> of the file, prefixes frozen
    ("scratch", {}, {}, ()),
    *(
        (name, {"head": head}, WHOLE, frozen)
        for name, frozen in (
            ("continual", ()),
            ("body-finetune", ()),
            ("lesion-representations", ("encoder.",)),
        )
        for head in ("auto", "pretrained", "new")
    ),
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
        new_head = is_head(key) and options.get("head") not in ("auto", "pretrained")
        if prefix is None or new_head or widened:
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
    _, network, weights, before = prepared(name, pretrained if entry.needs_source else None, options)
    assert bool(weights.loaded) == entry.needs_source
    assert sorted([*weights.loaded, *weights.new]) == sorted(before)
    for key, parameter in network.named_parameters():
        assert torch.equal(parameter, before[key]) or key in weights.loaded, key
        assert parameter.requires_grad == (key not in weights.frozen), key


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
        schedule = load_strategy(name, {"head": "auto"}, []).schedule(TRAINING, pretrained)
        assert (schedule.first_epoch, schedule.epoch_max) == (0, 6)
        assert schedule.learning_rate(TRAINING, 0) == 0.01


def test_continual_learning_goes_on_where_pretraining_ended(pretrained):
    """Four epochs of pre-training, then as many: the learning rate is one poly schedule over eight."""
    training = TRAINING | {"epochs": 4}
    first = load_strategy("pretrain", HALF, []).schedule(training, None)
    second = load_strategy("continual", {"head": "auto"}, []).schedule(training, pretrained)
    assert second.learning_rate(training, 0) == first.learning_rate(training, 4)
    rates = [part.learning_rate(training, epoch) for part in (first, second) for epoch in range(4)]
    assert rates == pytest.approx([0.01 * (1 - epoch / 8) ** 0.9 for epoch in range(8)])


def test_continual_learning_refuses_a_pretraining_whose_schedule_is_used_up(finished_pretraining):
    """Whole: the learning rate of epoch 4 of 4 is 0, and there is nothing to go on with."""
    strategy = load_strategy("continual", {"head": "auto"}, [])
    with pytest.raises(InputError) as raised:
        strategy.schedule(TRAINING, finished_pretraining)
    assert str(raised.value) == (
        f"{finished_pretraining}: its schedule of 4 epochs is used up; continual learning continues a schedule, "
        "so start from pretrain-<source>-halfway"
    )


def test_a_pretraining_has_a_whole_schedule_or_the_first_half_of_one():
    ends = {
        schedule: load_strategy("pretrain", {"lesions": "union", "schedule": schedule}, []).schedule(
            TRAINING, None
        )
        for schedule in ("whole", "first half")
    }
    assert {name: end.epoch_max for name, end in ends.items()} == {"whole": 6, "first half": 12}
    # The last of six epochs: 0.01 x (1/6)^0.9, and 0.01 x (7/12)^0.9.
    assert ends["whole"].learning_rate(TRAINING, 5) == pytest.approx(0.01 * (1 / 6) ** 0.9)
    assert ends["first half"].learning_rate(TRAINING, 5) == pytest.approx(0.01 * (7 / 12) ** 0.9)


def test_only_continual_learning_starts_half_way():
    assert [
        name for name, entry in STRATEGIES.items() if entry.starts_halfway and name in papers.STRATEGIES
    ] == ["continual"]


def test_heads_see_the_cases_of_their_own_data_set_alone():
    strategy = load_strategy("pretrain", {"lesions": "heads", "schedule": "whole"}, ["msd", "nsclc"])
    network = build_network(strategy.architecture(SMALL_NETWORK), classes=2, seed=0)
    samples = dataclasses.replace(make_batch(), heads=strategy.heads(["nsclc", "nsclc"]))
    values = strategy.losses(network, samples, training=TRAINING, compute=FLOAT32, progress=torch.zeros(()))
    values["loss"].backward()
    head = network.decoder.seg_layers[-1].weight.grad
    assert head.shape[0] == 4
    assert head[:2].eq(0).all(), "msd's head learned from nsclc's cases"
    assert head[2:].abs().sum() > 0
    outputs = [torch.arange(8.0).reshape(2, 4, 1, 1, 1)]
    picked = strategy.select(outputs, strategy.heads(["nsclc", "msd"]))[0].flatten(1)
    assert picked.tolist() == [[2, 3], [4, 5]]


@pytest.mark.parametrize("lesions", ["union", "classes"])
def test_without_heads_of_their_own_all_data_sets_have_the_same_logits(lesions):
    strategy = load_strategy("pretrain", {"lesions": lesions, "schedule": "whole"}, ["msd", "nsclc"])
    assert strategy.architecture(SMALL_NETWORK)["heads"] == 1
    outputs = [torch.arange(8.0).reshape(2, 4, 1, 1, 1)]
    assert strategy.select(outputs, strategy.heads(["nsclc", "msd"])) is outputs


@pytest.fixture(scope="module")
def two_heads(training_folders, tmp_path_factory):
    """A model with a segmentation head for each of two data sets."""
    folder = tmp_path_factory.mktemp("heads")
    options = {"lesions": "heads", "schedule": "whole"}
    run = make_run(training_folders[:2], training_folders[2:], "pretrain", options)
    run.strategy.datasets = ["blobs", "others"]
    start(run, folder)
    return folder / "model.safetensors"


@pytest.mark.parametrize("head", ["auto", "new"])
def test_a_model_with_heads_serves_as_a_source(two_heads, caplog, head):
    with caplog.at_level("INFO"):
        _, network, weights, _ = prepared("body-finetune", two_heads, {"head": head})
    assert weights.new == [name for name, _ in network.named_parameters() if is_head(name)]
    assert f"segmentation heads: new (option head: {head})" in caplog.text


def test_heads_are_refused_that_are_asked_for_and_are_for_other_classes(two_heads, pretrained):
    with pytest.raises(InputError) as raised:
        prepared("body-finetune", two_heads, {"head": "pretrained"})
    assert str(raised.value) == (
        f"{two_heads}: its segmentation heads are for other classes; set the option head to new or auto"
    )
    with pytest.raises(InputError, match="its segmentation heads are for other classes"):
        prepared("lesion-representations", pretrained, {"head": "pretrained"}, classes=4)


def test_two_heads_of_two_classes_are_not_taken_for_one_head_of_four(two_heads):
    _, _, weights, _ = prepared("body-finetune", two_heads, {"head": "auto"}, classes=4)
    assert [is_head(name) for name in weights.new] == [True, True]


def test_the_log_says_that_the_heads_are_pretrained(pretrained, caplog):
    with caplog.at_level("INFO"):
        prepared("continual", pretrained, {"head": "auto"})
    assert "segmentation heads: pre-trained (option head: auto)" in caplog.text


# The small network by hand. A convolution has output x input x kernel weights, and a bias per output; a norm has
# two values per channel. Encoder: 4 x 1 x 9 + 4 + 8, and 8 x 4 x 27 + 8 + 16. Decoder: the transposed convolution
# 8 x 4 x 4 + 4 and the convolution of both 8 x 4 x 27 + 4 + 8 (kernel 1 x 3 x 3: 8 x 4 x 9). Head: 2 x 4 + 2.
ENCODER, DECODER, HEAD = (36 + 4 + 8) + (864 + 8 + 16), (128 + 4) + (288 + 4 + 8), 8 + 2
# With concatenation the transposed convolution takes twice the channels.
WIDENED = 256 + 4
# Selective Fusion: 8 to 2 channels, their norm, 2 to 16 channels; and a convolution of 8 to 8 channels.
FUSION = 16 + 4 + 32 + (8 * 8 * 27 + 8 + 16)
COUNTS = [  # strategy, options, part -> trained, frozen, loaded, new
    ("scratch", {}, {"encoder": (ENCODER, 0, 0, ENCODER), "decoder": (DECODER, 0, 0, DECODER), "head": (HEAD, 0, 0, HEAD)}),
    (
        "lesion-representations",
        {"head": "auto"},
        {"encoder": (0, ENCODER, ENCODER, 0), "decoder": (DECODER, 0, DECODER, 0), "head": (HEAD, 0, HEAD, 0)},
    ),
    (
        "body-finetune",
        {"head": "new"},
        {"encoder": (ENCODER, 0, ENCODER, 0), "decoder": (DECODER, 0, DECODER, 0), "head": (HEAD, 0, 0, HEAD)},
    ),
    (
        "multi-encoder",
        {"decoder": "pretrained"},
        {
            "encoder": (ENCODER, 0, ENCODER, 0),
            "general_encoder": (0, ENCODER, ENCODER, 0),
            "decoder": (DECODER + 128, 0, DECODER - 132, WIDENED),
            "head": (HEAD, 0, 0, HEAD),
        },
    ),
    (
        "hybrid",
        {"decoder": "new", "reduction": 4},
        {
            "encoder": (ENCODER, 0, 0, ENCODER),
            "general_encoder": (0, ENCODER, ENCODER, 0),
            "fusion": (FUSION, 0, 0, FUSION),
            "decoder": (DECODER, 0, 0, DECODER),
            "head": (HEAD, 0, 0, HEAD),
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "expected"), COUNTS)
def test_parameters_of_every_part_by_hand(pretrained, name, options, expected):
    _, network, weights, _ = prepared(name, pretrained if STRATEGIES[name].needs_source else None, options)
    counts = weights.counts(network)
    assert {part: tuple(numbers.values()) for part, numbers in counts.items()} == expected
    assert all(list(numbers) == ["trained", "frozen", "loaded", "new"] for numbers in counts.values())
    assert sum(sum(numbers.values()) for numbers in counts.values()) == 2 * sum(
        parameter.numel() for parameter in network.parameters()
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lesion-representations", {"head": "auto"}),
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
    frozen = {part for part, numbers in description.parameters.items() if numbers["frozen"]}
    assert frozen == {part.removesuffix(".")}, "as model.json says"


def test_a_frozen_parameter_that_changes_ends_the_run(training_folders, pretrained, tmp_path, monkeypatch):
    """A strategy that unfreezes what it froze is found out by the checksum."""
    run = make_run(training_folders[:2], [], "lesion-representations", {"head": "auto"}, pretrained)
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
    _, network, _, _ = prepared("lesion-representations", pretrained, {"head": "auto"})
    features = network.encoder(torch.randn(1, 1, 4, 16, 16))
    assert not any(feature.requires_grad for feature in features)


def test_the_registry_loads_without_torch():
    """The configuration is checked on every start of snakemake: torch would add seconds to each."""
    program = "import sys; import covidseg.config.configuration; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT / "workflow" / "scripts")
