"""Losses of localisation from image-level labels, by hand; networks; what each step changes."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from torch import nn
from torch.nn import functional

from conftest import ROOT
from covidseg.training.optimisers import Adam
from covidseg.weak import SYSTEMS, load_system, va_gan
from covidseg.weak.base import Batch
from covidseg.weak.batches import draw_batch
from covidseg.weak.critic_step import update_critic
from covidseg.weak.losses import (
    adversarial_loss,
    critic_loss,
    distance,
    edge_weights,
    gradient_penalty,
    normal_fidelity_loss,
    reconstruction_loss,
)
from covidseg.weak.networks import Critic, Decomposer, MapGenerator

PARTS = {"normal_fidelity": True, "lesion_decoder": True, "critic": True}


def pixels(*values):
    return torch.tensor(values).reshape(-1, 1, 1, 2)


def test_reconstruction_and_fidelity_by_hand():
    """|1 - 0.5 - 0.2| = 0.3, |0 - 0.1 - 0.1| = 0.2: mean 0.25; |1 - 0.5| and |0 - 0.1|: mean 0.3."""
    images, normal, lesion = pixels(1.0, 0.0), pixels(0.5, 0.1), pixels(0.2, 0.1)
    assert reconstruction_loss(images, normal, lesion).item() == pytest.approx(0.25)
    assert normal_fidelity_loss(images, normal).item() == pytest.approx(0.3)
    weights = pixels(2.0, 0.0)
    assert distance(images, normal, weights).item() == pytest.approx(0.5)


def test_adversarial_and_critic_loss_by_hand():
    """Fakes score 1 and 3, real ones 4 and 8, the penalty is 0.5: 2 - 6 + 10 x 0.5 = 1; L_a = -2."""
    fake, real = torch.tensor([[1.0], [3.0]]), torch.tensor([[4.0], [8.0]])
    assert critic_loss(real, fake, torch.tensor(0.5), penalty_weight=10).item() == pytest.approx(1)
    assert adversarial_loss(fake).item() == -2


@pytest.mark.parametrize(("weights", "norm"), [([3.0, 4.0], 5.0), ([0.6, 0.8], 1.0), ([0.0, 0.0], 0.0)])
def test_the_penalty_of_a_linear_critic_is_its_weights_norm_from_one(weights, norm):
    """D(x) = w x has the gradient w everywhere."""
    vector = torch.tensor(weights)

    def critic(images):
        return (images.flatten(1) * vector).sum(1, keepdim=True)

    share = torch.tensor([0.3, 0.9]).reshape(2, 1, 1, 1)
    penalty = gradient_penalty(critic, torch.randn(2, 1, 1, 2), torch.randn(2, 1, 1, 2), share)
    assert penalty.item() == pytest.approx((norm - 1) ** 2, abs=1e-6)


def test_the_penalty_is_taken_between_real_and_fake():
    """D(x) = x1^2 / 2 has the gradient (x1, 0): at 0.25 x 2 + 0.75 x 6 = 5 the penalty is 16."""

    def critic(images):
        return images.flatten(1)[:, :1].square() / 2

    share = torch.full((1, 1, 1, 1), 0.25)
    assert gradient_penalty(critic, pixels(2.0, 9.0), pixels(6.0, 9.0), share).item() == pytest.approx(16)


def test_the_penalty_teaches_the_critic():
    critic = Critic([4] * 7, batch_norm=False)
    share = torch.rand(2, 1, 1, 1)
    gradient_penalty(critic, torch.randn(2, 1, 16, 16), torch.randn(2, 1, 16, 16), share).backward()
    assert critic.blocks[0][0].weight.grad.abs().sum() > 0


def test_edges_weigh_more_as_in_the_authors_code():
    """A step from 0 to 51 (of 255): Sobel 4 x 51 = 204 on both sides of it, weights 1 + 0.5 x 0.8 = 1.4."""
    image = torch.zeros(1, 1, 6, 6)
    image[..., 3:] = 51
    weights = edge_weights(image, 1)
    assert weights[0, 0, 2].tolist() == pytest.approx([1, 1, 1.4, 1.4, 1, 1])
    assert edge_weights(image, 2)[0, 0, 2, 2].item() == pytest.approx(1.96)
    assert edge_weights(image, 0) == 1.0
    image[..., 3:] = 255
    assert edge_weights(image, 1).max().item() == pytest.approx(1.5), "each derivative is cut at 255"


@pytest.mark.parametrize("shared", [False, True])
def test_one_encoder_and_two_outputs_between_minus_one_and_one(shared):
    network = Decomposer([4, 8], lesion=True, shared=shared)
    normal, lesion = network(torch.randn(2, 1, 16, 16) * 50)
    assert normal.shape == lesion.shape == (2, 1, 16, 16)
    assert max(normal.abs().max(), lesion.abs().max()) <= 1
    assert len(network.decoders) == (1 if shared else 2)
    names = list(dict(network.named_parameters()))
    assert len(names) == len(set(names))
    assert not any("decoder.encoder" in name for name in names)
    network.zero_grad()
    normal.sum().backward()
    touched = {
        name for name, p in network.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0
    }
    assert any(name.startswith("encoder.") for name in touched)
    if not shared:
        assert not any(name.startswith("decoders.1.") for name in touched), "G1 has no part in G2"


def test_shared_decoders_differ_in_their_last_layer_alone():
    shared, apart = (
        sum(p.numel() for p in Decomposer([4, 8], lesion=True, shared=kind).decoders.parameters())
        for kind in (True, False)
    )
    single = sum(p.numel() for p in Decomposer([4, 8], lesion=False, shared=False).decoders.parameters())
    assert apart == 2 * single
    assert shared == single + 4 + 1, "one more 1x1 filter of four channels and its bias"


def test_the_decomposer_s_parameters_by_hand():
    """Two 3 x 3 convolutions a stage, with biases; a transposed convolution of 2 x 2 and a last one of 1 x 1."""
    network = Decomposer([4, 8], lesion=False, shared=False)
    assert network(torch.zeros(1, 1, 16, 16))[1] is None, "no lesion version"
    encoder = (1 * 4 * 9 + 4) + (4 * 4 * 9 + 4) + (4 * 8 * 9 + 8) + (8 * 8 * 9 + 8)
    decoder = (8 * 4 * 4 + 4) + (8 * 4 * 9 + 4) + (4 * 4 * 9 + 4) + (4 + 1)
    assert [sum(p.numel() for p in part.parameters()) for part in (network.encoder, network.decoders)] == [
        encoder,
        decoder,
    ]


def test_networks_start_with_the_deviations_of_he_or_of_the_authors_code():
    """He et al. 2015: sqrt(2 / (1 + slope^2) / inputs), for the slope of the leaky ReLU; else 0.02."""
    torch.manual_seed(0)
    wide = Decomposer([32, 64], lesion=False, shared=False).encoder.stages[1][0].convs[1].conv
    assert wide.weight.std().item() == pytest.approx((2 / 1.0001 / (64 * 9)) ** 0.5, rel=0.02)
    for batch_norm, expected in ((False, (2 / 1.04 / (32 * 9)) ** 0.5), (True, 0.02)):
        convolution, _, activation = Critic([32] * 7, batch_norm=batch_norm).blocks[5]
        assert convolution.weight.std().item() == pytest.approx(expected, rel=0.03)
        assert convolution.weight.mean().abs() < expected / 20
        assert convolution.bias.eq(0).all()
        assert activation.negative_slope == 0.2


def test_the_critic_has_seven_layers_and_pools_three_scales():
    critic = Critic([2, 3, 4, 5, 6, 7, 8], batch_norm=False)
    sizes = []
    for block in critic.blocks:
        block.register_forward_hook(lambda _, __, output: sizes.append(tuple(output.shape[1:])))
    assert critic(torch.randn(3, 1, 64, 64)).shape == (3, 1)
    assert sizes == [(2, 32, 32), (3, 16, 16), (4, 8, 8), (5, 4, 4), (6, 4, 4), (7, 4, 4), (8, 4, 4)]
    assert critic.score.in_features == 2 + 5 + 8
    assert any(isinstance(m, nn.BatchNorm2d) for m in Critic([2] * 7, batch_norm=True).modules())


def small(variant="paper", **changes):
    """The phantom's section `weak`, smaller still."""
    weak = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["weak"]
    weak |= {"features": [4, 8], "critic_features": [4] * 7, "variant": variant}
    weak["classifier"]["features"] = [4, 4, 4, 4]
    return weak | changes


