"""What every training strategy decides."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from covidseg.device import Compute
from covidseg.training.losses import deep_supervision_loss
from covidseg.training.sections import Architecture, Network, Options, Training
from covidseg.training.weights import LoadedWeights


@dataclass(frozen=True)
class Batch:
    """The samples of one iteration.

    Attributes:
        images: float32 (batch, 1, z, y, x).
        labels: uint8 (batch, z, y, x).
        datasets: of each sample.
        source_images: as `images`, from the source's own cases; None unless the strategy trains on them.
    """

    images: torch.Tensor
    labels: torch.Tensor
    datasets: list[str]
    source_images: torch.Tensor | None = None


@dataclass(frozen=True)
class Schedule:
    """The part of a poly schedule that a training runs through, from `first_epoch` of `epoch_max`."""

    first_epoch: int
    epoch_max: int

    def learning_rate(self, training: Training, epoch: int) -> float:
        """Return the rate of an epoch: initial x (1 - epoch / epoch_max) ^ power (wang2021 3.3)."""
        share = (self.first_epoch + epoch) / self.epoch_max
        return training["learning_rate"] * (1 - share) ** training["learning_rate_power"]


class Strategy:
    """Training from scratch; a strategy overrides what it does otherwise.

    Attributes:
        options: the experiment's, checked against the registry.
        datasets: that the model is trained on.
    """

    def __init__(self, options: Options, datasets: list[str]) -> None:
        self.options = options
        self.datasets = list(datasets)

    def architecture(self, network: Network) -> Architecture:
        """Return what `build_network` builds: the configuration's network and the strategy's design."""
        return {**network, "design": "unet"}

    def prepare(self, network: nn.Module, pretrained: Path | None) -> LoadedWeights:
        """Load and freeze; the segmentation heads always stay new."""
        return LoadedWeights.of(network, loaded=[])

    def schedule(self, training: Training, pretrained: Path | None) -> Schedule:
        """Return the learning rate's schedule: a fresh one."""
        return Schedule(0, training["epochs"])

    def select(self, outputs: list[torch.Tensor], datasets: list[str]) -> list[torch.Tensor]:
        """Return the logits (batch, classes, z, y, x) of each sample's own data set: all there are."""
        return outputs

    def losses(
        self, network: nn.Module, batch: Batch, *, training: Training, compute: Compute, progress: float
    ) -> dict[str, torch.Tensor]:
        """Return the `loss` to minimise and what else log.csv shall have a column of, scalars on the device.

        Args:
            network: in training mode.
            batch: the samples.
            training: the configuration's `training`.
            compute: where, and in which precision.
            progress: share of the training's epochs that is done, 0 to 1.
        """
        with compute.autocast():
            outputs = self.select(network(batch.images), batch.datasets)
        return {"loss": deep_supervision_loss(outputs, batch.labels, batch_dice=training["batch_dice"])}

    def snapshot(self, epoch: int, epochs: int) -> dict[str, torch.Tensor]:
        """Return the tensors to keep of a finished epoch (from 1): none."""
        return {}
