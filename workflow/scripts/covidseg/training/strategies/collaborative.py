"""Relation-driven collaborative learning (zhang2021 III)."""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn

from covidseg.device import Compute
from covidseg.training.losses import deep_supervision_loss
from covidseg.training.network import TwoEncoderUNet
from covidseg.training.relations import ramp_up, relation_loss, relation_matrix
from covidseg.training.sections import Architecture, Network, Options, Training
from covidseg.training.strategies.base import Batch, Strategy
from covidseg.training.weights import LoadedWeights, load_parts


class CollaborativeLearning(Strategy):
    """Two encoders that are trained together.

    The strategy has these options:

    relations: the consistency losses: none (the paper's backbone, whose general encoder G is frozen),
        general (L_rc^G), or both (L_rc^G and L_rc^T).
    general_encoder: whether G starts random or pre-trained. The target encoder T and the decoder D always
        start random.
    weight: weight of both consistency losses at the end of the ramp-up, given as lambda times the number of
        channels. With a weight of 1, the mean squared distance of a row counts as much as the segmentation
        loss, whatever the number of channels.
    ramp_up: share of the epochs after which the full weight is reached.
    snapshots: number of epochs whose relation matrices are kept, evenly spaced from the first to the last.
    """

    def __init__(self, options: Options, datasets: list[str]) -> None:
        super().__init__(options, datasets)
        self._matrices: dict[str, torch.Tensor] = {}

    def architecture(self, network: Network) -> Architecture:
        """Add the second encoder: G is `general_encoder`, T is `encoder`."""
        return {**network, "design": "concatenation"}

    def prepare(self, network: nn.Module, pretrained: Path | None) -> LoadedWeights:
        """Load G unless G starts random; freeze G if the option `relations` is none."""
        loaded = load_parts(network, pretrained, [("encoder.", "general_encoder.")]) if pretrained else []
        network.general_encoder.requires_grad_(self.options["relations"] != "none")
        return LoadedWeights.of(network, loaded=loaded)

    def losses(
        self, network: nn.Module, batch: Batch, *, training: Training, compute: Compute, progress: float
    ) -> dict[str, torch.Tensor]:
        """Return the sum of the three losses, and the mean differences between the relation matrices.

        One backward pass of the sum updates the parts that Algorithm 1 assigns to each loss. L_seg updates
        T and D, since G's features are detached. L_rc^G updates G, the only part that it depends on. L_rc^T
        updates T, since R_G is detached.
        """
        assert isinstance(network, TwoEncoderUNet)
        assert batch.source_images is not None
        with compute.autocast():
            target = network.encoder(batch.images)
            general = network.general_encoder(batch.images)[-1]
            source = network.general_encoder(batch.source_images)[-1]
            outputs = cast("list[torch.Tensor]", network.decode(target, general.detach()))
        segmentation = deep_supervision_loss(outputs, batch.labels, batch_dice=training["batch_dice"])
        matrices = {
            "general_non_covid": relation_matrix(source),
            "general_covid": relation_matrix(general),
            "target_covid": relation_matrix(target[-1]),
        }
        general_loss, target_loss = self._relation_losses(matrices, progress)
        self._matrices = {name: matrix.detach() for name, matrix in matrices.items()}
        kept = self._matrices
        return {
            "loss": segmentation + general_loss + target_loss,
            "segmentation_loss": segmentation,
            "general_difference": (kept["general_non_covid"] - kept["general_covid"]).abs().mean(),
            "target_difference": (kept["general_covid"] - kept["target_covid"]).abs().mean(),
        }

    def _relation_losses(
        self, matrices: dict[str, torch.Tensor], progress: float
    ) -> tuple[torch.Tensor | float, torch.Tensor | float]:
        """Return L_rc^G and L_rc^T (zhang2021, equations 4 and 5); a loss not in `relations` is 0."""
        channels = len(matrices["general_covid"])
        weight = self.options["weight"] / channels * ramp_up(min(1.0, progress / self.options["ramp_up"]))
        general: torch.Tensor | float = 0.0
        target: torch.Tensor | float = 0.0
        if self.options["relations"] != "none":
            general = weight * relation_loss(matrices["general_non_covid"], matrices["general_covid"])
        if self.options["relations"] == "both":
            target = -weight * relation_loss(matrices["general_covid"].detach(), matrices["target_covid"])
        return general, target

    def snapshot(self, epoch: int, epochs: int) -> dict[str, torch.Tensor]:
        """Return the relation matrices of the epoch's last iteration, if the epoch is one to keep."""
        if epoch not in np.linspace(1, epochs, self.options["snapshots"]).round():
            return {}
        return {f"epoch{epoch:04d}.{name}": matrix for name, matrix in self._matrices.items()}