def make(name, options=None, weak=None):
    torch.manual_seed(0)
    system = load_system(name, options or {}, weak or small())
    networks = system.build()
    optimisers = {key: Adam(network, betas=system.betas()) for key, network in networks.items()}
    return system, networks, optimisers


def make_batch(system, seed=0, size=16):
    generator = np.random.default_rng(seed)
    normal, lesion = (
        system.scale(torch.from_numpy(generator.integers(0, 256, (2, size, size), np.uint8)))
        for _ in range(2)
    )
    share = torch.from_numpy(generator.random((2, 1, 1, 1), np.float32))
    return Batch(normal, lesion, share, torch.from_numpy(generator.permutation(4)[:2]))


def same_batch(batch):
    """Draw this batch, whatever its number."""
    return lambda number: batch


def changed(networks, before):
    return {
        key
        for key in networks
        if any(
            not torch.equal(p, before[key].state_dict()[name])
            for name, p in networks[key].state_dict().items()
        )
    }


def test_the_classifier_is_a_resnet_18():
    """layer4 of 256 x 256 pixels is 8 x 8; 11,689,512 parameters of a ResNet-18 for 3 channels and 1000 classes."""
    weak = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())["weak"]
    network = load_system("classifier", {}, weak).build()["classifier"]
    sizes = {}
    for name in ("conv1", "layer1", "layer4"):
        network.get_submodule(name).register_forward_hook(
            lambda _, __, output, name=name: sizes.update({name: tuple(output.shape[1:])})
        )
    network.eval()(torch.zeros(1, 1, 256, 256))
    assert sizes == {"conv1": (64, 128, 128), "layer1": (64, 64, 64), "layer4": (512, 8, 8)}
    ours = sum(parameter.numel() for parameter in network.parameters())
    assert ours == 11_689_512 - 2 * 64 * 7 * 7 - 998 * (512 + 1)


