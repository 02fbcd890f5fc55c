"""The base class of the systems that learn from image-level labels to localise lesions."""

from dataclasses import dataclass

import torch
from torch import nn

from covidseg.training.optimisers import Adam
from covidseg.training.sections import Options
from covidseg.weak.sections import Weak


@dataclass(frozen=True)
class Batch:
    """The slices of one iteration, float32 (batch, 1, y, x), scaled by `System.scale`.

    Attributes:
        normal: slices without lesion.
        lesion: slices with lesions, whose positions are not known.
        share: (batch, 1, 1, 1), random shares from 0 to 1 for the gradient penalty.
    """

    normal: torch.Tensor
    lesion: torch.Tensor
    share: torch.Tensor


class System:
    """A system that learns from slices with the labels "normal" and "lesion".

    A subclass must override `build`, `step` and `heat`.

    Attributes:
        options: options of the model in experiments.yaml.
        weak: the configuration's `weak`.
        variant: values of the variant that the configuration chooses, "paper" or "code".
    """

    def __init__(self, options: Options, weak: Weak) -> None:
        self.options = options
        self.weak = weak
        self.variant = weak["variants"][weak["variant"]]

    def scale(self, slices: torch.Tensor) -> torch.Tensor:
        """Return slices, uint8 (n, y, x), as images, float32 (n, 1, y, x), from -range to range."""
        return (slices.float()[:, None] / 127.5 - 1) * self.variant["range"]

    def change(self, images: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Return the absolute difference of images (n, 1, y, x), divided by 2 x range: (n, y, x), 0 to 1."""
        return ((images - others)[:, 0].abs() / (2 * self.variant["range"])).clamp(max=1)

    def build(self) -> nn.ModuleDict:
        """Return the networks to train; their weights come from torch's generator, which the caller seeds."""
        raise NotImplementedError

    def adopt(self, networks: nn.ModuleDict, classifier: nn.Module | None) -> None:
        """Store a trained classifier if the system learns from one; other systems do nothing."""

    def betas(self) -> tuple[float, float]:
        """Return the two beta coefficients of Adam."""
        first, second = self.variant["betas"]
        return first, second

    def step(
        self, networks: nn.ModuleDict, optimisers: dict[str, Adam], batch: Batch, iteration: int
    ) -> dict[str, torch.Tensor]:
        """Do one iteration: update every network once, or as often as the system requires.

        Args:
            networks: the networks that `build` returned, in training mode.
            optimisers: name of a network -> its optimiser.
            batch: slices of the iteration.
            iteration: number of the iteration, from 0, counted over all epochs.

        Returns:
            Name -> scalar for log.csv, one of which is `loss`.
        """
        raise NotImplementedError

    def heat(self, networks: nn.ModuleDict, images: torch.Tensor, kind: str) -> torch.Tensor:
        """Return heat maps (batch, y, x), 0 to 1, of images (batch, 1, y, x); `kind` is one of `maps`."""
        raise NotImplementedError
