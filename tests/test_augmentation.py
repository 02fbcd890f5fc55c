"""The augmentation: nnU-Net's transforms, with nnU-Net's effects, probabilities and order."""

import json
import math
import subprocess

import numpy as np
import pytest
import torch
import yaml
from scipy import ndimage
from skimage.transform import resize

from conftest import ROOT
from covidseg.training.augmentation import (
    INTENSITY,
    augment,
    blur,
    lower_resolution,
    spatial_parameters,
    uniform_around_one,
)
from covidseg.training.patches import TrainingCase, cut_patch
from effects import PATCH, SCAN, summarise

AUGMENTATION = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())["augmentation"]
# v2 enlarges linearly, and blurs an image that goes on as its mirror without the border voxels.
ONLY_V1 = ("low_resolution", "blur")


def always(name):
    augmentation = {key: value | {"probability": 0.0} for key, value in AUGMENTATION.items()}
    augmentation[name]["probability"] = 1.0
    return augmentation


def run(name, seed=0, image=None):
    torch.manual_seed(0)
    image = torch.randn(4, 20, 24) * 2 + 1 if image is None else image
    label = torch.zeros(4, 20, 24, dtype=torch.uint8)
    return image, augment(image, label, always(name), np.random.default_rng(seed))[0]


@pytest.mark.parametrize("name", INTENSITY)
def test_every_transform_changes_the_image_alone_and_by_the_seed(name):
    image, changed = run(name)
    assert changed.shape == image.shape
    assert changed.dtype == torch.float32
    assert torch.isfinite(changed).all()
    assert not torch.allclose(changed, image)
    assert torch.equal(changed, run(name)[1])
    assert not torch.equal(changed, run(name, seed=1)[1])


def test_no_transform_at_probability_zero():
    augmentation = {key: value | {"probability": 0.0} for key, value in AUGMENTATION.items()}
    image, label = torch.randn(3, 4, 5), torch.ones(3, 4, 5, dtype=torch.uint8)
    unchanged = augment(image, label, augmentation, np.random.default_rng(0))
    assert torch.equal(unchanged[0], image)
    assert torch.equal(unchanged[1], label)
    assert spatial_parameters(augmentation, np.random.default_rng(0)) == (0.0, 1.0)


def test_mirroring_moves_image_and_label_together():
    image = torch.randn(3, 4, 5)
    label = (image > 0).to(torch.uint8)
    seen = set()
    for seed in range(30):
        turned, marked = augment(
            image,
            label,
            always("mirror") | {"mirror": {"probability": 0.5, "axes": [0, 1, 2]}},
            np.random.default_rng(seed),
        )
        assert torch.equal(marked, (turned > 0).to(torch.uint8))
        seen.add(tuple(turned.ravel()[:3].tolist()))
    assert len(seen) == 8


def test_noise_has_a_standard_deviation_in_range():
    """sigma ~ U(0, 0.1): the mean of 0.05, and nothing near the root of 0.1, which is 0.32."""
    sigmas = [run("noise", seed)[1].sub(run("noise", seed)[0]).std().item() for seed in range(200)]
    assert min(sigmas) > 0
    assert max(sigmas) < 0.105
    assert np.mean(sigmas) == pytest.approx(0.05, abs=0.006)


@pytest.mark.parametrize("shape", [(4, 20, 24), (2, 3, 5)])
def test_blur_is_scipy_s_also_where_the_kernel_exceeds_the_image(shape):
    image = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    blurred = blur(image, {"probability": 1, "sigma": [0.8, 0.8]}, np.random.default_rng(0))
    np.testing.assert_allclose(blurred, ndimage.gaussian_filter(image.numpy(), 0.8), atol=1e-6)