def test_every_system_of_the_paper_is_tested_here():
    """And one of one's own by its heat maps, below."""
    assert {"decomposition", "va-gan", "biomarker-localisation", "classifier"} <= set(SYSTEMS)


@pytest.mark.parametrize("variant", ["paper", "code"])
@pytest.mark.parametrize("without", [None, "normal_fidelity", "lesion_decoder", "critic"])
def test_a_step_of_the_framework_and_of_its_ablations(variant, without):
    options = PARTS | ({without: False} if without else {})
    system, networks, optimisers = make("decomposition", options, small(variant))
    before = copy.deepcopy(networks)
    values = system.step(networks, optimisers, same_batch(make_batch(system)), 0)
    assert changed(networks, before) == set(networks)
    assert set(networks) == {"decomposer"} | ({"critic"} if without != "critic" else set())
    losses = {"normal_fidelity_loss", "reconstruction_loss", "adversarial_loss", "critic_loss"}
    gone = {
        None: set(),
        "normal_fidelity": {"normal_fidelity_loss"},
        "lesion_decoder": {"reconstruction_loss"},
        "critic": {"adversarial_loss", "critic_loss"},
    }[without]
    assert set(values) == {"loss"} | losses - gone
    weights = system.variant["weights"]
    expected = sum(
        weights[key] * values[f"{name}_loss"].item()
        for key, name in (("adversarial", "adversarial"), ("reconstruction", "reconstruction"), ("fidelity", "normal_fidelity"))
        if f"{name}_loss" in values
    )  # fmt: skip
    assert values["loss"].item() == pytest.approx(expected, rel=1e-5)


