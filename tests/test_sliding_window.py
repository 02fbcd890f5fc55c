"""Sliding windows: nnU-Net's tiles and weights, MONAI as oracle, slabs, and memory that is too small."""

import os
import subprocess
import sys
from itertools import combinations, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from conftest import ROOT, SMALL_NETWORK
from covidseg.device import Compute, choose_compute
from covidseg.evaluation.sliding_window import gaussian_weights, predict_probabilities, tile_starts
from covidseg.training.network import build_network

FLOAT32 = Compute(torch.device("cpu"), torch.float32)
PLAIN = {"step": 0.5, "mirror_axes": [], "tiles": 3}


class Pointwise(nn.Module):
    """Logits that depend on each voxel alone: the result must not depend on the tiles."""

    def forward(self, tiles):
        return torch.cat([tiles, 0.5 - tiles, 0.3 * tiles], 1)


class Neighbours(nn.Module):
    """Logits that depend on each voxel's place in the tile and on the voxel before."""

    def forward(self, tiles):
        ramp = torch.linspace(-1, 1, tiles.shape[-1]).expand_as(tiles)
        return torch.cat([tiles.roll(1, -2) + ramp, 0.5 - tiles, ramp - tiles.roll(1, -3)], 1)


class Counting(Neighbours):
    """Has no memory for more than `most` tiles in a pass, nor for pass number `first`; counts both."""

    def __init__(self, most, first=None):
        super().__init__()
        self.most, self.first, self.batches, self.refused = most, first, [], []

    def forward(self, tiles):
        if len(tiles) > self.most or len(self.batches) == self.first:
            self.first = None
            self.refused.append(len(tiles))
            raise torch.OutOfMemoryError("full")
        self.batches.append(len(tiles))
        return super().forward(tiles)


def predict(network, image, tile, inference):
    """Return the probabilities of a whole scan."""
    return torch.cat(
        list(predict_probabilities(network, image, tile, inference=inference, compute=FLOAT32)), 1
    )


def test_tiles_by_hand():
    assert tile_starts(56, 56, 0.5) == [0]
    assert tile_starts(40, 56, 0.5) == [0]
    assert tile_starts(57, 56, 0.5) == [0, 1]
    assert tile_starts(112, 56, 0.5) == [0, 28, 56]
    # ceil((100 - 56) / 28) + 1 = 3 tiles, evenly spaced over 44 voxels
    assert tile_starts(100, 56, 0.5) == [0, 22, 44]
    assert tile_starts(100, 50, 1.0) == [0, 50]


@pytest.mark.parametrize("step", [0.5, 0.75, 1.0])
@pytest.mark.parametrize(("length", "tile"), [(97, 32), (33, 32), (64, 7), (200, 56)])
def test_tiles_cover_the_axis_in_steps_that_are_short_enough(length, tile, step):
    starts = tile_starts(length, tile, step)
    assert starts[0] == 0
    assert starts[-1] == length - tile
    assert max(np.diff(starts)) <= max(1, round(step * tile)) + 1


def test_weights_are_nnunet_s():
    """A Gaussian of sigma tile / 8 around voxel tile // 2, 1 there and nowhere 0."""
    weights = gaussian_weights((8, 16, 32))
    assert weights[4, 8, 16] == 1
    assert weights[5, 8, 16].item() == pytest.approx(np.exp(-0.5), rel=1e-6)
    assert weights[4, 10, 20].item() == pytest.approx(np.exp(-1), rel=1e-6)
    assert weights.dtype == torch.float32
    assert weights.min() > 0
    odd = gaussian_weights((7, 9, 5))
    assert odd[3, 4, 2] == 1, "7 // 2, 9 // 2, 5 // 2"
    assert odd[4, 4, 2].item() == pytest.approx(np.exp(-0.5 * (8 / 7) ** 2), rel=1e-6)


@pytest.mark.parametrize("shape", [(9, 20, 21), (4, 8, 8), (3, 30, 5), (2, 3, 2)])
@pytest.mark.parametrize("axes", [[], [2], [0, 1, 2]])
def test_a_pointwise_network_is_blended_without_a_seam(shape, axes):
    image = torch.randn(shape)
    inference = {"step": 0.5, "mirror_axes": axes, "tiles": 4}
    found = predict(Pointwise(), image, (4, 8, 8), inference)
    expected = Pointwise()(image[None, None])[0].softmax(0)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert found.dtype == torch.float32


