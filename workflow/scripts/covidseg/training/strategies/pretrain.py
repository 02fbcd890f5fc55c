"""Pre-training on a source, of one data set or of several (wang2021 3.2)."""

from pathlib import Path

import torch

from covidseg.training.sections import Architecture, Network, Training
from covidseg.training.strategies.base import Schedule, Strategy


class Pretraining(Strategy):
    """All weights random; option `lesions` is how the lesions of several data sets are told apart.

    union: they are not, one lesion class. heads: one segmentation head a data set, side by side in the
    output's channels, and a sample's loss reaches only the head of its own data set.
    """

    def architecture(self, network: Network) -> Architecture:
        """Add a head for each data set."""
        heads = len(self.datasets) if self.options["lesions"] == "heads" else 1
        return {**super().architecture(network), "heads": heads}

    def schedule(self, training: Training, pretrained: Path | None) -> Schedule:
        """Leave the second half of the schedule to continual learning, or use it up."""
        phases = 2 if training["pretraining_schedule"] == "both phases" else 1
        return Schedule(0, phases * training["epochs"])

    def select(self, outputs: list[torch.Tensor], datasets: list[str]) -> list[torch.Tensor]:
        """Pick each sample's head."""
        if self.options["lesions"] == "union":
            return outputs
        heads = torch.tensor([self.datasets.index(name) for name in datasets])
        samples = torch.arange(len(datasets))
        return [
            logits.unflatten(1, (len(self.datasets), -1))[samples, heads.to(logits.device)]
            for logits in outputs
        ]