def test_the_framework_s_losses_are_the_equations_with_the_weights_of_the_grey_levels_edges():
    """The code's variant, whose weights of the pixels are squared, from the grey levels that were drawn."""
    system, networks, optimisers = make("decomposition", PARTS, small("code"))
    generator = np.random.default_rng(0)
    greys = [torch.from_numpy(generator.integers(0, 256, (2, 16, 16), np.uint8)) for _ in range(2)]
    batch = replace(make_batch(system), normal=system.scale(greys[0]), lesion=system.scale(greys[1]))
    images, edges = (
        torch.cat([batch.normal, batch.lesion]),
        edge_weights(torch.cat(greys)[:, None].float(), 2),
    )
    normal, lesion = networks["decomposer"](images)
    values = system.step(networks, optimisers, same_batch(batch), 0)
    expected = reconstruction_loss(images, normal, lesion, edges)
    assert values["reconstruction_loss"].item() == pytest.approx(expected.item(), rel=1e-5)
    expected = normal_fidelity_loss(batch.normal, normal[:2], edges[:2])
    assert values["normal_fidelity_loss"].item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(("variant", "norms"), [("paper", 0), ("code", 7)])
def test_the_critic_has_batch_norm_in_the_authors_code_alone(variant, norms):
    critic = make("decomposition", PARTS, small(variant))[1]["critic"]
    assert sum(isinstance(module, nn.BatchNorm2d) for module in critic.modules()) == norms


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_the_critic_s_gradient_has_the_weight_of_its_loss(weight):
    torch.manual_seed(0)
    critic = Critic([4] * 7, batch_norm=False)
    real, fake = torch.randn(2, 1, 16, 16), torch.randn(2, 1, 16, 16)
    share = torch.rand(2, 1, 1, 1)
    penalty = gradient_penalty(critic, real, fake, share)
    loss = critic_loss(critic(real), critic(fake), penalty, penalty_weight=10)
    expected = [weight * g for g in torch.autograd.grad(loss, list(critic.parameters()), allow_unused=True)]
    found = update_critic(
        critic, Adam(critic, betas=(0.5, 0.9)), real=real, fake=fake, partners=fake, share=share,
        values={"penalty_weight": 10, "critic_weight": weight, "learning_rate": 0.01},
    )  # fmt: skip
    assert found.item() == pytest.approx(loss.item(), rel=1e-5)
    assert not found.requires_grad
    for parameter, gradient in zip(critic.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
        assert not parameter.requires_grad, "the generator's step computes none for the critic"


@pytest.mark.parametrize("name", ["decomposition", "biomarker-localisation", "classifier"])
def test_one_batch_an_iteration_is_drawn_the_first(name):
    system, networks, optimisers = make(name, PARTS if name == "decomposition" else None)
    system.adopt(networks, make("classifier")[1]["classifier"])
    batch, asked = make_batch(system, size=32), []
    system.step(networks, optimisers, lambda number: asked.append(number) or batch, 7)
    assert asked == [0]


def test_the_critic_s_update_leaves_the_others_alone_and_theirs_the_critic(monkeypatch):
    system, networks, optimisers = make("decomposition", PARTS)
    taken = []
    for name, optimiser in optimisers.items():
        original = optimiser.step

        def step(rate, name=name, original=original):
            before = copy.deepcopy(networks)
            original(rate)
            taken.append((name, changed(networks, before)))

        monkeypatch.setattr(optimiser, "step", step)
    system.step(networks, optimisers, same_batch(make_batch(system)), 0)
    assert taken == [("critic", {"critic"}), ("decomposer", {"decomposer"})]


@pytest.mark.parametrize(("fakes", "count"), [("all", 4), ("lesion", 2)])
def test_whose_normal_versions_the_critic_sees(fakes, count):
    weak = small()
    weak["variants"]["paper"]["fakes"] = fakes
    system, networks, optimisers = make("decomposition", PARTS, weak)
    seen = []
    networks["critic"].register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    system.step(networks, optimisers, same_batch(make_batch(system)), 0)
    assert seen == [2, 2, count, count], "mixtures, real ones, fakes; and fakes again for the generator"


@pytest.mark.parametrize(("fakes", "partners"), [("all", [3, 0]), ("lesion", [2, 3])])
def test_the_penalty_mixes_the_fakes_that_the_critic_sees(fakes, partners):
    """Of all fakes those that were drawn, here that of a lesion slice and that of a normal one; else each lesion's."""
    weak = small()
    weak["variants"]["paper"]["fakes"] = fakes
    system, networks, optimisers = make("decomposition", PARTS, weak)
    batch = replace(make_batch(system), share=torch.zeros(2, 1, 1, 1), partners=torch.tensor([3, 0]))
    made, _ = networks["decomposer"](torch.cat([batch.normal, batch.lesion]))
    seen = []
    networks["critic"].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach()))
    system.step(networks, optimisers, same_batch(batch), 0)
    torch.testing.assert_close(seen[0], made[partners].detach())


