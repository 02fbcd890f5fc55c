"""Relation-driven collaborative learning (zhang2021 III)."""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn

from covidseg.device import Compute
from covidseg.training.network import TwoEncoderUNet
from covidseg.training.relations import ramp_up, relation_loss, relation_matrix
from covidseg.training.sections import Options, Training
from covidseg.training.strategies.base import Batch
from covidseg.training.strategies.collaborative_backbone import CollaborativeBackbone, load_general_encoder
from covidseg.training.weights import LoadedWeights


class CollaborativeLearning(CollaborativeBackbone):
    """Two encoders that are trained together: the general encoder G and the target encoder T.

    The strategy has these options:

    relations: the consistency losses: general (L_rc^G), or both (L_rc^G and L_rc^T).
    general_encoder: whether G starts random or pre-trained. T and the decoder D always start random.
    lambda_general, lambda_target: lambda_G and lambda_T after the ramp-up, where the squared distance of two
        relation matrices is averaged over the rows, as in the paper's reference [35]. The paper sums over
        the rows. With a lambda of 1, the mean squared distance of a row counts as much as the segmentation
        loss, whatever the number of channels.
    ramp_up: share of the epochs after which both lambdas have their full value.
    snapshots: number of epochs whose relation matrices are kept, evenly spaced from the first to the last.

    Algorithm 1 computes all losses before it updates anything, and then updates T and D with L_seg (line 9),
    G with L_rc^G (line 10), and T again with L_rc^T (line 11). Here one step of the optimiser does all three,
    with the sum of the gradients. For G and D this is the same. For T it is the same as two updates of which
    each has a momentum of its own and only one decays the weights, because such updates are linear in the
    gradient. The only difference is the clipping: the gradient of T and D is clipped as a whole, after the
    sum.
    """

    def __init__(self, options: Options, datasets: list[str]) -> None:
        super().__init__(options, datasets)
        self._matrices: dict[str, torch.Tensor] = {}

    def prepare(self, network: nn.Module, pretrained: Path | None) -> LoadedWeights:
        """Load G unless G starts random; everything is trained."""
        return load_general_encoder(network, pretrained)

    def clipped_apart(self, network: nn.Module) -> list[list[nn.Parameter]]:
        """Return the parameters of G, and those of T and D, which Algorithm 1 updates apart."""
        assert isinstance(network, TwoEncoderUNet)
        general = list(network.general_encoder.parameters())
        others = [p for name, p in network.named_parameters() if not name.startswith("general_encoder.")]
        return [general, others]

    def losses(
        self,
        network: nn.Module,
        batch: Batch,
        *,
        training: Training,
        compute: Compute,
        progress: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Return the losses, their sum, and the mean differences between the relation matrices.

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
        matrices = {
            "general_non_covid": relation_matrix(source),
            "general_covid": relation_matrix(general),
            "target_covid": relation_matrix(target[-1]),
        }
        self._matrices = kept = {name: matrix.detach() for name, matrix in matrices.items()}
        losses = {
            "segmentation_loss": self.supervise(outputs, batch.labels, batch_dice=training["batch_dice"]),
            **self._relation_losses(matrices, progress),
        }
        return {
            "loss": torch.stack(list(losses.values())).sum(),
            **losses,
            "general_difference": (kept["general_non_covid"] - kept["general_covid"]).abs().mean(),
            "target_difference": (kept["general_covid"] - kept["target_covid"]).abs().mean(),
        }

    def _relation_losses(
        self, matrices: dict[str, torch.Tensor], progress: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Return L_rc^G and L_rc^T, lambda included (zhang2021, equations 4 and 5)."""
        ramp = ramp_up((progress / self.options["ramp_up"]).clamp_max(1)) / len(matrices["general_covid"])
        general = relation_loss(matrices["general_non_covid"], matrices["general_covid"])
        losses = {"general_loss": ramp * self.options["lambda_general"] * general}
        if self.options["relations"] == "both":
            target = relation_loss(matrices["general_covid"].detach(), matrices["target_covid"])
            losses["target_loss"] = -ramp * self.options["lambda_target"] * target
        return losses

    logs_gradient_norms = True

    def gradient_norms(self, network: nn.Module, values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return the norms of the gradients of L_seg (segmentation), L_rc^G (general) and L_rc^T (target).

        The gradient of a loss is that with respect to all parameters that the loss updates: of T and D, of G,
        and of T. Lambda is included. The gradients are not clipped.
        """
        trained, norms = [p for p in network.parameters() if p.requires_grad], {}
        for name in ("segmentation", "general", "target"):
            if f"{name}_loss" in values:
                loss = values[f"{name}_loss"]
                gradients = torch.autograd.grad(loss, trained, retain_graph=True, allow_unused=True)
                norms[f"{name}_gradient"] = nn.utils.get_total_norm([g for g in gradients if g is not None])
        return norms

    def snapshot(self, epoch: int, epochs: int) -> dict[str, torch.Tensor]:
        """Return the relation matrices of the epoch's last iteration, if the epoch is one to keep."""
        if epoch not in np.linspace(1, epochs, self.options["snapshots"]).round():
            return {}
        # Copies: the next step may overwrite its own results.
        return {f"epoch{epoch:04d}.{name}": matrix.clone() for name, matrix in self._matrices.items()}