@pytest.mark.parametrize("zoom", [0.5, 0.63, 0.9])
def test_low_resolution_is_scikit_image_s_resizing(zoom):
    image = torch.randn(3, 20, 24, generator=torch.Generator().manual_seed(0))
    found = lower_resolution(image, {"probability": 1, "zoom": [zoom, zoom]}, np.random.default_rng(0))
    size = (3, round(20 * zoom), round(24 * zoom))
    small = resize(image.numpy(), size, order=0, mode="edge", anti_aliasing=False)
    expected = resize(small, image.shape, order=3, mode="edge", anti_aliasing=False)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_blur_keeps_the_mean_and_smooths():
    image, blurred = run("blur")
    assert blurred.mean().item() == pytest.approx(image.mean().item(), abs=0.05)
    assert blurred.std() < 0.9 * image.std()


def test_brightness_multiplies_within_range():
    image, brighter = run("brightness")
    factor = (brighter / image).median().item()
    assert 0.75 <= factor <= 1.25
    torch.testing.assert_close(brighter, image * factor)


def test_contrast_keeps_mean_and_range():
    for seed in range(5):
        image, changed = run("contrast", seed)
        assert changed.min() >= image.min()
        assert changed.max() <= image.max()
        assert changed.mean().item() == pytest.approx(image.mean().item(), abs=0.05)


def test_gamma_keeps_mean_and_deviation_and_order():
    image, changed = run("gamma")
    assert changed.mean().item() == pytest.approx(image.mean().item(), abs=1e-4)
    assert changed.std().item() == pytest.approx(image.std().item(), abs=1e-4)
    assert torch.equal(image.ravel().argsort(), changed.ravel().argsort())


THREE = torch.tensor([1.0, 3.0, 5.0]).reshape(1, 1, 3)
FACTOR_2 = {"probability": 1, "range": [2.0, 2.0]}


def test_contrast_by_hand():
    """The mean is 5. Stretched by 2: -5, 3, 5, 7, 15, of which the ends are clipped to the range 0 to 10."""
    image = torch.tensor([0.0, 4, 5, 6, 10]).reshape(1, 1, 5)
    changed = INTENSITY["contrast"](image, FACTOR_2, np.random.default_rng(0))
    assert changed.ravel().tolist() == [0, 3, 5, 7, 10]


def test_gamma_by_hand():
    """Mean 3, standard deviation 2. With exponent 2: 1, 2, 5, whose mean is 8/3 and whose variance is 13/3.

    Inverted, -5, -3, -1 become -5, -4, -1: the large intensities are spread, not the small ones.
    """
    gamma, inverted = (
        INTENSITY[name](THREE, FACTOR_2, np.random.default_rng(0)).ravel()
        for name in ("gamma", "gamma_inverted")
    )
    expected = [(value - 8 / 3) / math.sqrt(13 / 3) * 2 + 3 for value in (1, 2, 5)]
    assert gamma.tolist() == pytest.approx(expected, abs=1e-5)
    assert inverted.tolist() == pytest.approx([6 - value for value in reversed(expected)], abs=1e-5)


def test_a_constant_image_stays_as_it_is_under_every_gamma():
    """Neither its extent nor its deviation is divided by."""
    image = torch.full((2, 3, 3), 7.0)
    for name in ("gamma", "gamma_inverted"):
        assert torch.equal(INTENSITY[name](image, FACTOR_2, np.random.default_rng(0)), image)


def test_low_resolution_of_two_pixels_is_one_pixel():
    """Half of two: the one pixel left is the nearest to the middle, and is repeated."""
    image = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    found = lower_resolution(image, {"probability": 1, "zoom": [0.5, 0.5]}, np.random.default_rng(0))
    assert torch.equal(found, torch.full((1, 2, 2), 4.0))


def test_low_resolution_leaves_the_slices_apart():
    image = torch.zeros(4, 20, 24)
    image[2] = 5
    _, changed = run("low_resolution", image=image)
    torch.testing.assert_close(changed, image)


def test_factors_fall_below_one_as_often_as_above():
    generator = np.random.default_rng(0)
    factors = [uniform_around_one([0.7, 1.5], generator) for _ in range(1000)]
    assert 0.45 < np.mean([factor < 1 for factor in factors]) < 0.55
    assert min(factors) >= 0.7
    assert max(factors) <= 1.5


def test_a_range_that_begins_at_one_has_no_side_below_it():
    generator = np.random.default_rng(0)
    factors = [uniform_around_one([1.0, 1.5], generator) for _ in range(200)]
    assert min(factors) > 1
    assert len(set(factors)) == 200