def test_partners_are_drawn_from_normal_and_lesion_slices():
    system, *_ = make("decomposition", PARTS)
    slices = [torch.zeros(3, 4, 4, dtype=torch.uint8)] * 2
    drawn = [draw_batch(system, slices, 1, iteration, 0).partners.tolist() for iteration in range(60)]
    assert all(len(set(partners)) == 4 for partners in drawn), "each fake at most once"
    assert {place for partners in drawn for place in partners} == set(range(8))


def test_va_gan_draws_a_batch_for_every_update_of_its_critic():
    """New slices and new mixtures (epsilon) for each, and slices of its own for the generator, as its authors' code."""
    weak = small()
    weak["va_gan"] |= {"critic_steps": 3, "often_first": 0, "often_every": 1000}
    system, networks, optimisers = make("va-gan", weak=weak)
    batches = {number: make_batch(system, seed=number) for number in range(4)}
    asked, seen = [], []
    networks["critic"].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach().clone()))
    system.step(networks, optimisers, lambda number: asked.append(number) or batches[number], 1)
    assert asked == [1, 2, 3, 0]
    for number, (mixed, real, fake) in zip((1, 2, 3), zip(*[iter(seen[:9])] * 3, strict=True), strict=True):
        share = batches[number].share
        assert torch.equal(real, batches[number].normal)
        torch.testing.assert_close(mixed, share * real + (1 - share) * fake)


@pytest.mark.parametrize(("added", "end"), [(0.5, 0.9), (-0.5, -0.9)])
def test_va_gan_s_loss_and_its_critic_s_weights(monkeypatch, added, end):
    """The penalty's weight is 10 (Gulrajani et al. 2017); a healed slice stays between black and white."""
    system, networks, optimisers = make("va-gan")
    nn.init.constant_(networks["generator"].unet.decoders[0].seg_layers[-1].bias, added)
    batch, seen = make_batch(system), []
    maps = networks["generator"](batch.lesion)
    healed = (batch.lesion + maps).clamp(-0.9, 0.9)
    monkeypatch.setattr(
        va_gan, "update_critic", lambda *_, **keywords: seen.append(keywords) or torch.zeros(())
    )
    values = system.step(networks, optimisers, same_batch(batch), 0)
    torch.testing.assert_close(seen[0]["fake"], healed.detach())
    assert not seen[0]["fake"].requires_grad
    assert seen[0]["values"] == {"penalty_weight": 10, "critic_weight": 1, "learning_rate": 0.001}
    assert (healed == end).any()
    assert values["map_size"].item() == pytest.approx(maps.abs().mean().item(), rel=1e-5)
    adversarial = -networks["critic"](healed).mean()
    assert values["adversarial_loss"].item() == pytest.approx(adversarial.item(), rel=1e-5)
    assert values["loss"].item() == pytest.approx((adversarial + 100 * maps.abs().mean()).item(), rel=1e-5)


def test_the_maps_of_va_gan_start_small_whatever_the_number_of_stages():
    images = torch.randn(2, 1, 16, 16)
    for features in ([4, 8], [4, 8, 8], [4, 8, 8, 8]):
        torch.manual_seed(0)
        assert 0 < MapGenerator(features)(images).abs().max() < 0.05


