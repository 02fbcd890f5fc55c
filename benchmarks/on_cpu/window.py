"""A sliding window with the network and the tiles of the phantoms, in float32: our function and MONAI's."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import torch
from on_gpu.plan import TINY

from covidseg.device import Compute
from covidseg.evaluation.sections import Inference
from covidseg.evaluation.sliding_window import gaussian_weights, predict_probabilities
from covidseg.training.network import build_network
from covidseg.training.sections import Architecture

SCAN = (40, 160, 160)  # lengths at which nnU-Net's even spacing and MONAI's fixed one give the same tiles
TILES, OVERLAP = 8, 0.5
Predict = Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]


def ours(part: str, folder: Path, *, small: bool) -> Iterator[float]:
    """Yield the seconds of our sliding window."""
    compute = Compute(torch.device("cpu"), torch.float32)
    inference = Inference(step=1 - OVERLAP, mirror_axes=[], tiles=TILES)

    def predict(network: torch.nn.Module, image: torch.Tensor) -> torch.Tensor:
        slabs = predict_probabilities(network, image, TINY.patch, inference=inference, compute=compute)
        return torch.cat(list(slabs), 1)

    yield from _seconds(predict, small=small)


def peer(part: str, folder: Path, *, small: bool) -> Iterator[float]:
    """Yield the seconds of MONAI's sliding window, with the same weights within a tile."""
    from monai.inferers import sliding_window_inference

    weights = gaussian_weights(TINY.patch)

    @torch.inference_mode()
    def predict(network: torch.nn.Module, image: torch.Tensor) -> torch.Tensor:
        probabilities = sliding_window_inference(
            image[None, None],
            TINY.patch,
            TILES,
            lambda tiles: network(tiles).softmax(1),
            overlap=OVERLAP,
            roi_weight_map=weights,
        )
        return cast("torch.Tensor", probabilities)

    yield from _seconds(predict, small=small)


def _seconds(
    predict: Callable[[torch.nn.Module, torch.Tensor], torch.Tensor], *, small: bool
) -> Iterator[float]:
    architecture = cast("Architecture", TINY.sections["network"] | {"design": "unet"})
    network = build_network(architecture, classes=2, seed=1).eval()
    network.decoder.deep_supervision = False  # type: ignore[union-attr]
    image = torch.randn((8, 32, 48) if small else SCAN, generator=torch.Generator().manual_seed(0))
    predict(network, image)
    for _ in range(2 if small else 7):
        begun = time.perf_counter()
        predict(network, image)
        yield time.perf_counter() - begun
