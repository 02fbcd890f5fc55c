"""nnU-Net's augmentation, in nnU-Net's order, computed on the training device.

Sources: nnU-Net v1, default_3D_augmentation_params, setup_DA_params and get_moreDA_augmentation; and
batchgenerators, the package with nnU-Net v1's transforms. Where nnU-Net v2 (batchgeneratorsv2) differs, v1
counts, since the papers used v1. v2 draws the scale uniformly from its range, blurs each axis with a sigma of
its own, mirrors the image for the blur without the border voxels, and enlarges a patch of low resolution
linearly.

Every random number derives from the NumPy generator that the caller passes, so that one seed fixes a batch.
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from torch.nn import functional

from covidseg.cases.resampling import axis_matrix
from covidseg.training.sections import Augmentation, Blur, LowResolution, Noise, Range, Ranged


def spatial_parameters(augmentation: Augmentation, generator: np.random.Generator) -> tuple[float, float]:
    """Draw the axial rotation (radians) and the scale of one sample; no rotation is 0 and no scaling is 1."""
    angle, scale = 0.0, 1.0
    if generator.random() < augmentation["rotation"]["probability"]:
        angle = float(np.deg2rad(generator.uniform(-1, 1) * augmentation["rotation"]["degrees"]))
    if generator.random() < augmentation["scale"]["probability"]:
        scale = uniform_around_one(augmentation["scale"]["range"], generator)
    return angle, scale


def uniform_around_one(limits: Range, generator: np.random.Generator) -> float:
    """Draw a side of 1 with equal probability, then a factor uniformly on this side (as batchgenerators)."""
    low, high = limits
    if generator.random() < 0.5 and low < 1:
        return float(generator.uniform(low, 1))
    return float(generator.uniform(max(low, 1), high))


def uniform(limits: Range, generator: np.random.Generator) -> float:
    """Draw a number uniformly between two limits."""
    low, high = limits
    return generator.uniform(low, high)


def augment(
    image: torch.Tensor, label: torch.Tensor, augmentation: Augmentation, generator: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Apply the intensity transforms and the mirroring to one patch.

    Args:
        image: float32 (z, y, x).
        label: uint8 (z, y, x).
        augmentation: the configuration's `augmentation`.
        generator: source of the random numbers.

    Returns:
        Image and label, with the types and shapes of the arguments.
    """
    transforms = cast("dict[str, Any]", augmentation)  # the type of the entries differs by transform
    for name, apply in INTENSITY.items():
        if generator.random() < transforms[name]["probability"]:
            image = apply(image, transforms[name], generator)
    flipped = [
        axis
        for axis in augmentation["mirror"]["axes"]
        if generator.random() < augmentation["mirror"]["probability"]
    ]
    return (image.flip(flipped), label.flip(flipped)) if flipped else (image, label)


def add_noise(image: torch.Tensor, transform: Noise, generator: np.random.Generator) -> torch.Tensor:
    """Add Gaussian noise with a random standard deviation, which batchgenerators calls the variance."""
    sigma = uniform(transform["sigma"], generator)
    device_generator = torch.Generator(image.device).manual_seed(int(generator.integers(2**62)))
    noise = torch.randn(image.shape, generator=device_generator, device=image.device)
    return torch.add(image, noise, alpha=sigma)


def blur(image: torch.Tensor, transform: Blur, generator: np.random.Generator) -> torch.Tensor:
    """Smooth with a Gaussian of random sigma (in voxels), cut at four sigma; mirror the image at its ends."""
    sigma = uniform(transform["sigma"], generator)
    z, y, x = (_gaussian_matrix(length, sigma).to(image.device) for length in image.shape)
    return (z @ (y @ image @ x.T).flatten(1)).reshape(image.shape)


def _gaussian_matrix(length: int, sigma: float) -> torch.Tensor:
    """Return the float32 matrix (length, length) that smooths one axis: much faster than a convolution."""
    radius = int(4 * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    mirrored = np.pad(np.arange(length), radius, mode="symmetric")
    voxels = np.lib.stride_tricks.sliding_window_view(mirrored, len(kernel))
    matrix = np.zeros((length, length), np.float32)
    np.add.at(matrix, (np.arange(length)[:, None], voxels), kernel / kernel.sum())
    return torch.from_numpy(matrix)


def brighten(image: torch.Tensor, transform: Ranged, generator: np.random.Generator) -> torch.Tensor:
    """Multiply the intensities by a random factor."""
    return image * uniform(transform["range"], generator)


def change_contrast(image: torch.Tensor, transform: Ranged, generator: np.random.Generator) -> torch.Tensor:
    """Stretch the intensities around their mean by a random factor, and clip to their original range."""
    factor = uniform_around_one(transform["range"], generator)
    return torch.add(image.mean() * (1 - factor), image, alpha=factor).clamp_(*torch.aminmax(image))


def lower_resolution(
    image: torch.Tensor, transform: LowResolution, generator: np.random.Generator
) -> torch.Tensor:
    """Shrink the axial slices (nearest neighbour) and enlarge them to their old size (cubic splines)."""
    zoom = uniform(transform["zoom"], generator)
    size = image.shape[1:]
    small = functional.interpolate(image[None], [max(1, round(n * zoom)) for n in size], mode="nearest-exact")
    pairs = zip(small.shape[2:], size, strict=True)
    rows, columns = (axis_matrix(old, new, 3).to(image.device) for old, new in pairs)
    return (rows @ small[0] @ columns.T).clamp_(*torch.aminmax(small))


def change_gamma(image: torch.Tensor, transform: Ranged, generator: np.random.Generator) -> torch.Tensor:
    """Apply a random gamma to the image above its minimum, and restore mean and standard deviation."""
    exponent = uniform_around_one(transform["range"], generator)
    mean = image.mean()
    curved = image - mean
    extent = torch.linalg.vector_norm(curved)
    # Not scaled to [0, 1]: a factor before a power is a factor after it, and the last line removes factors.
    # The power is exp(exponent * log), in place, which takes a third of the time of `**`.
    curved.sub_(curved.min()).log_().mul_(exponent).exp_()
    curved.sub_(curved.mean())
    return curved.mul_(extent / (torch.linalg.vector_norm(curved) + 1e-8)).add_(mean)


def change_gamma_inverted(
    image: torch.Tensor, transform: Ranged, generator: np.random.Generator
) -> torch.Tensor:
    """Apply `change_gamma` to the image with inverted sign, and invert the sign of the result."""
    return change_gamma(-image, transform, generator).neg_()


INTENSITY: dict[str, Callable[[torch.Tensor, Any, np.random.Generator], torch.Tensor]] = {
    "noise": add_noise,
    "blur": blur,
    "brightness": brighten,
    "contrast": change_contrast,
    "low_resolution": lower_resolution,
    "gamma_inverted": change_gamma_inverted,
    "gamma": change_gamma,
}