def test_va_gan_updates_its_critic_more_often():
    weak = small()
    weak["va_gan"] |= {"critic_steps": 2, "often_steps": 5, "often_first": 3, "often_every": 10}
    system, networks, optimisers = make("va-gan", weak=weak)
    steps = []
    for iteration in (0, 2, 3, 7, 20):
        critic = optimisers["critic"].step
        calls = []
        optimisers["critic"].step = lambda rate, calls=calls, critic=critic: (calls.append(1), critic(rate))
        system.step(networks, optimisers, same_batch(make_batch(system)), iteration)
        optimisers["critic"].step = critic
        steps.append(len(calls))
    assert steps == [5, 5, 2, 2, 5]
    assert system.heat(networks, make_batch(system).lesion, "map").max() < 0.2, "its maps start small"


def test_biomarker_localisation_asks_a_classifier_that_it_does_not_change():
    classifier = make("classifier")[1]["classifier"].eval()
    before = copy.deepcopy(classifier.state_dict())
    system, networks, optimisers = make("biomarker-localisation")
    system.adopt(networks, classifier)
    batch = make_batch(system, size=32)
    healed, unchanged = (networks["generator"](images)[0] for images in (batch.lesion, batch.normal))
    values = {
        name: value.item() for name, value in system.step(networks, optimisers, same_batch(batch), 0).items()
    }
    normal = -classifier(healed).log_softmax(1)[:, 0].mean()
    assert values["classification_loss"] == pytest.approx(normal.item(), rel=1e-4), "normal is class 0"
    assert values["similarity_loss"] == pytest.approx((batch.lesion - healed).abs().mean().item(), rel=1e-5)
    fidelity = (batch.normal - unchanged).abs().mean().item()
    assert values["normal_fidelity_loss"] == pytest.approx(fidelity, rel=1e-5)
    weights = {"adversarial": 1, "classification": 1, "similarity": 10, "normal_fidelity": 100}
    expected = sum(weight * values[f"{name}_loss"] for name, weight in weights.items())
    assert values["loss"] == pytest.approx(expected, rel=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())
    assert all(parameter.grad is None for parameter in classifier.parameters())
    assert set(networks) == {"generator", "critic"}, "the classifier is no part of what is trained and saved"


def test_the_classifier_learns_to_tell_bright_slices_from_dark():
    system, networks, optimisers = make("classifier")
    networks.train()
    for iteration in range(30):
        batch = make_batch(system, iteration, size=32)
        bright = replace(batch, normal=batch.normal * 0.3 - 0.5, lesion=batch.lesion * 0.3 + 0.5)
        values = system.step(networks, optimisers, same_batch(bright), iteration)
    assert values["accuracy"].item() == 1


@pytest.mark.parametrize("kind", ["cam", "grad-cam"])
def test_the_class_activation_map_is_that_of_the_lesion_class(kind):
    """The last features, weighted as the score of class 1 weights them, enlarged and stretched to 0 to 1.

    Where the score is linear in the mean features, as here, Grad-CAM is CAM without its negative values.
    """
    system, networks, _ = make("classifier")
    network, images = networks["classifier"].eval(), make_batch(system, size=64).lesion
    features = []
    with torch.no_grad():
        hook = network.layer4.register_forward_hook(lambda *arguments: features.append(arguments[2]))
        network(images)
        hook.remove()
        maps = torch.einsum("bcyx,c->byx", features[0], network.fc.weight[1])[:, None]
        maps = maps if kind == "cam" else maps.relu()
        large = functional.interpolate(maps, (64, 64), mode="bilinear", align_corners=False)[:, 0]
        low, high = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
        assert (maps > 0).any(), "else Grad-CAM shows nothing"
        assert kind == "cam" or (maps == 0).any()
        heat = system.heat(networks, images, kind)
    torch.testing.assert_close(heat, (large - low) / (high - low).clamp_min(1e-8), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name, entry in SYSTEMS.items() for kind in entry.maps]
)
def test_heat_maps_have_the_slices_size_and_range(name, kind):
    system, networks, _ = make(name, PARTS if name == "decomposition" else None)
    networks.eval()
    heat = system.heat(networks, make_batch(system, size=32).lesion, kind)
    assert heat.shape == (2, 32, 32)
    assert heat.min() >= 0
    assert heat.max() <= 1
    if name == "classifier":
        assert heat.amin((1, 2)).tolist() == [0, 0], "each image's own, stretched"
        assert all(value == pytest.approx(1) or value == 0 for value in heat.amax((1, 2)).tolist())


