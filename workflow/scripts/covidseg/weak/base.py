"""What every system that localises lesions from image-level labels decides."""

from dataclasses import dataclass

import torch
from torch import nn

from covidseg.training.optimisers import Adam
from covidseg.training.sections import Options
from covidseg.weak.sections import Weak


@dataclass(frozen=True)
class Batch:
    """The slices of one iteration, float32 (batch, 1, y, x), scaled by the system.

    Attributes:
        normal: without lesion.
        lesion: with one, nobody says where.
        share: (batch, 1, 1, 1), random shares for the gradient penalty.
    """

    normal: torch.Tensor
    lesion: torch.Tensor
    share: torch.Tensor


class System:
    """A way to learn from slices that are normal or not; one that finds lesions overrides all of it.

    Attributes:
        options: of the model in experiments.yaml.
        weak: the configuration's `weak`.
        variant: the values of the framework's variant chosen there, "paper" or "code".
    """

    def __init__(self, options: Options, weak: Weak) -> None:
        self.options = options
        self.weak = weak
        self.variant = weak["variants"][weak["variant"]]

    def scale(self, slices: torch.Tensor) -> torch.Tensor:
        """Return slices, uint8 (n, y, x), as images float32 (n, 1, y, x) from -range to range."""
        return (slices.float()[:, None] / 127.5 - 1) * self.variant["range"]

    def change(self, images: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Return how much two images differ, by the length of their range: (n, y, x), 0 to 1."""
        return ((images - others)[:, 0].abs() / (2 * self.variant["range"])).clamp(max=1)

    def build(self) -> nn.ModuleDict:
        """Return the networks to train, weights drawn from torch's generator as it is seeded."""
        raise NotImplementedError

    def adopt(self, networks: nn.ModuleDict, classifier: nn.Module | None) -> None:
        """Take a trained classifier, where the system needs one."""

    def betas(self) -> tuple[float, float]:
        """Return Adam's."""
        first, second = self.variant["betas"]
        return first, second

    def step(
        self, networks: nn.ModuleDict, optimisers: dict[str, Adam], batch: Batch, iteration: int
    ) -> dict[str, torch.Tensor]:
        """Update every network once, or as often as the system asks; returns losses for the log."""
        raise NotImplementedError

    def heat(self, networks: nn.ModuleDict, images: torch.Tensor, kind: str) -> torch.Tensor:
        """Return heat maps (batch, y, x), 0 to 1, of images (batch, 1, y, x); `kind` as in the registry."""
        raise NotImplementedError
