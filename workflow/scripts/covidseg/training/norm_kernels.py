"""The kernels of `FusedNorm`, in Triton, a language for GPUs within Python.

A program of a kernel works on one sample, on up to 64 channels, and on some of the voxels. `features`,
`gradient` and `output` are (samples, voxels, channels) in memory, which is torch's layout channels_last_3d.
`statistics` are float32 (samples, 2, channels): mean, and 1 / standard deviation. Arithmetic is in float32.
"""

import triton
import triton.language as tl


@triton.jit
def partial_statistics(
    features, means, squares, voxels, channels, share, ROWS: tl.constexpr, WIDTH: tl.constexpr
):  # fmt: skip
    """Write mean and sum of squared deviations of a share of a sample's voxels, per channel."""
    part, sample = tl.program_id(0), tl.program_id(1)
    channel = tl.program_id(2) * WIDTH + tl.arange(0, WIDTH)
    inside = channel < channels
    base = features + sample.to(tl.int64) * voxels * channels
    first = part * share
    last = tl.minimum(first + share, voxels)
    # Deviations from the share's first voxel: a sum of squares alone would lose digits of a small variance.
    origin = tl.load(base + tl.minimum(first, voxels - 1) * channels + channel, inside, 0.0).to(tl.float32)
    total = tl.zeros((ROWS, WIDTH), tl.float32)
    squared = tl.zeros((ROWS, WIDTH), tl.float32)
    for start in range(first, last, ROWS):
        row = start + tl.arange(0, ROWS)
        mask = (row < last)[:, None] & inside[None, :]
        value = tl.load(base + row[:, None] * channels + channel[None, :], mask, 0.0).to(tl.float32)
        deviation = tl.where(mask, value - origin[None, :], 0.0)
        total += deviation
        squared += deviation * deviation
    count = tl.maximum(last - first, 1).to(tl.float32)
    shift = tl.sum(total, 0) / count
    place = (sample * tl.num_programs(0) + part) * channels + channel
    tl.store(means + place, origin + shift, inside)
    tl.store(squares + place, tl.sum(squared, 0) - count * shift * shift, inside)


@triton.jit
def combine_statistics(
    means, squares, statistics, voxels, channels, share, parts, eps: tl.constexpr,
    PARTS: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Write mean and 1 / standard deviation per sample and channel (Chan's formula)."""
    sample = tl.program_id(0)
    channel = tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    part = tl.arange(0, PARTS)
    mask = (part < parts)[:, None] & (channel < channels)[None, :]
    place = (sample * parts + part[:, None]) * channels + channel[None, :]
    count = tl.minimum(share, voxels - part * share).to(tl.float32)[:, None]
    mean = tl.load(means + place, mask, 0.0)
    whole = tl.sum(tl.where(mask, mean * count, 0.0), 0) / voxels
    apart = tl.where(mask, (mean - whole[None, :]) * (mean - whole[None, :]) * count, 0.0)
    square = tl.sum(tl.load(squares + place, mask, 0.0) + apart, 0) / voxels
    target = statistics + 2 * sample * channels + channel
    tl.store(target, whole, channel < channels)
    tl.store(target + channels, 1.0 / tl.sqrt(square + eps), channel < channels)


@triton.jit
def normalise(
    features, statistics, weight, bias, output, voxels, channels, slope: tl.constexpr, ROWS: tl.constexpr,
    WIDTH: tl.constexpr,
):  # fmt: skip
    """Write the normalised and activated features."""
    sample = tl.program_id(1)
    channel = tl.program_id(2) * WIDTH + tl.arange(0, WIDTH)
    inside = channel < channels
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    mask = (row < voxels)[:, None] & inside[None, :]
    place = sample.to(tl.int64) * voxels * channels + row[:, None] * channels + channel[None, :]
    mean = tl.load(statistics + 2 * sample * channels + channel, inside, 0.0)
    scale = tl.load(statistics + (2 * sample + 1) * channels + channel, inside, 0.0)
    gain = tl.load(weight + channel, inside, 0.0) * scale
    value = tl.load(features + place, mask, 0.0).to(tl.float32)
    value = (value - mean[None, :]) * gain[None, :] + tl.load(bias + channel, inside, 0.0)[None, :]
    tl.store(output + place, tl.where(value > 0, value, value * slope), mask)


@triton.jit
def partial_gradients(
    features, gradient, statistics, weight, bias, sums, voxels, channels, share,
    slope: tl.constexpr, ROWS: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Write the sums over a share of the voxels of the gradient, and of gradient x normalised feature."""
    part, sample = tl.program_id(0), tl.program_id(1)
    channel = tl.program_id(2) * WIDTH + tl.arange(0, WIDTH)
    inside = channel < channels
    base = sample.to(tl.int64) * voxels * channels
    mean = tl.load(statistics + 2 * sample * channels + channel, inside, 0.0)[None, :]
    scale = tl.load(statistics + (2 * sample + 1) * channels + channel, inside, 0.0)[None, :]
    gain = tl.load(weight + channel, inside, 0.0)[None, :]
    offset = tl.load(bias + channel, inside, 0.0)[None, :]
    plain = tl.zeros((ROWS, WIDTH), tl.float32)
    weighted = tl.zeros((ROWS, WIDTH), tl.float32)
    last = tl.minimum((part + 1) * share, voxels)
    for start in range(part * share, last, ROWS):
        row = start + tl.arange(0, ROWS)
        mask = (row < last)[:, None] & inside[None, :]
        place = base + row[:, None] * channels + channel[None, :]
        value = (tl.load(features + place, mask, 0.0).to(tl.float32) - mean) * scale
        slant = tl.load(gradient + place, mask, 0.0).to(tl.float32)
        slant = tl.where(value * gain + offset > 0, slant, slant * slope)
        plain += slant
        weighted += slant * value
    place = 2 * (sample * tl.num_programs(0) + part) * channels + channel
    tl.store(sums + place, tl.sum(plain, 0), inside)
    tl.store(sums + place + channels, tl.sum(weighted, 0), inside)


@triton.jit
def propagate(
    features, gradient, statistics, weight, bias, sums, output, voxels, channels,
    slope: tl.constexpr, ROWS: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Write the gradient of the features, from the sums of `partial_gradients` over all voxels."""
    sample = tl.program_id(1)
    channel = tl.program_id(2) * WIDTH + tl.arange(0, WIDTH)
    inside = channel < channels
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    mask = (row < voxels)[:, None] & inside[None, :]
    place = sample.to(tl.int64) * voxels * channels + row[:, None] * channels + channel[None, :]
    mean = tl.load(statistics + 2 * sample * channels + channel, inside, 0.0)[None, :]
    scale = tl.load(statistics + (2 * sample + 1) * channels + channel, inside, 0.0)[None, :]
    gain = tl.load(weight + channel, inside, 0.0)[None, :]
    offset = tl.load(bias + channel, inside, 0.0)[None, :]
    plain = tl.load(sums + 2 * sample * channels + channel, inside, 0.0)[None, :] / voxels
    weighted = tl.load(sums + (2 * sample + 1) * channels + channel, inside, 0.0)[None, :] / voxels
    value = (tl.load(features + place, mask, 0.0).to(tl.float32) - mean) * scale
    slant = tl.load(gradient + place, mask, 0.0).to(tl.float32)
    slant = tl.where(value * gain + offset > 0, slant, slant * slope)
    tl.store(output + place, (slant - plain - value * weighted) * gain * scale, mask)
