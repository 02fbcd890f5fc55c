"""Visual feature attribution with a Wasserstein GAN (Baumgartner et al. 2018): a rival method in yang2021."""

import torch
from torch import nn

from covidseg.training.optimisers import Adam
from covidseg.weak.base import WHITE, Batch, Draw, System
from covidseg.weak.critic_step import CriticValues, update_critic
from covidseg.weak.losses import adversarial_loss
from covidseg.weak.networks import Critic, MapGenerator


class VAGAN(System):
    """A generator M, whose small map makes a slice x with lesions look normal: x + M(x).

    Only the critic sees normal slices. The critic is updated several times per iteration, each time with new
    slices and new mixtures, as in the authors' code. The sum x + M(x) is clipped to the images' range. This
    choice is ours: the authors apply tanh to the sum, but no finite map could then give the background's
    value of -1.
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
        self, networks: nn.ModuleDict, optimisers: dict[str, Adam], draw: Draw, iteration: int
    ) -> dict[str, torch.Tensor]:
        """Update the critic `critic_steps` or `often_steps` times, then the generator."""
        va_gan = self.weak["va_gan"]
        values: CriticValues = {
            "penalty_weight": 10,
            "critic_weight": 1,
            "learning_rate": va_gan["learning_rate"],
        }
        often = iteration < va_gan["often_first"] or iteration % va_gan["often_every"] == 0
        for update in range(va_gan["often_steps"] if often else va_gan["critic_steps"]):
            batch = draw(1 + update)
            with torch.no_grad():
                _, fake = self._heal(networks, batch)
            critic_loss = update_critic(
                networks["critic"],
                optimisers["critic"],
                real=batch.normal,
                fake=fake,
                partners=fake,
                share=batch.share,
                values=values,
            )
        maps, fake = self._heal(networks, draw(0))
        adversarial, size = adversarial_loss(networks["critic"](fake)), maps.abs().mean()
        loss = adversarial + va_gan["map_weight"] * size
        optimisers["generator"].zero_grad()
        loss.backward()
        optimisers["generator"].step(va_gan["learning_rate"])
        return {"loss": loss, "critic_loss": critic_loss, "adversarial_loss": adversarial, "map_size": size}

    def _heal(self, networks: nn.ModuleDict, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the maps M(x) of the lesion slices, and the slices made normal."""
        maps = networks["generator"](batch.lesion)
        black, white = ((level - self.greys["zero"]) / self.greys["unit"] for level in (0, WHITE))
        return maps, (batch.lesion + maps).clamp(black, white)

    def heat(self, networks: nn.ModuleDict, images: torch.Tensor, kind: str) -> torch.Tensor:
        """Return |M(x)| as a fraction of the images' range."""
        return self.fraction(networks["generator"](images).abs())
