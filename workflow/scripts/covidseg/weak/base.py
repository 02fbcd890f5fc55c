"""The base class of the systems that learn from image-level labels to localise lesions."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from covidseg.training.optimisers import Adam
from covidseg.training.sections import Options
from covidseg.weak.sections import Greys, Weak

WHITE = 255  # grey level; black is 0


@dataclass(frozen=True)
class Batch:
    """The slices of one iteration, float32 (batch, 1, y, x), scaled by `System.scale`.

    Attributes:
        normal: slices without lesion.
        lesion: slices with lesions, whose positions are not known.
        share: (batch, 1, 1, 1), random shares from 0 to 1 for the gradient penalty.
        partners: int64 (batch,), random places in the list of all normal and then all lesion slices. The
            gradient penalty mixes the normal versions of the slices at these places with the normal slices.
    """

    normal: torch.Tensor
    lesion: torch.Tensor
    share: torch.Tensor
    partners: torch.Tensor


Draw = Callable[[int], Batch]  # number of a batch within an iteration, from 0 -> this batch


class System:
    """A system that learns from slices with the labels "normal" and "lesion".

    A subclass must override `build`, `step` and `heat`.

    Attributes:
        options: options of the model in experiments.yaml.
        weak: the configuration's `weak`.
        variant: values of the variant that the configuration chooses, "paper" or "code".
        greys: how grey levels become the values of images.
    """

    def __init__(self, options: Options, weak: Weak) -> None:
        self.options = options
        self.weak = weak
        self.variant = weak["variants"][weak["variant"]]
        self.greys = Greys(zero=WHITE / 2, unit=WHITE / 2 / self.variant["range"])

    def fit_greys(self, slices: Iterable[np.ndarray]) -> None:
        """Adapt `greys` to the training slices, uint8 (n, y, x) each, if the normalisation is z-score.

        The mean and the standard deviation are those of all pixels of all slices (yang2021 3.1).
        """
        if self.variant["normalisation"] == "z-score":
            counts = sum(np.bincount(one.ravel(), minlength=WHITE + 1) for part in slices for one in part)
            mean = np.average(np.arange(WHITE + 1), weights=counts)
            variance = np.average((np.arange(WHITE + 1) - mean) ** 2, weights=counts)
            self.greys = Greys(zero=float(mean), unit=float(np.sqrt(variance)))

    def scale(self, slices: torch.Tensor) -> torch.Tensor:
        """Return slices, uint8 (n, y, x), as images, float32 (n, 1, y, x)."""
        return (slices.float()[:, None] - self.greys["zero"]) / self.greys["unit"]

    def fraction(self, values: torch.Tensor) -> torch.Tensor:
        """Return values (n, 1, y, x) as fractions of the images' range, from black to white: (n, y, x).

        Negative values become 0, and values above the range 1. The heat maps of all systems are such
        fractions, so that one threshold means the same for all of them. The class activation maps, which
        have no unit, are the exception.
        """
        return (values[:, 0] * self.greys["unit"] / WHITE).clamp(0, 1)

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
        self, networks: nn.ModuleDict, optimisers: dict[str, Adam], draw: Draw, iteration: int
    ) -> dict[str, torch.Tensor]:
        """Do one iteration: update every network once, or as often as the system requires.

        Args:
            networks: the networks that `build` returned, in training mode.
            optimisers: name of a network -> its optimiser.
            draw: returns the batches of the iteration by their number, from 0; most systems need only one.
            iteration: number of the iteration, from 0, counted over all epochs.

        Returns:
            Name -> scalar for log.csv, one of which is `loss`.
        """
        raise NotImplementedError

    def heat(self, networks: nn.ModuleDict, images: torch.Tensor, kind: str) -> torch.Tensor:
        """Return heat maps (batch, y, x), 0 to 1, of images (batch, 1, y, x); `kind` is one of `maps`."""
        raise NotImplementedError