def test_equals_monai_with_the_same_tiles_and_weights():
    from monai.inferers import sliding_window_inference

    network = build_network(SMALL_NETWORK, classes=2, seed=1).eval()
    network.decoder.deep_supervision = False
    # A length at which nnU-Net's even spacing and MONAI's fixed one give the same tiles.
    image, tile = torch.randn(8, 32, 24), (4, 16, 16)
    ours = predict(network, image, tile, PLAIN)
    with torch.inference_mode():
        theirs = sliding_window_inference(
            image[None, None], tile, 4, lambda tiles: network(tiles).softmax(1), overlap=0.5,
            roi_weight_map=gaussian_weights(tile),
        )[0]  # fmt: skip
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_the_number_of_tiles_a_pass_changes_nothing():
    network = build_network(SMALL_NETWORK, classes=2, seed=1).eval()
    network.decoder.deep_supervision = False
    image = torch.randn(9, 30, 26)
    results = [predict(network, image, (4, 16, 16), PLAIN | {"tiles": tiles}) for tiles in (1, 2, 7)]
    torch.testing.assert_close(results[0], results[1], atol=1e-6, rtol=0)
    torch.testing.assert_close(results[0], results[2], atol=1e-6, rtol=0)


def test_mirroring_averages_all_flips():
    class Sided(nn.Module):
        def forward(self, tiles):
            ramp = torch.linspace(-1, 1, tiles.shape[-1]).expand_as(tiles)
            return torch.cat([tiles * 0, ramp], 1)

    inference = {"step": 0.5, "mirror_axes": [2], "tiles": 1}
    found = predict(Sided(), torch.zeros(4, 8, 8), (4, 8, 8), inference)
    ramp = torch.linspace(-1, 1, 8)
    expected = (ramp.sigmoid() + (-ramp).sigmoid()) / 2
    torch.testing.assert_close(found[1, 0, 0], expected)


def whole(network, image, tile, inference):
    """Return the probabilities by sums over the whole padded scan, added up tile after tile."""
    missing = [max(0, size - n) for n, size in zip(image.shape, tile, strict=True)]
    sides = [(n // 2, n - n // 2) for n in missing]
    padded = torch.from_numpy(np.pad(image, sides))
    starts = [tile_starts(n, size, inference["step"]) for n, size in zip(padded.shape, tile, strict=True)]
    corners = list(product(*starts))
    boxes = [tuple(slice(n, n + size) for n, size in zip(c, tile, strict=True)) for c in corners]
    weights, norm, total = gaussian_weights(tile), torch.zeros(padded.shape), 0
    axes = inference["mirror_axes"]
    flips = [flip for n in range(len(axes) + 1) for flip in combinations([a + 2 for a in axes], n)]
    for first in range(0, len(boxes), inference["tiles"]):
        batch = boxes[first : first + inference["tiles"]]
        tiles = torch.stack([padded[box] for box in batch])[:, None]
        mean = sum(network(tiles.flip(flip)).softmax(1).flip(flip) for flip in flips) / len(flips)
        for box, one in zip(batch, mean, strict=True):
            part = torch.zeros((len(one), *padded.shape))
            part[(slice(None), *box)] = one * weights
            total, norm[box] = total + part, norm[box] + weights
    inner = [slice(before, before + n) for (before, _), n in zip(sides, image.shape, strict=True)]
    return (total / norm)[(slice(None), *inner)]


@settings(deadline=None, max_examples=25)
@given(
    st.tuples(*[st.integers(1, 20)] * 3),
    st.sampled_from([0.3, 0.5, 0.75, 1]),
    st.sampled_from([[], [0], [1, 2], [0, 1, 2]]),
    st.integers(1, 9),
)
@torch.inference_mode()
def test_slabs_have_the_same_bits_as_sums_over_the_whole_scan(shape, step, axes, tiles):
    inference = {"step": step, "mirror_axes": axes, "tiles": tiles}
    image = torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))
    assert torch.equal(
        predict(Neighbours(), image, (4, 6, 8), inference), whole(Neighbours(), image, (4, 6, 8), inference)
    )


def test_slices_are_handed_over_as_soon_as_no_tile_is_left_for_them():
    """Tiles of 4 slices begin at slices 0, 2, ..., 16: two slices are finished each time, in the end four."""
    network = Counting(most=99)
    slabs = predict_probabilities(
        network, torch.randn(20, 8, 8), (4, 8, 8), inference=PLAIN | {"tiles": 1}, compute=FLOAT32
    )
    seen = [(slab.shape[1], len(network.batches)) for slab in slabs]
    assert seen == [*((2, n) for n in range(1, 9)), (4, 9)]


