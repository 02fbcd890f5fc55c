"""Visual feature attribution with a Wasserstein GAN (Baumgartner et al. 2018): a rival method in yang2021."""

import torch
from torch import nn

from covidseg.training.optimisers import Adam
from covidseg.weak.base import Batch, System
from covidseg.weak.critic_step import CriticValues, update_critic
from covidseg.weak.losses import adversarial_loss
from covidseg.weak.networks import Critic, MapGenerator


class VAGAN(System):
    """A generator M, whose small map makes a slice x with lesions look normal: x + M(x).

    Only the critic sees normal slices. The critic is updated several times per iteration. The sum x + M(x) is
    clipped to the images' range. This choice is ours: the authors apply tanh to the sum, but no finite map
    could then give the background's value of -1.
    """

    def build(self) -> nn.ModuleDict:
        """Return M and the critic."""
        return nn.ModuleDict(
            {
                "generator": MapGenerator(self.weak["features"]),
                "critic": Critic(self.weak["critic_features"], batch_norm=False),
            }
        )

    def betas(self) -> tuple[float, float]:
        """Return the two beta coefficients of Adam in VA-GAN's code."""
        first, second = self.weak["va_gan"]["betas"]
        return first, second

    def step(
        self, networks: nn.ModuleDict, optimisers: dict[str, Adam], batch: Batch, iteration: int
    ) -> dict[str, torch.Tensor]:
        """Update the critic `critic_steps` or `often_steps` times, then the generator."""
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
        """Return |M(x)| divided by the length of the images' range."""
        return self.change(networks["generator"](images), torch.zeros_like(images))
