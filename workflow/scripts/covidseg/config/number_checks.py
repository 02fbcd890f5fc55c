"""Checks of a configuration's numbers that depend on each other: network, patch, ranges and slices."""

import math
from collections.abc import Iterator, Mapping
from typing import Literal

from covidseg.config.sheets import Sections
from covidseg.errors import told_together

STAGED: tuple[Literal["features", "kernels", "strides"], ...] = ("features", "kernels", "strides")
LIMITS = ("range", "sigma", "zoom", "threshold_range")  # keys of a lowest and a highest value
FACTORS = ("range", "zoom")  # factors, which must be above 0
Pair = list[float]


def check_numbers(sections: Sections, name: str) -> None:
    """Check the numbers that a JSON schema cannot compare.

    Raises:
        InputErrors: numbers do not fit each other; each message starts with `name` and has the key, the value
            and what is expected.
    """
    with told_together() as faults:
        stages = list(_stage_faults(sections, name))
        faults.found += stages or _patch_faults(sections, name)
        window = sections["plan"]["window"]
        if window[0] >= window[1]:
            faults.found.append(f"{name}: plan.window: {window} HU; the first must be below the second")
        for key, pair in _limits(sections["augmentation"], "augmentation"):
            faults.found += _limit_faults(pair, f"{name}: {key}", positive=key.endswith(FACTORS))
        weak = sections["weak"]
        where = f"{name}: weak.threshold_range"
        faults.found += _limit_faults(weak["threshold_range"], where, positive=False)
        step = 2 ** (len(weak["features"]) - 1)
        if weak["size"] % step:
            faults.found.append(
                f"{name}: weak.size: {weak['size']}; expected a multiple of {step}, as weak.features has "
                f"{len(weak['features'])} stages"
            )


def _stage_faults(sections: Sections, name: str) -> Iterator[str]:
    network = sections["network"]
    lengths: dict[str, int] = {key: len(network[key]) for key in STAGED}
    lengths["encoder convolutions"] = len(network["convolutions"]["encoder"])
    lengths["decoder convolutions + 1"] = len(network["convolutions"]["decoder"]) + 1
    if len(set(lengths.values())) > 1:
        yield f"{name}: network: these differ in number of stages: {lengths}"
    if even := [kernel for kernel in network["kernels"] if any(size % 2 == 0 for size in kernel)]:
        yield f"{name}: network.kernels: {even[0]}; expected odd sizes"
    if network["strides"][0] != [1, 1, 1]:
        yield f"{name}: network.strides: {network['strides'][0]} in the first stage; expected [1, 1, 1]"


def _patch_faults(sections: Sections, name: str) -> Iterator[str]:
    patch = sections["plan"]["patch"]
    steps = [math.prod(axis) for axis in zip(*sections["network"]["strides"], strict=True)]
    for axis, size, step in zip("zyx", patch, steps, strict=True):
        if size % step:
            yield f"{name}: plan.patch: {size} on axis {axis}; expected a multiple of {step} (strides)"
    if patch == steps:
        yield f"{name}: plan.patch: {patch}; the strides leave one voxel of it, and the network needs two"


def _limits(section: Mapping[str, object], key: str) -> Iterator[tuple[str, Pair]]:
    """Yield key and value of every pair of a lowest and a highest value in a section."""
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _limits(value, f"{key}.{name}")
        elif name in LIMITS and isinstance(value, list):
            yield f"{key}.{name}", value


def _limit_faults(pair: Pair, where: str, *, positive: bool) -> Iterator[str]:
    if pair[0] > pair[1]:
        yield f"{where}: {pair}; the first must not be above the second"
    if positive and pair[0] <= 0:
        yield f"{where}: {pair}; a factor must be above 0"
