"""Random batches of slices for the systems that learn from image-level labels."""

import numpy as np
import torch

from covidseg.weak.base import Batch, System


def draw_batch(system: System, slices: list[torch.Tensor], seed: int, iteration: int, number: int) -> Batch:
    """Draw one batch of one iteration: one half normal slices, the other half slices with lesions.

    Args:
        system: the system, which scales the slices.
        slices: normal slices and lesion slices, uint8 (n, y, x) each.
        seed: seed of the training.
        iteration: number of the iteration, from 0, counted over all epochs.
        number: number of the batch within the iteration, from 0.
    """
    generator, half = np.random.default_rng([seed, iteration, number]), system.variant["batch"] // 2
    normal, lesion = (
        system.scale(part[torch.from_numpy(generator.integers(len(part), size=half))]) for part in slices
    )
    share = torch.from_numpy(generator.random((half, 1, 1, 1), np.float32)).to(normal.device)
    partners = torch.from_numpy(generator.permutation(2 * half)[:half]).to(normal.device)
    return Batch(normal, lesion, share, partners)