def test_scale_contrast_and_gamma_draw_their_factor_around_one(monkeypatch):
    """A factor of 1 changes nothing; a factor drawn in another way would."""
    monkeypatch.setattr("covidseg.training.augmentation.uniform_around_one", lambda *_: 1.0)
    assert spatial_parameters(always("scale"), np.random.default_rng(0)) == (0.0, 1.0)
    for name in ("contrast", "gamma", "gamma_inverted"):
        image, same = run(name)
        torch.testing.assert_close(same, image, msg=name)


def test_spatial_parameters_have_the_papers_frequencies_and_ranges():
    generator = np.random.default_rng(0)
    angles, scales = np.array([spatial_parameters(AUGMENTATION, generator) for _ in range(2000)]).T
    assert 0.17 < (angles != 0).mean() < 0.23
    assert 0.17 < (scales != 1).mean() < 0.23
    assert -math.pi <= angles.min() < -3 < 3 < angles.max() <= math.pi
    assert scales.min() >= 0.7
    assert scales.max() <= 1.4


def test_every_transform_is_applied_as_often_as_in_nnunet_and_in_its_order():
    """Probabilities per sample and channel of get_moreDA_augmentation, by hand; z-scores have one channel."""
    expected = {
        "rotation": 0.2, "scale": 0.2, "noise": 0.1, "blur": 0.2 * 0.5, "brightness": 0.15, "contrast": 0.15,
        "low_resolution": 0.25 * 0.5, "gamma_inverted": 0.1, "gamma": 0.3, "mirror": 0.5,
    }  # fmt: skip
    assert {name: transform["probability"] for name, transform in AUGMENTATION.items()} == expected
    assert list(INTENSITY) == list(expected)[2:-1]
    image, label = torch.randn(2, 6, 6), torch.zeros(2, 6, 6, dtype=torch.uint8)
    for name in INTENSITY:
        one = always(name) | {name: AUGMENTATION[name]}
        generator = np.random.default_rng(0)
        applied = [not torch.equal(augment(image, label, one, generator)[0], image) for _ in range(1000)]
        deviation = math.sqrt(expected[name] * (1 - expected[name]) / 1000)
        assert np.mean(applied) == pytest.approx(expected[name], abs=4 * deviation), name


@pytest.fixture(scope="module")
def batchgenerators(nnunet):
    """Package -> transform -> effect -> mean and standard deviation, of nnU-Net's own transforms."""
    program = ROOT / "tests" / "batchgenerators_program.py"
    done = subprocess.run([nnunet / "python", program], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


MIDDLE = (np.array(SCAN.shape) - 1) / 2
CASE = TrainingCase("scan", torch.from_numpy(SCAN), torch.zeros(SCAN.shape, dtype=torch.uint8), {}, {})


def draw(name, generator):
    """One patch of the scan, by one transform."""
    augmentation = always(name) | ({"mirror": AUGMENTATION["mirror"]} if name == "mirror" else {})
    angle, scale = spatial_parameters(augmentation, generator)
    cut = cut_patch(CASE, MIDDLE, PATCH, angle=angle, scale=scale, device=torch.device("cpu"))
    return augment(*cut, augmentation, generator)[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", AUGMENTATION)
def test_transforms_change_an_image_as_much_as_batchgenerators_ones(name, batchgenerators):
    """Mean and standard deviation over more than 1,000 draws differ by at most 5 %, or by 0.001 (z-scores).

    The absolute bound is for effects that a transform hardly has: 5 % of such an effect is less than chance.
    """
    generator = np.random.default_rng(0)
    ours = summarise(lambda: draw(name, generator))
    packages = [package for package, transforms in batchgenerators.items() if name in transforms]
    assert packages == ["batchgenerators", "batchgeneratorsv2"][: 1 if name in ONLY_V1 else 2]
    for package in packages:
        for effect, theirs in batchgenerators[package][name].items():
            assert ours[effect] == pytest.approx(theirs, rel=0.05, abs=0.001), (package, effect)
