"""The base class of the training strategies: all that a strategy can decide."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

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
        heads: number of the segmentation head of each sample's data set, int64 (batch,); None for a network
            with one head.
        source_images: float32 (batch, 1, z, y, x), from cases of the source; None unless the strategy also
            trains on these cases.
    """

    images: torch.Tensor
    labels: torch.Tensor
    heads: torch.Tensor | None = None
    source_images: torch.Tensor | None = None

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the attributes that are not None."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @classmethod
    def of(cls, tensors: dict[str, torch.Tensor]) -> Self:
        """Return the batch with these attributes; other names are left out."""
        return cls(**{field.name: tensors[field.name] for field in fields(cls) if field.name in tensors})


@dataclass(frozen=True)
class Schedule:
    """The part of a polynomial schedule of the learning rate that a training uses.

    Attributes:
        first_epoch: epoch of the schedule at which the training starts, from 0.
        epoch_max: epoch of the schedule at which the learning rate is 0.
    """

    first_epoch: int
    epoch_max: int

    def learning_rate(self, training: Training, epoch: int) -> float:
        """Return the learning rate of a training's epoch (from 0) (wang2021 3.3).

        The rate is: initial rate x (1 - epoch of the schedule / epoch_max) ^ power.
        """
        share = (self.first_epoch + epoch) / self.epoch_max
        return training["learning_rate"] * (1 - share) ** training["learning_rate_power"]


class Strategy:
    """Training from scratch; a strategy overrides the methods in which it differs.

    Attributes:
        options: options of the experiment, checked against the registry.
        datasets: names of the data sets that the model is trained on.
        supervise: the loss of a network's outputs (see `deep_supervision_loss`), which may be compiled.
    """

    def __init__(self, options: Options, datasets: list[str]) -> None:
        self.options = options
        self.datasets = list(datasets)
        self.supervise = deep_supervision_loss

    def architecture(self, network: Network) -> Architecture:
        """Return what `build_network` needs: the section `network` and the strategy's design."""
        return {**network, "design": "unet"}

    def prepare(self, network: nn.Module, pretrained: Path | None) -> LoadedWeights:
        """Load and freeze parameters; here all parameters stay new.

        Args:
            network: the network to train, with random weights; changed in place.
            pretrained: model.safetensors to start from, or None.
        """
        return LoadedWeights.of(network, loaded=[])

    def schedule(self, training: Training, pretrained: Path | None) -> Schedule:
        """Return the schedule of the learning rate; here a schedule that starts at epoch 0."""
        return Schedule(0, training["epochs"])

    def heads(self, datasets: list[str]) -> torch.Tensor | None:
        """Return the number of the segmentation head of each data set; None for a network with one head."""
        return None

    def select(self, outputs: list[torch.Tensor], heads: torch.Tensor | None) -> list[torch.Tensor]:
        """Return the logits (batch, classes, z, y, x) of each sample's own data set, per resolution.

        A network with one segmentation head has the same logits for all data sets.

        Args:
            outputs: logits (batch, heads x classes, z, y, x) per resolution, full resolution first.
            heads: what `heads` returned for the data sets of the samples, on the device of the outputs.
        """
        return outputs

    def losses(
        self,
        network: nn.Module,
        batch: Batch,
        *,
        training: Training,
        compute: Compute,
        progress: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Return the `loss` to minimise and further columns of log.csv: name -> scalar on the device.

        Args:
            network: the network, in training mode.
            batch: the samples.
            training: the configuration's `training`.
            compute: device and precision of the network.
            progress: finished share of the training's epochs, 0 to 1; a tensor without axes.
        """
        with compute.autocast():
            outputs = self.select(network(batch.images), batch.heads)
        return {"loss": self.supervise(outputs, batch.labels, batch_dice=training["batch_dice"])}

    def clipped_apart(self, network: nn.Module) -> list[list[nn.Parameter]]:
        """Return the groups of parameters whose gradients are clipped apart; here all are one group."""
        return [list(network.parameters())]

    logs_gradient_norms = False  # whether `gradient_norms` returns any

    def gradient_norms(self, network: nn.Module, values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return norms of gradients, further columns of log.csv; here none.

        The norms are those of the last iteration of an epoch: every norm costs a backward pass.

        Args:
            network: the network, in training mode.
            values: what `losses` returned in this iteration, before the backward pass.
        """
        return {}

    def snapshot(self, epoch: int, epochs: int) -> dict[str, torch.Tensor]:
        """Return the tensors to keep from a finished epoch (from 1) of `epochs`; here none."""
        return {}
