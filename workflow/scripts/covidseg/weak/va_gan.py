"""Visual feature attribution by a Wasserstein GAN (Baumgartner et al. 2018), a rival in yang2021."""

import torch
from torch import nn

from covidseg.training.optimisers import Adam
from covidseg.weak.base import Batch, System
from covidseg.weak.critic_step import CriticValues, update_critic
from covidseg.weak.losses import adversarial_loss
from covidseg.weak.networks import Critic, MapGenerator


class VAGAN(System):
    """A generator M whose map makes a slice with lesion look normal: x + M(x), M small.

    Normal slices are only shown to the critic, which is updated several times an iteration. The sum is
    cut to the images' range; the authors' tanh takes no finite map to the background's -1 (ours).
    """

    def build(self) -> nn.ModuleDict:
        """Make M and the critic."""
        return nn.ModuleDict(
            {
                "generator": MapGenerator(self.weak["features"]),
                "critic": Critic(self.weak["critic_features"], batch_norm=False),
            }
        )

    def betas(self) -> tuple[float, float]:
        """Return Adam's, of the authors' code."""
        first, second = self.weak["va_gan"]["betas"]
        return first, second

    def step(
        self, networks: nn.ModuleDict, optimisers: dict[str, Adam], batch: Batch, iteration: int
    ) -> dict[str, torch.Tensor]:
        """Update the critic `critic_steps` times, then the generator."""
        va_gan = self.weak["va_gan"]
        values: CriticValues = {
            "penalty_weight": 10,
            "critic_weight": 1,
            "learning_rate": va_gan["learning_rate"],
        }
        maps = networks["generator"](batch.lesion)
        fake = (batch.lesion + maps).clamp(-self.variant["range"], self.variant["range"])
        often = iteration < va_gan["often_first"] or iteration % va_gan["often_every"] == 0
        for _ in range(va_gan["often_steps"] if often else va_gan["critic_steps"]):
            critic_loss = update_critic(
                networks["critic"],
                optimisers["critic"],
                real=batch.normal,
                fake=fake.detach(),
                share=batch.share,
                values=values,
            )
        adversarial, size = adversarial_loss(networks["critic"](fake)), maps.abs().mean()
        loss = adversarial + va_gan["map_weight"] * size
        optimisers["generator"].zero_grad()
        loss.backward()
        optimisers["generator"].step(va_gan["learning_rate"])
        return {"loss": loss, "critic_loss": critic_loss, "adversarial_loss": adversarial, "map_size": size}

    def heat(self, networks: nn.ModuleDict, images: torch.Tensor, kind: str) -> torch.Tensor:
        """Return |M(x)| by the images' range."""
        return self.change(networks["generator"](images), torch.zeros_like(images))
