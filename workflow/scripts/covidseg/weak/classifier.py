"""A ResNet-18 that classifies slices as normal or lesion, and its class activation maps (CAM, Grad-CAM)."""

import torch
from monai.networks.nets import ResNet
from monai.visualize import CAM, GradCAM
from torch import nn
from torch.nn import functional

from covidseg.training.optimisers import Adam
from covidseg.weak.base import Draw, System

LESION = 1  # class of the slices with lesions


class Classifier(System):
    """A classifier trained by cross entropy; its maps show what indicates a lesion (yang2021 3.2)."""

    def build(self) -> nn.ModuleDict:
        """Return a ResNet-18 (He et al. 2016).

        In MONAI's ResNet the first convolution has stride 1, and the shortcuts have biases.
        """
        network = ResNet(
            "basic",
            [2, 2, 2, 2],
            self.weak["classifier"]["features"],
            spatial_dims=2,
            n_input_channels=1,
            conv1_t_stride=2,
            num_classes=2,
            bias_downsample=False,
        )
        return nn.ModuleDict({"classifier": network})

    def step(
        self, networks: nn.ModuleDict, optimisers: dict[str, Adam], draw: Draw, iteration: int
    ) -> dict[str, torch.Tensor]:
        """Update the classifier."""
        batch = draw(0)
        images = torch.cat([batch.normal, batch.lesion])
        classes = torch.arange(2, device=images.device).repeat_interleave(
            torch.tensor([len(batch.normal), len(batch.lesion)], device=images.device)
        )
        scores = networks["classifier"](images)
        loss = functional.cross_entropy(scores, classes)
        optimisers["classifier"].zero_grad()
        loss.backward()
        optimisers["classifier"].step(self.weak["classifier"]["learning_rate"])
        return {"loss": loss, "accuracy": (scores.argmax(1) == classes).float().mean()}

    @torch.enable_grad()
    def heat(self, networks: nn.ModuleDict, images: torch.Tensor, kind: str) -> torch.Tensor:
        """Return the class activation maps of the lesion class.

        An activation has no unit. The map of each image is therefore stretched to 0 to 1, and a threshold
        means something else for each image.
        """
        network = networks["classifier"]
        tool: CAM | GradCAM
        if kind == "cam":
            tool = CAM(network, target_layers="layer4", fc_layers="fc", postprocessing=_stretch)
        else:
            tool = GradCAM(network, target_layers="layer4", postprocessing=_stretch)
        return torch.cat([tool(image[None], class_idx=[LESION]).detach()[:, 0] for image in images])


def _stretch(maps: torch.Tensor) -> torch.Tensor:
    """Scale a map to 0 to 1; MONAI's own scaling would exchange high and low values."""
    low, high = maps.amin(), maps.amax()
    return (maps - low) / (high - low).clamp_min(1e-8)
