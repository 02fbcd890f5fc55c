"""Patches: the right voxels, turned and scaled as asked, from memory as from disk."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch

from conftest import blobs, describe_arrays, make_volume
from covidseg.cases.arrays import save_case
from covidseg.training.batches import training_batch
from covidseg.training.patches import TrainingCase, cut_patch, load_cases, patch_centre
from training_program import make_run

CPU = torch.device("cpu")
LABELS = {"blobs": {1: 1}}


@pytest.fixture(scope="module")
def case():
    generator = np.random.default_rng(0)
    image = torch.from_numpy(generator.standard_normal((9, 21, 23)).astype(np.float32))
    label = torch.from_numpy((generator.random((9, 21, 23)) > 0.7).astype(np.uint8) * 2)
    return TrainingCase("case", image, label, {2: np.argwhere(label.numpy() == 2)}, {2: 2})


def cut(case, corner, patch, angle=0.0, scale=1.0):
    centre = np.array(corner) + (np.array(patch) - 1) / 2
    return cut_patch(case, centre, patch, angle=angle, scale=scale, device=CPU)


@pytest.mark.parametrize("patch", [(4, 8, 8), (3, 7, 9), (9, 21, 23)])
@pytest.mark.parametrize("corner", [(0, 0, 0), (2, 5, 4)])
def test_an_unturned_patch_is_the_scan_s_own_voxels(case, patch, corner):
    image, label = cut(case, corner, patch)
    box = tuple(slice(c, c + n) for c, n in zip(corner, patch, strict=True))
    inside = tuple(slice(0, n) for n in case.image[box].shape)
    assert image.shape == label.shape == patch, "also where the patch goes on beyond the last slice"
    assert torch.equal(image[inside], case.image[box])
    assert torch.equal(label[inside], case.label[box])
    assert image.count_nonzero() == case.image[box].count_nonzero(), "zeros beyond the scan"


@pytest.mark.parametrize("corner", [(0, 0, 0), (2, 5, 4), (-2, 11, 17)])
def test_a_tiny_turn_or_scale_hardly_changes_a_patch(case, corner):
    """Turned patches are interpolated and unturned ones copied, at the same place."""
    image, label = cut(case, corner, (4, 8, 8))
    inner = np.s_[:, 1:-1, 1:-1]  # a pixel at the scan's edge is interpolated with the zeros beyond
    for turned, turned_label in (
        cut(case, corner, (4, 8, 8), angle=1e-5),
        cut(case, corner, (4, 8, 8), scale=1 + 1e-5),
    ):
        torch.testing.assert_close(turned[inner], image[inner], atol=2e-3, rtol=0)
        assert torch.equal(turned_label, label)


def test_labels_become_the_network_s_classes(case):
    """An infection that is class 3 of one network is class 1 of another; the foreground is found either way."""
    infection = dataclasses.replace(case, classes={2: 3})
    _, plain = cut(case, (2, 5, 4), (4, 8, 8))
    _, classed = cut(infection, (2, 5, 4), (4, 8, 8))
    assert set(plain.unique().tolist()) == {0, 2}
    assert torch.equal(classed, torch.where(plain == 2, 3, 0).to(torch.uint8))
    centre = patch_centre(infection, (4, 8, 8), foreground=True, generator=np.random.default_rng(0))
    assert cut_patch(infection, centre, (4, 8, 8), angle=0, scale=1, device=CPU)[1][2, 4, 4] == 3


def test_outside_the_scan_is_zero(case):
    image, label = cut(case, (-3, -4, 17), (6, 8, 10))
    torch.testing.assert_close(image[3:, 4:, :6], case.image[:3, :4, 17:], atol=2e-5, rtol=0)
    for part in (image[:3], image[:, :2], image[:, :, 8:]):
        assert part.abs().max() == 0
    assert torch.equal(label[3:, 4:, :6], case.label[:3, :4, 17:])
    assert label[:3].max() == label[:, :4].max() == label[:, :, 6:].max() == 0


def test_a_quarter_turn_is_a_rotation_in_the_axial_plane(case):
    image, label = cut(case, (1, 4, 4), (5, 13, 13), angle=math.pi / 2)
    straight, straight_label = cut(case, (1, 4, 4), (5, 13, 13))
    torch.testing.assert_close(image, straight.rot90(-1, (1, 2)), atol=1e-4, rtol=0)
    assert torch.equal(label, straight_label.rot90(-1, (1, 2)))


def test_a_scale_of_two_shows_twice_as_much_of_each_slice():
    z, y, x = np.meshgrid(np.arange(6), np.arange(40), np.arange(40), indexing="ij")
    ramp = torch.from_numpy((100.0 * z + y + 0.01 * x).astype(np.float32))
    case = TrainingCase("ramp", ramp, torch.zeros(6, 40, 40, dtype=torch.uint8), {}, {})
    image, _ = cut(case, (1, 14, 14), (4, 11, 11), scale=2.0)
    middle = 100.0 * torch.arange(1, 5)[:, None] + 19 + 0.01 * 19
    steps = 2 * (torch.arange(11) - 5)
    torch.testing.assert_close(image[:, :, 5], middle + steps, atol=2e-3, rtol=0)
    torch.testing.assert_close(image[:, 5, :], middle + 0.01 * steps, atol=2e-3, rtol=0)


def test_foreground_patches_hold_the_chosen_voxel_in_the_middle(case):
    generator = np.random.default_rng(0)
    for _ in range(20):
        centre = patch_centre(case, (4, 8, 8), foreground=True, generator=generator)
        _, label = cut_patch(case, centre, (4, 8, 8), angle=0, scale=1, device=CPU)
        assert label[2, 4, 4] == 2


def test_each_label_is_chosen_as_often():
    label = torch.zeros(4, 20, 20, dtype=torch.uint8)
    label[:, :18], label[:, 19] = 1, 2
    foreground = {value: np.argwhere(label.numpy() == value) for value in (1, 2)}
    case = TrainingCase("c", label.float(), label, foreground, {1: 1, 2: 2})
    generator = np.random.default_rng(0)
    rows = [patch_centre(case, (1, 1, 1), foreground=True, generator=generator)[1] for _ in range(400)]
    assert 0.4 < np.mean([row == 19 for row in rows]) < 0.6


def test_random_patches_lie_within_the_scan_and_reach_its_ends(case):
    generator = np.random.default_rng(0)
    corners = np.array(
        [patch_centre(case, (4, 8, 30), foreground=False, generator=generator) for _ in range(500)]
    ) - np.array([1.5, 3.5, 14.5])
    assert corners.min(0).tolist() == [0, 0, -7]
    assert corners.max(0).tolist() == [5, 13, 0]


def test_without_foreground_any_patch_will_do(case):
    empty = TrainingCase("e", case.image, case.label * 0, {}, {})
    assert patch_centre(empty, (4, 8, 8), foreground=True, generator=np.random.default_rng(0)).shape == (3,)


def test_streamed_cases_give_the_same_patches(training_folders):
    groups = {"training": training_folders}
    (held,) = load_cases(groups, labels=LABELS, device=CPU, budget_gib=1)
    (streamed,) = load_cases(groups, labels=LABELS, device=CPU, budget_gib=0)
    assert isinstance(held[0].image, torch.Tensor)
    assert isinstance(streamed[0].image, np.memmap)
    for a, b in zip(held, streamed, strict=True):
        centre = patch_centre(a, (4, 16, 16), foreground=True, generator=np.random.default_rng(1))
        pair = [cut_patch(c, centre, (4, 16, 16), angle=0.4, scale=1.2, device=CPU) for c in (a, b)]
        assert torch.equal(pair[0][0], pair[1][0])
        assert torch.equal(pair[0][1], pair[1][1])


def save_blobs(folder, shape):
    """A case of 3 bytes per voxel: 2 of the image, 1 of the label."""
    image, label = blobs(shape, seed=0)
    folder.parent.mkdir(exist_ok=True)
    save_case(folder, image, label, describe_arrays(make_volume(image).geometry))
    return folder


@pytest.fixture(scope="module")
def sized_folders(tmp_path_factory):
    """Four cases of 3000, 12000, 3000 and 6000 bytes."""
    root = tmp_path_factory.mktemp("sized") / "blobs"
    a, b, c, d = (save_blobs(root / n, (z, 10, 10)) for n, z in (("a", 10), ("b", 40), ("c", 10), ("d", 20)))
    return {"training": [a, b], "source": [c], "validation": [d]}


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (2_999, ["", "", ""]),
        (3_000, ["a", "", ""]),
        (14_999, ["a", "c", "d"]),  # b does not fit; c and d do
        (15_000, ["ab", "", ""]),  # training comes first
        (18_000, ["ab", "c", ""]),  # then the source
        (23_999, ["ab", "c", ""]),
        (24_000, ["ab", "c", "d"]),
    ],
)
def test_one_memory_budget_is_spent_on_training_then_source_then_validation(sized_folders, budget, expected):
    loaded = load_cases(sized_folders, labels=LABELS, device=CPU, budget_gib=budget / 2**30)
    names = [[folder.name for folder in folders] for folders in sized_folders.values()]
    found = [
        "".join(n for n, case in zip(*group, strict=True) if isinstance(case.image, torch.Tensor))
        for group in zip(names, loaded, strict=True)
    ]
    assert found == expected
    for case in itertools.chain(*loaded):
        assert isinstance(case.image, torch.Tensor) == isinstance(case.label, torch.Tensor)


def test_the_log_says_how_much_lies_where(tmp_path, caplog):
    """Cases of 64 x 64 x 128 voxels have 1.5 MiB."""
    caplog.set_level("INFO")
    folders = [save_blobs(tmp_path / "blobs" / name, (64, 64, 128)) for name in "abc"]
    groups = {"training": folders[:1], "source": [], "validation": folders[1:]}
    load_cases(groups, labels=LABELS, device=CPU, budget_gib=3 / 1024)
    assert caplog.messages == [
        "training cases: 1 with 1.5 MiB in the memory of cpu, 0 with 0.0 MiB streamed from disk",
        "source cases: 0 with 0.0 MiB in the memory of cpu, 0 with 0.0 MiB streamed from disk",
        "validation cases: 1 with 1.5 MiB in the memory of cpu, 1 with 1.5 MiB streamed from disk",
    ]


def test_a_batch_of_two_data_sets_has_each_one_s_own_classes(training_folders):
    """Both label 1: a lesion is class 1, an infection class 2."""
    own, others = (
        load_cases({"": training_folders[part]}, labels={"blobs": {1: number}}, device=CPU, budget_gib=1)[0]
        for part, number in ((slice(0, 1), 1), (slice(1, 3), 2))
    )
    others = [dataclasses.replace(case, dataset="others") for case in others]
    options = {"lesions": "heads", "schedule": "whole"}
    run = make_run(training_folders, [], "pretrain", options, foreground=1.0)
    run.strategy.datasets = ["blobs", "others"]
    seen = set()
    for step in range(12):
        batch = training_batch(run, own + others, [], step, CPU)
        for label, head in zip(batch.labels, batch.heads.tolist(), strict=True):
            seen |= {(head, value) for value in label.unique().tolist() if value}
    assert seen == {(0, 1), (1, 2)}
