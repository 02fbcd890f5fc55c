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
    return image.flip(flipped), label.flip(flipped)


def add_noise(image: torch.Tensor, transform: Noise, generator: np.random.Generator) -> torch.Tensor:
    """Add Gaussian noise with a random standard deviation, which batchgenerators calls the variance."""
    sigma = uniform(transform["sigma"], generator)
    device_generator = torch.Generator(image.device).manual_seed(int(generator.integers(2**62)))
    noise = torch.randn(image.shape, generator=device_generator, device=image.device)
    return image + sigma * noise


def blur(image: torch.Tensor, transform: Blur, generator: np.random.Generator) -> torch.Tensor:
    """Smooth with a Gaussian of random sigma (in voxels), cut at four sigma; mirror the image at its ends."""
    sigma = uniform(transform["sigma"], generator)
    radius = int(4 * sigma + 0.5)
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, device=image.device) / sigma) ** 2)
    kernel = kernel / kernel.sum()
    for axis in range(3):
        shape = [1, 1, 1, 1, 1]
        shape[2 + axis] = len(kernel)
        mirrored = np.pad(np.arange(image.shape[axis]), radius, mode="symmetric")
        padded = image.index_select(axis, torch.from_numpy(mirrored).to(image.device))
        image = functional.conv3d(padded[None, None], kernel.reshape(shape))[0, 0]
    return image


def brighten(image: torch.Tensor, transform: Ranged, generator: np.random.Generator) -> torch.Tensor:
    """Multiply the intensities by a random factor."""
    return image * uniform(transform["range"], generator)


def change_contrast(image: torch.Tensor, transform: Ranged, generator: np.random.Generator) -> torch.Tensor:
    """Stretch the intensities around their mean by a random factor, and clip to their original range."""
    factor = uniform_around_one(transform["range"], generator)
    mean = image.mean()
    return ((image - mean) * factor + mean).clamp(image.min(), image.max())


def lower_resolution(
    image: torch.Tensor, transform: LowResolution, generator: np.random.Generator
) -> torch.Tensor:
    """Shrink the axial slices (nearest neighbour) and enlarge them to their old size (cubic splines)."""
    zoom = uniform(transform["zoom"], generator)
    size = image.shape[1:]
    small = functional.interpolate(image[None], [max(1, round(n * zoom)) for n in size], mode="nearest-exact")
    pairs = zip(small.shape[2:], size, strict=True)
    rows, columns = (axis_matrix(old, new, 3).to(image.device) for old, new in pairs)
    return (rows @ small[0] @ columns.T).clamp(small.min(), small.max())


def change_gamma(image: torch.Tensor, transform: Ranged, generator: np.random.Generator) -> torch.Tensor:
    """Apply a random gamma to the image scaled to [0, 1], and restore mean and standard deviation."""
    exponent = uniform_around_one(transform["range"], generator)
    mean, deviation = image.mean(), image.std()
    low = image.min()
    extent = image.max() - low
    curved = ((image - low) / (extent + 1e-7)) ** exponent * extent + low
    return (curved - curved.mean()) / (curved.std() + 1e-8) * deviation + mean


def change_gamma_inverted(
    image: torch.Tensor, transform: Ranged, generator: np.random.Generator
) -> torch.Tensor:
    """Apply `change_gamma` to the image with inverted sign, and invert the sign of the result."""
    return -change_gamma(-image, transform, generator)


INTENSITY: dict[str, Callable[[torch.Tensor, Any, np.random.Generator], torch.Tensor]] = {
    "noise": add_noise,
    "blur": blur,
    "brightness": brighten,
    "contrast": change_contrast,
    "low_resolution": lower_resolution,
    "gamma_inverted": change_gamma_inverted,
    "gamma": change_gamma,
}