def test_with_too_little_memory_a_pass_gets_half_the_tiles_from_then_on(caplog):
    image, network = torch.randn(9, 20, 21), Counting(most=2)
    found = predict(network, image, (4, 8, 8), PLAIN | {"tiles": 11})
    assert torch.equal(found, whole(Neighbours(), image, (4, 8, 8), PLAIN | {"tiles": 2}))
    assert network.refused == [11, 5]
    assert set(network.batches[:-1]) == {2}
    assert [record.getMessage() for record in caplog.records] == [
        "not enough memory for 11 tiles per forward pass: trying 5",
        "not enough memory for 5 tiles per forward pass: trying 2",
    ]


def test_with_too_little_memory_for_one_tile_scan_and_sums_move_to_the_host(caplog):
    """The device has another name than the host's memory, which stands in for a GPU."""
    image, network = torch.randn(9, 20, 21), Counting(most=1, first=4)
    slabs = predict_probabilities(
        network,
        image,
        (4, 8, 8),
        inference=PLAIN | {"tiles": 1},
        compute=Compute(torch.device("cpu", 0), torch.float32),
    )
    assert torch.equal(torch.cat(list(slabs), 1), whole(Neighbours(), image, (4, 8, 8), PLAIN | {"tiles": 1}))
    assert network.refused == [1]
    assert "move to the memory of the host" in caplog.text


def test_a_tile_that_fits_no_memory_is_an_error():
    network = Counting(most=0)
    with pytest.raises(torch.OutOfMemoryError):
        predict(network, torch.randn(4, 8, 8), (4, 8, 8), PLAIN | {"tiles": 4})
    assert network.refused == [1, 1, 1]


MEMORY = """
import resource
import numpy as np
import torch
from covidseg.device import Compute
from covidseg.evaluation.scan_grid import labels_on_grid
from covidseg.evaluation.sliding_window import predict_probabilities
from covidseg.volumes import Geometry

shape, spacing = (1000, 256, 256), (1.0, 0.8, 0.8)
image = torch.zeros(shape, dtype=torch.float16).normal_()
geometry = Geometry(shape, np.diag([*reversed(spacing), 1.0]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
slabs = predict_probabilities(
    lambda tiles: torch.cat([tiles, -tiles], 1), image, (56, 128, 128),
    inference={"step": 1.0, "mirror_axes": [], "tiles": 1}, compute=Compute(torch.device("cpu"), torch.float32),
)
labels = labels_on_grid(slabs, geometry, depth=1000, box=(slice(None),) * 3, target_spacing=spacing)
assert (labels == (image.numpy() < 0)).mean() > 0.999
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_a_scan_of_a_thousand_slices_needs_little_memory():
    """65 MB are labels, 45 MB sums; all sums and probabilities in float32 would be 1.3 GB."""
    path = {**os.environ, "PYTHONPATH": str(ROOT / "workflow" / "scripts")}
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], env=path, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 400 * 1024, "kB"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("mebibytes", [24, 48, 96, 400])
def test_a_gpu_with_little_memory_gives_what_the_cpu_gives(mebibytes):
    network = build_network(SMALL_NETWORK, classes=2, seed=1).eval()
    network.decoder.deep_supervision = False
    image, inference = torch.randn(60, 160, 150), PLAIN | {"mirror_axes": [2], "tiles": 64}
    expected = predict(network, image, (16, 64, 64), inference)
    compute, (_, total) = Compute(torch.device("cuda"), torch.float32), torch.cuda.mem_get_info()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + mebibytes * 2**20) / total)
    try:
        slabs = predict_probabilities(
            compute.place(network, torch.channels_last_3d), image, (16, 64, 64), inference=inference,
            compute=compute,
        )  # fmt: skip
        found = torch.cat([slab.cpu() for slab in slabs], 1)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    torch.testing.assert_close(found, expected, atol=5e-3, rtol=0)


def test_words_for_devices_and_precisions():
    assert choose_compute("cpu", "float32", threads=1) == FLOAT32
    assert choose_compute("cpu", "bfloat16", threads=1).precision == torch.bfloat16
    automatic = choose_compute("auto", "auto", threads=1)
    assert automatic.device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert str(FLOAT32) == "CPU with 1 thread, float32"
