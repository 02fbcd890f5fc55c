"""Biomarker localisation with a classifier and a GAN (Zhang et al. 2019): a rival method in yang2021."""

from typing import cast

import torch
from torch import nn
from torch.nn import functional

from covidseg.training.optimisers import Adam
from covidseg.weak.base import Draw, System
from covidseg.weak.critic_step import update_critic
from covidseg.weak.losses import adversarial_loss, distance, normal_fidelity_loss
from covidseg.weak.networks import Critic, Decomposer


class BiomarkerLocalisation(System):
    """An encoder-decoder that turns a slice with lesions into a normal slice.

    Four losses train the encoder-decoder. A trained and frozen classifier must classify the output as normal,
    and the critic must score the output as a normal slice. Normal slices must stay unchanged, and slices with
    lesions must change little. The difference of input and output shows the lesion. The weights of the losses
    are ours, since the paper of the method was not available.
    """

    def build(self) -> nn.ModuleDict:
        """Return the encoder-decoder and the critic."""
        return nn.ModuleDict(
            {
                "generator": Decomposer(self.weak["features"], lesion=False, shared=False),
                "critic": Critic(self.weak["critic_features"], batch_norm=False),
            }
        )

    def adopt(self, networks: nn.ModuleDict, classifier: nn.Module | None) -> None:
        """Store the classifier, frozen and apart from the networks that are trained."""
        assert classifier is not None  # the registry says that the system needs a classifier
        self.classifier = classifier.eval().requires_grad_(False)

    def step(
        self, networks: nn.ModuleDict, optimisers: dict[str, Adam], draw: Draw, iteration: int
    ) -> dict[str, torch.Tensor]:
        """Update the critic, then the encoder-decoder."""
        weights = cast("dict[str, float]", self.weak["biomarker_localisation"]["weights"])
        batch = draw(0)
        count = len(batch.normal)
        cleaned, _ = networks["generator"](torch.cat([batch.normal, batch.lesion]))
        fake = cleaned[count:]
        values = {
            "critic_loss": update_critic(
                networks["critic"],
                optimisers["critic"],
                real=batch.normal,
                fake=fake.detach(),
                partners=fake.detach(),
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
        """Return the absolute difference of input and output, as a fraction of the images' range."""
        return self.fraction((images - networks["generator"](images)[0]).abs())