class Parts(nn.Module):
    """A decomposer whose outputs are given."""

    def __init__(self, normal, lesion):
        super().__init__()
        self.parts = normal, lesion

    def forward(self, images):
        return self.parts


def maps(normal, lesion, images, **values):
    """The three heat maps of the framework, as lists, for two pixels."""
    weak = small()
    weak["variants"]["paper"] |= values
    system, *_ = make("decomposition", PARTS, weak)
    networks = nn.ModuleDict({"decomposer": Parts(normal, lesion)})
    return {
        kind: system.heat(networks, images, kind).flatten().tolist() for kind in SYSTEMS["decomposition"].maps
    }


def test_the_heat_is_the_output_of_g2_clipped_at_zero():
    """As a fraction of the images' range, whose length is 1.8: 0.45 is a quarter; -0.9 is no lesion, not a large one."""
    found = maps(pixels(0.0, 0.0), pixels(0.45, -0.9), pixels(0.0, 0.0))
    assert found["decoder"] == pytest.approx([0.25, 0])
    assert found["rescaled"] == pytest.approx([0.725, 0.05]), "(G2 + 1) / 2, in the words of yang2021 3.1"
    found = maps(pixels(0.0, 0.0), pixels(0.45, -0.9), pixels(0.0, 0.0), range=1.0)
    assert found["decoder"] == pytest.approx([0.225, 0])


def test_g2_and_the_rescaled_map_order_the_pixels_alike_above_the_middle():
    lesion, zeros = torch.linspace(-1, 1, 24).reshape(1, 1, 4, 6), torch.zeros(1, 1, 4, 6)
    found = maps(zeros, lesion, zeros)
    decoder, rescaled = np.array(found["decoder"]), np.array(found["rescaled"])
    above = rescaled > 0.5
    assert (decoder[~above] == 0).all()
    assert (np.diff(decoder[above]) > 0).all()
    assert (np.diff(rescaled) > 0).all()


def test_heat_has_one_scale_in_all_systems():
    """A lesion that adds 51 of 255 grey levels has a heat of 0.2, whichever system finds it."""
    added = pixels(0.36, 0.0)  # 0.2 x 1.8
    images = pixels(0.1, -0.9) + added
    found = maps(images - added, added, images)
    assert found["decoder"] == pytest.approx(found["difference"], abs=1e-6)
    assert found["decoder"] == pytest.approx([0.2, 0], abs=1e-6)
    for name, output in (("va-gan", -added), ("biomarker-localisation", (images - added, None))):
        system, *_ = make(name)
        networks = {"generator": lambda _, output=output: output}
        assert system.heat(networks, images, "map").flatten().tolist() == pytest.approx([0.2, 0], abs=1e-6)


def test_z_scores_have_the_mean_and_deviation_of_all_training_slices():
    """yang2021 3.1. Levels 0, 0, 0, 100 and 100: mean 40, deviation 49; one range of grey levels is 255 / 49."""
    weak = small()
    system, *_ = make("decomposition", PARTS, weak)
    slices = [np.array([[[0, 0]]], np.uint8), np.array([[[0]], [[100]], [[100]]], np.uint8)]
    system.fit_greys(slices)
    assert system.greys == {"zero": 127.5, "unit": pytest.approx(127.5 / 0.9)}, "range, the default"
    weak["variants"]["paper"]["normalisation"] = "z-score"
    system.fit_greys(slices)
    deviation = np.std([0, 0, 0, 100, 100])
    assert system.greys == {"zero": pytest.approx(40), "unit": pytest.approx(deviation)}
    images = system.scale(torch.tensor([[[0, 100]]], dtype=torch.uint8))
    assert images.flatten().tolist() == pytest.approx([-40 / deviation, 60 / deviation])
    assert system.fraction(images).flatten().tolist() == pytest.approx([0, 60 / 255])
    assert system.fraction(10 * images).flatten().tolist() == [0, 1]
