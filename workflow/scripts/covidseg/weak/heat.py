"""Heat maps of test slices: an array for the scores, and pictures for the reader."""

import logging
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from covidseg.device import choose_compute
from covidseg.files import atomic_directory, write_array
from covidseg.reading import read_array, read_table
from covidseg.weak.evaluation import LEVELS
from covidseg.weak.overlay import overlay
from covidseg.weak.training import load_networks

log = logging.getLogger(__name__)

BATCH = 16


def localise(weights: Path, slices: Path, *, kind: str, output: Path, device: str, threads: int) -> None:
    """Write the heat maps of a data set's test slices.

    Args:
        weights: model.safetensors of a trained system.
        slices: folder with test_lesion.npy and test_lesion.csv.
        kind: kind of heat map, one of the system's `maps` in the registry.
        output: folder of heat.npy (uint16 (n, y, x), thousandths), <slice>.png and <slice>_overlay.png.
        device: the configuration's `weak.device`.
        threads: number of processor threads.
    """
    compute = choose_compute(device, "float32", threads=threads)
    system, networks, _ = load_networks(weights, compute)
    images = read_array(slices / "test_lesion.npy")
    scaled = system.scale(torch.from_numpy(images)).to(compute.device)
    with torch.no_grad():
        heat = torch.cat([system.heat(networks, part, kind).cpu() for part in scaled.split(BATCH)]).numpy()
    with atomic_directory(output) as folder:
        write_array(folder / "heat.npy", np.rint(heat * LEVELS).astype(np.uint16))
        for name, image, hot in zip(
            read_table(slices / "test_lesion.csv", ["slice"])["slice"], images, heat, strict=True
        ):
            path = folder / f"{str(name).replace('/', '_')}.png"
            Image.fromarray(np.rint(hot * 255).astype(np.uint8)).save(path)
            Image.fromarray(overlay(image, hot)).save(path.with_stem(f"{path.stem}_overlay"))
    log.info("%s: %d slices, heat up to %.3f", output, len(heat), heat.max())
