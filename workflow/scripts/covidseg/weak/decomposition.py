"""The framework that yang2021 proposes in section 2: a generative adversarial network with lesion decoder."""

import torch
from torch import nn

from covidseg.training.optimisers import Adam
from covidseg.weak.base import Draw, System
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
        self, networks: nn.ModuleDict, optimisers: dict[str, Adam], draw: Draw, iteration: int
    ) -> dict[str, torch.Tensor]:
        """Update the critic, then the other networks (equations 3 and 5)."""
        batch = draw(0)
        images, count = torch.cat([batch.normal, batch.lesion]), len(batch.normal)
        normal, lesion = networks["decomposer"](images)
        lesion_only = self.variant["fakes"] == "lesion"
        fakes = normal[count:] if lesion_only else normal
        partners = fakes if lesion_only else normal[batch.partners]
        values, weights = {}, self.variant["weights"]
        loss = torch.zeros((), device=images.device)
        if self.options["critic"]:
            values["critic_loss"] = update_critic(
                networks["critic"],
                optimisers["critic"],
                real=batch.normal,
                fake=fakes.detach(),
                partners=partners.detach(),
                share=batch.share,
                values=self.variant,
            )
            values["adversarial_loss"] = adversarial_loss(networks["critic"](fakes))
            loss = loss + weights["adversarial"] * values["adversarial_loss"]
        grey_levels = images * self.greys["unit"] + self.greys["zero"]
        edges = edge_weights(grey_levels, self.variant["edge_power"])
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
        """Return the heat maps of one of three kinds.

        decoder: G2(E(x)), clipped at 0, as a fraction of the images' range.
        rescaled: (G2(E(x)) + 1) / 2, as yang2021 3.1 says. No lesion is then 0.5, which is above the paper's
            own threshold of 0.4. Above 0.5 the order of the pixels is that of the first kind.
        difference: |x - G1(E(x))|, as a fraction of the images' range. This kind replaces the others if
            there is no G2.
        """
        normal, lesion = networks["decomposer"](images)
        if kind == "difference" or lesion is None:
            return self.fraction((images - normal).abs())
        return self.fraction(lesion) if kind == "decoder" else (lesion[:, 0] + 1) / 2
