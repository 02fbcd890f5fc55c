"""Run in nnU-Net's environment: summarise what the transforms of batchgenerators and batchgeneratorsv2 do.

The parameters are those of nnU-Net v1 (get_moreDA_augmentation with "dummy 2D"), but every transform is applied
to every image. The last line is JSON: package -> transform -> effect -> mean and standard deviation.
"""

import json
import random

import numpy as np
import torch
from batchgenerators.transforms import color_transforms as color
from batchgenerators.transforms import noise_transforms as noise
from batchgenerators.transforms import resample_transforms as resample
from batchgenerators.transforms import spatial_transforms as spatial
from batchgeneratorsv2.transforms.intensity.brightness import MultiplicativeBrightnessTransform
from batchgeneratorsv2.transforms.intensity.contrast import BGContrast, ContrastTransform
from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform

from effects import INNER, PATCH, SCAN, summarise

TURN = (-np.pi, np.pi)
GAMMA = {"gamma_range": (0.7, 1.5), "per_channel": True, "retain_stats": True}
V2_GAMMA = {
    "gamma": BGContrast((0.7, 1.5)),
    "synchronize_channels": False,
    "p_per_channel": 1,
    "p_retain_stats": 1,
}


def spatial_v1(**parameters):
    """SpatialTransform on axial slices, which "dummy 2D" makes channels of one two-dimensional image."""
    off = {"do_elastic_deform": False, "do_rotation": False, "do_scale": False}
    border = {"border_mode_data": "constant", "border_cval_data": 0, "order_data": 3, "random_crop": False}
    return spatial.SpatialTransform(PATCH[1:], None, **off | border | parameters)


def spatial_v2(**parameters):
    return SpatialTransform(PATCH[1:], 0, random_crop=False, mode_image="bicubic", **parameters)


V1 = {
    "rotation": spatial_v1(do_rotation=True, angle_x=TURN),
    "scale": spatial_v1(do_scale=True, scale=(0.7, 1.4)),
    "noise": noise.GaussianNoiseTransform(),
    "blur": noise.GaussianBlurTransform((0.5, 1.0), different_sigma_per_channel=True),
    "brightness": color.BrightnessMultiplicativeTransform((0.75, 1.25)),
    "contrast": color.ContrastAugmentationTransform((0.75, 1.25)),
    "low_resolution": resample.SimulateLowResolutionTransform(
        (0.5, 1), per_channel=True, order_downsample=0, order_upsample=3, ignore_axes=(0,)
    ),
    "gamma_inverted": color.GammaTransform(invert_image=True, **GAMMA),
    "gamma": color.GammaTransform(invert_image=False, **GAMMA),
    "mirror": spatial.MirrorTransform((0, 1, 2)),
}
# Without two transforms that differ from v1 whatever the parameters: v2 enlarges an image of low resolution
# linearly, and blurs an image that goes on as its mirror without the border voxels.
V2 = {
    "rotation": spatial_v2(p_rotation=1, rotation=TURN),
    "scale": spatial_v2(p_scaling=1, scaling=BGContrast((0.7, 1.4)), p_synchronize_scaling_across_axes=1),
    "noise": GaussianNoiseTransform((0, 0.1)),
    "brightness": MultiplicativeBrightnessTransform((0.75, 1.25), synchronize_channels=False),
    "contrast": ContrastTransform(BGContrast((0.75, 1.25)), preserve_range=True, synchronize_channels=False),
    "gamma_inverted": GammaTransform(p_invert_image=1, **V2_GAMMA),
    "gamma": GammaTransform(p_invert_image=0, **V2_GAMMA),
    "mirror": MirrorTransform((0, 1, 2)),
}


def draw_v1(name):
    """One patch by batchgenerators, which takes arrays (batch, channels, axes) and may overwrite them."""
    if name in ("rotation", "scale"):
        return V1[name](data=SCAN.copy()[None], seg=None)["data"][0]
    return V1[name](data=INNER.copy()[None, None], seg=None)["data"][0, 0]


def draw_v2(name):
    """One patch by batchgeneratorsv2, which takes tensors (channels, axes)."""
    if name in ("rotation", "scale"):
        return V2[name](image=torch.from_numpy(SCAN.copy()))["image"].numpy()
    return V2[name](image=torch.from_numpy(INNER.copy())[None])["image"][0].numpy()


if __name__ == "__main__":
    torch.set_num_threads(1)
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    packages = {"batchgenerators": (V1, draw_v1), "batchgeneratorsv2": (V2, draw_v2)}
    found = {
        package: {name: summarise(lambda name=name, draw=draw: draw(name)) for name in transforms}
        for package, (transforms, draw) in packages.items()
    }
    print(json.dumps(found))
