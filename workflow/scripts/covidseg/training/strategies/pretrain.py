"""Pre-training on a source, which has one or several data sets (wang2021 3.2)."""

from pathlib import Path

import torch

from covidseg.training.sections import Architecture, Network, Training
from covidseg.training.strategies.base import Schedule, Strategy


class Pretraining(Strategy):
    """Training from random weights on the data sets of a source.

    The strategy has these options:

    lesions: how the lesions of several data sets are labelled. With "union", all lesions are one class. With
        "classes", the lesions of each data set are a class of their own. With "heads", each data set has its
        own segmentation head; the heads are side by side in the output's channels, and the loss of a sample
        reaches only the head of the sample's data set.
    schedule: with "whole", the learning rate falls to 0. With "first half", the training stops in the middle
        of a schedule, whose second half is for continual learning (wang2021 3.3).
    """

    def architecture(self, network: Network) -> Architecture:
        """Return a U-Net with one head, or with one head per data set."""
        heads = len(self.datasets) if self.options["lesions"] == "heads" else 1
        return {**super().architecture(network), "heads": heads}

    def schedule(self, training: Training, pretrained: Path | None) -> Schedule:
        """Return a whole schedule, or a schedule that is twice as long as the training."""
        phases = 2 if self.options["schedule"] == "first half" else 1
        return Schedule(0, phases * training["epochs"])

    def heads(self, datasets: list[str]) -> torch.Tensor | None:
        """Return the number of each data set's head; None if there is one head for all."""
        if self.options["lesions"] != "heads":
            return None
        return torch.tensor([self.datasets.index(name) for name in datasets])

    def select(self, outputs: list[torch.Tensor], heads: torch.Tensor | None) -> list[torch.Tensor]:
        """Return the logits of the head of each sample's data set, per resolution."""
        if heads is None:
            return outputs
        samples = torch.arange(len(heads), device=heads.device)
        return [logits.unflatten(1, (len(self.datasets), -1))[samples, heads] for logits in outputs]
