"""Biomarker localisation, a classifier and a GAN combined (Zhang et al. 2019), a rival in yang2021."""

from typing import cast

import torch
from torch import nn
from torch.nn import functional

from covidseg.training.optimisers import Adam
from covidseg.weak.base import Batch, System
from covidseg.weak.critic_step import update_critic
from covidseg.weak.losses import adversarial_loss, distance, normal_fidelity_loss
from covidseg.weak.networks import Critic, Decomposer


class BiomarkerLocalisation(System):
    """An encoder-decoder that removes what the classifier and the critic take for disease.

    A trained classifier, frozen, must call its output normal, and the critic must take it for a normal
    slice; normal slices stay as they are and others change little. The difference shows the lesion. How
    the four losses are weighed is ours; the paper that describes the method was not at hand.
    """

    def build(self) -> nn.ModuleDict:
        """Make the encoder-decoder and the critic."""
        return nn.ModuleDict(
            {
                "generator": Decomposer(self.weak["features"], lesion=False, shared=False),
                "critic": Critic(self.weak["critic_features"], batch_norm=False),
            }
        )

    def adopt(self, networks: nn.ModuleDict, classifier: nn.Module | None) -> None:
        """Keep the classifier beside the networks, which are trained; it is not."""
        assert classifier is not None  # the registry says that the system needs a classifier
        self.classifier = classifier.eval().requires_grad_(False)

    def step(
        self, networks: nn.ModuleDict, optimisers: dict[str, Adam], batch: Batch, iteration: int
    ) -> dict[str, torch.Tensor]:
        """Update the critic, then the encoder-decoder."""
        weights = cast("dict[str, float]", self.weak["biomarker_localisation"]["weights"])
        count = len(batch.normal)
        cleaned, _ = networks["generator"](torch.cat([batch.normal, batch.lesion]))
        fake = cleaned[count:]
        values = {
            "critic_loss": update_critic(
                networks["critic"],
                optimisers["critic"],
                real=batch.normal,
                fake=fake.detach(),
                share=batch.share,
                values=self.variant,
            ),
            "adversarial_loss": adversarial_loss(networks["critic"](fake)),
            "classification_loss": functional.cross_entropy(
                self.classifier(fake), torch.zeros(len(fake), dtype=torch.long, device=fake.device)
            ),
            "similarity_loss": distance(batch.lesion, fake),
            "normal_fidelity_loss": normal_fidelity_loss(batch.normal, cleaned[:count]),
        }
        loss = torch.zeros((), device=fake.device)
        for name, weight in weights.items():
            loss = loss + weight * values[f"{name}_loss"]
        optimisers["generator"].zero_grad()
        loss.backward()
        optimisers["generator"].step(self.variant["learning_rate"])
        return {"loss": loss, **values}

    def heat(self, networks: nn.ModuleDict, images: torch.Tensor, kind: str) -> torch.Tensor:
        """Return what was removed, by the images' range."""
        return self.change(images, networks["generator"](images)[0])
