"""The framework that yang2021 proposes in section 2: a generative adversarial network with lesion decoder."""

import torch
from torch import nn

from covidseg.training.optimisers import Adam
from covidseg.weak.base import Batch, System
from covidseg.weak.critic_step import update_critic
from covidseg.weak.losses import (
    adversarial_loss,
    edge_weights,
    normal_fidelity_loss,
    reconstruction_loss,
)
from covidseg.weak.networks import Critic, Decomposer


class Decomposition(System):
    """Encoder E, generator G1 (normal version), lesion decoder G2 and critic D.

    The options are the paper's ablations:

    normal_fidelity: whether the loss L_n is used.
    lesion_decoder: whether there is a G2, and with it the loss L_r.
    critic: whether there is a D, and with it the loss L_a.
    """

    def build(self) -> nn.ModuleDict:
        """Return the decomposer (E, G1 and G2) and the critic D, without the parts that the options drop."""
        decomposer = Decomposer(
            self.weak["features"],
            lesion=self.options["lesion_decoder"],
            shared=self.variant["shared_decoders"],
        )
        networks = nn.ModuleDict({"decomposer": decomposer})
        if self.options["critic"]:
            batch_norm = self.variant["critic_norm"] == "batch"
            networks["critic"] = Critic(self.weak["critic_features"], batch_norm=batch_norm)
        return networks

    def step(
        self, networks: nn.ModuleDict, optimisers: dict[str, Adam], batch: Batch, iteration: int
    ) -> dict[str, torch.Tensor]:
        """Update the critic, then the other networks (equations 3 and 5)."""
        images, count = torch.cat([batch.normal, batch.lesion]), len(batch.normal)
        normal, lesion = networks["decomposer"](images)
        fakes = normal[count:] if self.variant["fakes"] == "lesion" else normal
        values, weights = {}, self.variant["weights"]
        loss = torch.zeros((), device=images.device)
        if self.options["critic"]:
            values["critic_loss"] = update_critic(
                networks["critic"],
                optimisers["critic"],
                real=batch.normal,
                fake=fakes.detach(),
                share=batch.share,
                values=self.variant,
            )
            values["adversarial_loss"] = adversarial_loss(networks["critic"](fakes))
            loss = loss + weights["adversarial"] * values["adversarial_loss"]
        edges = edge_weights(images / self.variant["range"], self.variant["edge_power"])
        if self.options["lesion_decoder"]:
            values["reconstruction_loss"] = reconstruction_loss(images, normal, lesion, edges)
            loss = loss + weights["reconstruction"] * values["reconstruction_loss"]
        if self.options["normal_fidelity"]:
            edges = edges if isinstance(edges, float) else edges[:count]
            values["normal_fidelity_loss"] = normal_fidelity_loss(batch.normal, normal[:count], edges)
            loss = loss + weights["fidelity"] * values["normal_fidelity_loss"]
        optimisers["decomposer"].zero_grad()
        loss.backward()
        optimisers["decomposer"].step(self.variant["learning_rate"])
        return {"loss": loss, **values}

    def heat(self, networks: nn.ModuleDict, images: torch.Tensor, kind: str) -> torch.Tensor:
        """Return |G2(E(x))|, or |x - G1(E(x))| divided by the length of the range of x.

        The second kind is used if `kind` is "difference" or if there is no G2.

        The paper scales G2's output from [-1, 1] to [0, 1]. This would put "no lesion" at 0.5, which is above
        the paper's own threshold of 0.4. The absolute value is our choice: it is 0 without lesion, at most 1,
        and can be compared with the paper's thresholds.
        """
        normal, lesion = networks["decomposer"](images)
        if kind == "decoder" and lesion is not None:
            return lesion[:, 0].abs()
        return self.change(images, normal)
